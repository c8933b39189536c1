// SPDX-License-Identifier: AGPL-3.0-or-later
// What is offered of XEP-0388 in stream features. The dialogue is ClientStream's (sasl2.cpp).
#pragma once
#include <string>
#include <vector>

namespace lethe::stream {

/// The mechanisms of logins by password, as `<mechanism/>` elements, and by token (XEP-0484), by name.
std::string sasl2_feature(const std::string& mechanisms, const std::vector<std::string>& token_mechanisms);

}  // namespace lethe::stream
