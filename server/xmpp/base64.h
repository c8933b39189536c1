// SPDX-License-Identifier: AGPL-3.0-or-later
// Base64 as SASL and XEPs use it: strict (RFC 4648 section 4, canonical padding, no whitespace). By mbedTLS where it is strict enough.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lethe::xmpp::base64 {
std::string encode(std::span<const std::uint8_t> bytes);
std::optional<std::vector<std::uint8_t>> decode(std::string_view text);  ///< what decodes re-encodes to the same text
}  // namespace lethe::xmpp::base64
