// SPDX-License-Identifier: AGPL-3.0-or-later
// The commented lethe.toml that lethectl init writes: every key, every default.
#pragma once
#include <string>
#include <string_view>

namespace lethe::admin {
std::string example_config(std::string_view domain, std::string_view data);
}  // namespace lethe::admin
