// SPDX-License-Identifier: AGPL-3.0-or-later
// What this server says of itself (XEP-0030), and the hash of it that stream features carry (XEP-0115 section 5).
#pragma once
#include <string>

#include "server/core/feature.h"

namespace lethe::feature {

inline const std::string caps_node = "urn:x-lethe:server";

/// Identity and features of the server, or of a user's account.
void add_disco_info(xml::Element query, const core::FeatureTable& features, bool server);
/// Verification string of the server's answer, SHA-1 in base64.
std::string caps_ver(const core::FeatureTable& features);

}  // namespace lethe::feature
