// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0082 date-times: UTC, `2026-01-02T03:04:05.678Z`. Times are microseconds since the Unix epoch everywhere in Lethe.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lethe::xmpp {
std::string format_datetime(std::int64_t unix_micros);                     ///< six fractional digits, trailing Z
std::optional<std::int64_t> parse_datetime(std::string_view text);         ///< any XEP-0082 DateTime, offsets included
}  // namespace lethe::xmpp
