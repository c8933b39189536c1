// SPDX-License-Identifier: AGPL-3.0-or-later
// "Did you mean …": the known word nearest to a mistyped one.
#pragma once
#include <span>
#include <string_view>

namespace lethe::admin {
/// Empty if none is near: at most two edits, and fewer than half the letters.
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);
}  // namespace lethe::admin
