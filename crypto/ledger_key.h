// SPDX-License-Identifier: AGPL-3.0-or-later
// The Ed25519 key that signs the ledger: its seed is a sub-key of the node key, its public half is published.
// Thread: one LedgerKey belongs to one thread at a time; the free functions go anywhere.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/bytes.h"
#include "crypto/node_key.h"
#include "crypto/secret.h"

namespace lethe::crypto {

using LedgerPublicKey = Id<struct LedgerPublicKeyTag, 32>;
using LedgerSignature = std::array<std::uint8_t, 64>;

class LedgerKey {
public:
    explicit LedgerKey(const NodeKey& node_key);
    const LedgerPublicKey& public_key() const { return public_key_; }
    /// Deterministic: the same bytes get the same signature. The key has this one use.
    LedgerSignature sign(ByteView message) const;

private:
    using SigningKey = Secret<struct LedgerSigningKeyTag, 64>;
    LedgerPublicKey public_key_;  // before signing_, whose making fills it
    SigningKey signing_;
};

/// RFC 8032, with libsodium's refusal of what is not canonical and of keys of small order.
bool signed_by(const LedgerPublicKey& key, ByteView message, const LedgerSignature& signature);

/// 64 lower-case hexadecimal digits: how the key is published.
std::string to_string(const LedgerPublicKey& key);
std::optional<LedgerPublicKey> parse_ledger_key(std::string_view text);

}  // namespace lethe::crypto
