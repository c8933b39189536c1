// SPDX-License-Identifier: AGPL-3.0-or-later
// Padding before sealing, so that a size tells little: u32 length ‖ plaintext ‖ zeros, up to `minimum`, above
// it to the Padmé size of length field and plaintext (Nikitin et al., PURBs, 2019: at most 12 % more, O(log
// log n) bits told). Inside crypto/ only.
#pragma once
#include <cstddef>
#include <optional>
#include <span>

#include "crypto/bytes.h"

namespace lethe::crypto {

inline constexpr std::size_t length_field = 4;

/// Rounds up to a multiple of 2^(E - S) with E = floor(log2 n), S = floor(log2 E) + 1. Idempotent.
std::size_t padme(std::size_t n);
/// Size after padding of a plaintext of n bytes. Precondition: n < 2^32.
std::size_t padded_size(std::size_t n, std::size_t minimum);
/// The sizes padded_size() can return.
bool is_padded_size(std::size_t size, std::size_t minimum);

/// Writes length field and plaintext at the front of `out`, which is all zero and padded_size() long.
void pad_into(std::span<std::uint8_t> out, ByteView plain);
/// The plaintext inside, or nothing unless pad_into() would have made exactly these bytes.
std::optional<ByteView> unpad(ByteView padded, std::size_t minimum);

}  // namespace lethe::crypto
