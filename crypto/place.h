// SPDX-License-Identifier: AGPL-3.0-or-later
// The byte form of a place in a sealed log. Inside crypto/ only.
#pragma once
#include <array>

#include "crypto/log.h"

namespace lethe::crypto {

/// class 1 ‖ bucket 4 ‖ segment 4 ‖ index 2, big-endian.
inline constexpr std::size_t place_bytes = 11;
/// The same without the index: what a segment header is bound to.
inline constexpr std::size_t segment_place_bytes = 9;

std::array<std::uint8_t, place_bytes> to_bytes(const LogPlace& place);
/// Values of ClassId that this program knows.
bool known_class(std::uint8_t value);

}  // namespace lethe::crypto
