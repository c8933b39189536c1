// SPDX-License-Identifier: AGPL-3.0-or-later
// What this server says of itself (XEP-0030, with the forms of XEP-0128), and the hash of it that stream features carry (XEP-0115
// section 5). Both change with the policy.
#pragma once
#include <string>

#include "server/core/feature.h"

namespace lethe::feature {

inline const std::string caps_node = "urn:x-lethe:server";

/// Identities, features and forms of the server, or identities and features of a user's account.
void add_disco_info(xml::Element query, const core::Core& core, bool server);
/// Verification string of the server's answer, SHA-1 in base64.
std::string caps_ver(const core::Core& core);

}  // namespace lethe::feature
