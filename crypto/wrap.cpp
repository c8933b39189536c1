// SPDX-License-Identifier: AGPL-3.0-or-later
// The vault secret under the ClientKey that a SCRAM login yields (crypto/README.md, "Vault wrap").
#include <sodium.h>

#include <cstdlib>

#include "crypto/account.h"
#include "crypto/labels.h"
#include "crypto/primitives.h"

namespace lethe::crypto {
namespace {

using WrapKey = Secret<struct WrapKeyTag, key_bytes>;

std::size_t client_key_size(Mechanism m) { return m == Mechanism::scram_sha_1 ? 20 : 32; }

/// ClientKey is already the output of PBKDF2, so a fast hash is enough; it stays the only thing between the
/// record and the vault.
WrapKey wrap_key(ByteView client_key, Mechanism mechanism, const AccountId& id) {
    const auto m = static_cast<std::uint8_t>(mechanism);
    std::array<std::uint8_t, labels::vault_wrap_key.size() + 1 + AccountId::size> message;
    concat(message, {as_bytes(labels::vault_wrap_key), {&m, 1}, id.view()});
    return WrapKey::make(
        [&](std::span<std::uint8_t, key_bytes> out) { keyed_hash(out, client_key, message); });
}

}  // namespace

Bytes wrap_vault(ByteView client_key, Mechanism mechanism, const AccountId& id, const VaultSecret& secret) {
    if (client_key.size() != client_key_size(mechanism)) std::abort();
    // Fixed size, so nothing to pad. Random nonce: the same password may wrap twice (a record re-sealed after
    // an import).
    Bytes out(vault_wrap_bytes);
    out[0] = static_cast<std::uint8_t>(Form::vault_wrap);
    std::uint8_t* const nonce = out.data() + 1;
    std::uint8_t* const text = nonce + nonce_bytes;
    randombytes_buf(nonce, nonce_bytes);
    wrap_key(client_key, mechanism, id).with_bytes([&](KeyView k) {
        secret.with_bytes([&](KeyView s) {
            crypto_aead_xchacha20poly1305_ietf_encrypt_detached(
                text, text + s.size(), nullptr, s.data(), s.size(), nullptr, 0, nullptr, nonce, k.data());
        });
    });
    return out;
}

std::expected<VaultSecret, Unopenable> unwrap_vault(ByteView client_key, Mechanism mechanism,
                                                    const AccountId& id, ByteView wrap) {
    if (client_key.size() != client_key_size(mechanism) || !looks_like(Form::vault_wrap, wrap))
        return std::unexpected(Unopenable{});
    const std::uint8_t* const nonce = wrap.data() + 1;
    const std::uint8_t* const text = nonce + nonce_bytes;
    bool opened = false;
    VaultSecret secret = VaultSecret::make([&](std::span<std::uint8_t, key_bytes> out) {
        wrap_key(client_key, mechanism, id).with_bytes([&](KeyView k) {
            opened = crypto_aead_xchacha20poly1305_ietf_decrypt_detached(out.data(), nullptr, text,
                                                                         out.size(), text + out.size(),
                                                                         nullptr, 0, nonce, k.data()) == 0;
        });
    });
    if (!opened) return std::unexpected(Unopenable{});
    return secret;
}

}  // namespace lethe::crypto
