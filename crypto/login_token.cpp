// SPDX-License-Identifier: AGPL-3.0-or-later
#include "crypto/login_token.h"

#include <sodium.h>

#include "crypto/account.h"
#include "crypto/labels.h"
#include "crypto/primitives.h"

namespace lethe::crypto {
namespace {

using TokenKey = Secret<struct TokenKeyTag, key_bytes>;

constexpr std::size_t v_bytes = crypto_auth_hmacsha256_BYTES;
constexpr std::size_t token_random_bytes = 32;

/// HMAC-SHA-256(token, role ‖ binding).
void ht(std::span<std::uint8_t, v_bytes> out, std::string_view token, std::string_view role, ByteView binding) {
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, as_bytes(token).data(), token.size());
    crypto_auth_hmacsha256_update(&state, as_bytes(role).data(), role.size());
    crypto_auth_hmacsha256_update(&state, binding.data(), binding.size());
    crypto_auth_hmacsha256_final(&state, out.data());
    detail::wipe(&state, sizeof state);
}

/// v is the output of a PRF under a random token, so it may be a key itself.
template <std::size_t N>
void of_v(std::span<std::uint8_t, N> out, ByteView v, std::string_view label, TokenMechanism mechanism, const AccountId& id) {
    const auto m = static_cast<std::uint8_t>(mechanism);
    Bytes message(label.size() + 1 + AccountId::size);
    concat(message, {as_bytes(label), {&m, 1}, id.view()});
    keyed_hash(out, v, message);
}

TokenKey wrap_key(ByteView v, TokenMechanism mechanism, const AccountId& id) {
    return TokenKey::make([&](std::span<std::uint8_t, key_bytes> out) { of_v(out, v, labels::token_wrap_key, mechanism, id); });
}

}  // namespace

std::array<std::uint8_t, 16> client_mark(const AccountId& id, std::string_view user_agent) {
    Bytes message(labels::token_client.size() + user_agent.size());
    concat(message, {as_bytes(labels::token_client), as_bytes(user_agent)});
    std::array<std::uint8_t, 16> mark;
    keyed_hash(mark, id.view(), message);
    return mark;
}

IssuedToken issue_login_token(const AccountId& id, TokenMechanism mechanism, ByteView binding, std::string_view user_agent, std::int64_t expiry,
                              const VaultSecret& secret) {
    Scratch<token_random_bytes> random;
    randombytes_buf(random.bytes.data(), random.bytes.size());
    std::array<char, sodium_base64_ENCODED_LEN(token_random_bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING)> encoded;
    sodium_bin2base64(encoded.data(), encoded.size(), random.bytes.data(), random.bytes.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    IssuedToken issued{"secret-token:" + std::string(encoded.data()), {mechanism, client_mark(id, user_agent), expiry, {}, Bytes(login_token_wrap_bytes)}};
    detail::wipe(encoded.data(), encoded.size());

    Scratch<v_bytes> v;
    ht(v.bytes, issued.text, "Initiator", binding);
    of_v(std::span(issued.token.check), v.bytes, labels::token_check, mechanism, id);
    // Of one size, so nothing to pad.
    Scratch<v_bytes + VaultSecret::size> plain;
    ht(std::span(plain.bytes).first<v_bytes>(), issued.text, "Responder", binding);
    secret.with_bytes([&](KeyView s) { std::copy(s.begin(), s.end(), plain.bytes.begin() + v_bytes); });
    std::uint8_t* const nonce = issued.token.wrap.data();
    randombytes_buf(nonce, nonce_bytes);
    wrap_key(v.bytes, mechanism, id).with_bytes([&](KeyView k) {
        crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + nonce_bytes, nullptr, plain.bytes.data(), plain.bytes.size(), nullptr, 0, nullptr, nonce,
                                                   k.data());
    });
    return issued;
}

const LoginToken* find_login_token(const std::vector<LoginToken>& tokens, const AccountId& id, TokenMechanism mechanism, std::string_view user_agent,
                                   ByteView v) {
    if (v.size() != v_bytes) return nullptr;
    std::array<std::uint8_t, 32> check;
    of_v(std::span(check), v, labels::token_check, mechanism, id);
    const auto client = client_mark(id, user_agent);
    const LoginToken* found = nullptr;
    for (const auto& token : tokens) {
        const bool same = sodium_memcmp(token.check.data(), check.data(), check.size()) == 0;
        const bool theirs = sodium_memcmp(token.client.data(), client.data(), client.size()) == 0;
        if (same && theirs && token.mechanism == mechanism) found = &token;
    }
    return found;
}

std::expected<OpenedToken, Unopenable> open_login_token(const LoginToken& token, const AccountId& id, ByteView v) {
    if (v.size() != v_bytes || token.wrap.size() != login_token_wrap_bytes) return std::unexpected(Unopenable{});
    Scratch<v_bytes + VaultSecret::size> plain;
    const std::uint8_t* const nonce = token.wrap.data();
    const bool opened = wrap_key(v, token.mechanism, id).with_bytes([&](KeyView k) {
        return crypto_aead_xchacha20poly1305_ietf_decrypt(plain.bytes.data(), nullptr, nullptr, nonce + nonce_bytes, login_token_wrap_bytes - nonce_bytes,
                                                          nullptr, 0, nonce, k.data()) == 0;
    });
    if (!opened) return std::unexpected(Unopenable{});
    OpenedToken out{VaultSecret::take(std::span(plain.bytes).last<VaultSecret::size>()), {}};
    std::copy_n(plain.bytes.begin(), v_bytes, out.answer.begin());
    return out;
}

}  // namespace lethe::crypto
