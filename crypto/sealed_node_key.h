// SPDX-License-Identifier: AGPL-3.0-or-later
// Layout of a node key file sealed by a passphrase. Inside crypto/ only.
#pragma once
#include <cstddef>

#include "crypto/forms.h"
#include "crypto/labels.h"

namespace lethe::crypto {

/// label 16 ‖ operations 4 ‖ memory in KiB 4 ‖ salt 16: all of it is additional data.
inline constexpr std::size_t sealed_node_key_front = labels::sealed_node_key.size() + 4 + 4 + 16;
inline constexpr std::size_t sealed_node_key_bytes =
    sealed_node_key_front + nonce_bytes + key_bytes + tag_bytes;

}  // namespace lethe::crypto
