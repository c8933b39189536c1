// SPDX-License-Identifier: AGPL-3.0-or-later
// The commented lethe.toml that lethectl init writes: every key, every default.
#pragma once
#include <string>
#include <string_view>

namespace lethe::admin {
/// `node_key_source`: "file" or "passphrase".
std::string example_config(std::string_view domain, std::string_view data, std::string_view node_key_source = "file");
}  // namespace lethe::admin
