// SPDX-License-Identifier: AGPL-3.0-or-later
#include "crypto/ledger_key.h"

#include <sodium.h>

#include "crypto/hex.h"
#include "crypto/primitives.h"

namespace lethe::crypto {
namespace {

using Seed = Secret<struct LedgerSeedTag, crypto_sign_ed25519_SEEDBYTES>;
static_assert(crypto_sign_ed25519_SEEDBYTES == key_bytes);
static_assert(crypto_sign_ed25519_BYTES == std::tuple_size_v<LedgerSignature>);

}  // namespace

LedgerKey::LedgerKey(const NodeKey& node_key)
    : signing_(SigningKey::make([&](std::span<std::uint8_t, 64> out) {
          static_assert(crypto_sign_ed25519_SECRETKEYBYTES == 64);
          subkey<Seed>(node_key, labels::node_ledger).with_bytes([&](KeyView seed) {
              crypto_sign_ed25519_seed_keypair(public_key_.bytes.data(), out.data(), seed.data());
          });
      })) {}

LedgerSignature LedgerKey::sign(ByteView message) const {
    LedgerSignature signature;
    signing_.with_bytes([&](std::span<const std::uint8_t, 64> key) {
        crypto_sign_ed25519_detached(signature.data(), nullptr, message.data(), message.size(), key.data());
    });
    return signature;
}

bool signed_by(const LedgerPublicKey& key, ByteView message, const LedgerSignature& signature) {
    return crypto_sign_ed25519_verify_detached(signature.data(), message.data(), message.size(), key.bytes.data()) == 0;
}

std::string to_string(const LedgerPublicKey& key) {
    return to_hex(key.bytes);
}

std::optional<LedgerPublicKey> parse_ledger_key(std::string_view text) {
    LedgerPublicKey key;
    if (!from_hex(text, key.bytes)) return std::nullopt;
    return key;
}

}  // namespace lethe::crypto
