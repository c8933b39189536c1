// SPDX-License-Identifier: AGPL-3.0-or-later
// Bytes as lower-case hexadecimal digits. For what is public: never for a secret.
#pragma once
#include <string>

#include "crypto/bytes.h"

namespace lethe::crypto {

inline std::string to_hex(ByteView bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    out.reserve(2 * bytes.size());
    for (const auto byte : bytes) out += {digits[byte >> 4], digits[byte & 15]};
    return out;
}

}  // namespace lethe::crypto
