// SPDX-License-Identifier: AGPL-3.0-or-later
// Names that nobody can guess: stream ids, resources, ids of sessions that may be resumed.
#pragma once
#include <string>
#include <vector>

#include "crypto/account.h"
#include "crypto/hex.h"

namespace lethe::stream {

inline std::string random_hex(std::size_t bytes) {
    std::vector<std::uint8_t> random(bytes);
    crypto::random_bytes(random);
    return crypto::to_hex(random);
}

}  // namespace lethe::stream
