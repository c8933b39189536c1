// SPDX-License-Identifier: AGPL-3.0-or-later
// Bytes as lower-case hexadecimal digits, and back. For what is public: never for a secret.
#pragma once
#include <string>

#include "crypto/bytes.h"

namespace lethe::crypto {

/// The two digits of one byte.
inline std::string_view hex_digits(std::uint8_t byte) {
    static constexpr auto all = [] {
        std::array<char, 512> out{};
        for (std::size_t i = 0; i < 256; ++i) {
            out[2 * i] = "0123456789abcdef"[i >> 4];
            out[2 * i + 1] = "0123456789abcdef"[i & 15];
        }
        return out;
    }();
    return {all.data() + std::size_t{2} * byte, 2};
}

inline std::string to_hex(ByteView bytes) {
    std::string out;
    out.reserve(2 * bytes.size());
    for (const auto byte : bytes) out += hex_digits(byte);
    return out;
}

/// Strict, so that no two texts mean the same bytes: two lower-case digits for each byte of `out` and nothing
/// else. False if the text is another.
template <std::size_t N>
bool from_hex(std::string_view text, std::array<std::uint8_t, N>& out) {
    if (text.size() != 2 * N) return false;
    const auto digit = [](char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    };
    for (std::size_t i = 0; i < N; ++i) {
        const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return true;
}

}  // namespace lethe::crypto
