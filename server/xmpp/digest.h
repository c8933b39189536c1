// SPDX-License-Identifier: AGPL-3.0-or-later
// SHA-1 where XEPs name things by it (XEP-0084, XEP-0115, XEP-0153): never for security.
#pragma once
#include <array>
#include <cstdint>
#include <span>

namespace lethe::xmpp {
std::array<std::uint8_t, 20> sha1(std::span<const std::uint8_t> bytes);
}  // namespace lethe::xmpp
