// SPDX-License-Identifier: AGPL-3.0-or-later
// Names that nobody can guess: ids of streams, requests, items and commands, resources, what a session is resumed by.
#pragma once
#include <string>
#include <vector>

#include "crypto/account.h"
#include "crypto/hex.h"

namespace lethe::core {

inline std::string random_hex(std::size_t bytes) {
    std::vector<std::uint8_t> random(bytes);
    crypto::random_bytes(random);
    return crypto::to_hex(random);
}

}  // namespace lethe::core
