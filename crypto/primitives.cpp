// SPDX-License-Identifier: AGPL-3.0-or-later
#include "crypto/primitives.h"

#include <sodium.h>

#include <algorithm>
#include <cstdlib>

#include "crypto/padding.h"

namespace lethe::crypto {

static_assert(nonce_bytes == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
static_assert(tag_bytes == crypto_aead_xchacha20poly1305_ietf_ABYTES);
static_assert(key_bytes == crypto_aead_xchacha20poly1305_ietf_KEYBYTES && key_bytes == crypto_kdf_KEYBYTES);
static_assert(std::tuple_size_v<labels::Context> == crypto_kdf_CONTEXTBYTES);

void concat(std::span<std::uint8_t> out, std::initializer_list<ByteView> parts) {
    std::size_t at = 0;
    for (ByteView part : parts) {
        if (part.size() > out.size() - at) std::abort();
        std::copy(part.begin(), part.end(), out.begin() + static_cast<std::ptrdiff_t>(at));
        at += part.size();
    }
    if (at != out.size()) std::abort();
}

void derive(std::span<std::uint8_t, key_bytes> out, KeyView master, const labels::Context& context) {
    if (crypto_kdf_derive_from_key(out.data(), out.size(), labels::subkey_number, context.data(),
                                   master.data()) != 0)
        std::abort();
}

void keyed_hash(std::span<std::uint8_t> out, ByteView key, ByteView message) {
    // libsodium takes short keys, and no key at all, without a word; here that can only be a mistake.
    if (key.size() < crypto_generichash_KEYBYTES_MIN ||
        crypto_generichash(out.data(), out.size(), message.data(), message.size(), key.data(), key.size()) !=
            0)
        std::abort();
}

Bytes seal(Form form, KeyView key, ByteView ad, ByteView plain, std::size_t minimum) {
    const std::size_t padded = padded_size(plain.size(), minimum);
    Bytes out(seal_overhead + padded);
    std::uint8_t* const nonce = out.data() + 1;
    std::uint8_t* const text = nonce + nonce_bytes;
    out[0] = static_cast<std::uint8_t>(form);
    randombytes_buf(nonce, nonce_bytes);
    pad_into({text, padded}, plain);
    crypto_aead_xchacha20poly1305_ietf_encrypt_detached(text, text + padded, nullptr, text, padded, ad.data(),
                                                        ad.size(), nullptr, nonce, key.data());
    return out;
}

std::expected<Bytes, Unopenable> open(Form form, KeyView key, ByteView ad, ByteView sealed,
                                      std::size_t minimum) {
    if (!looks_like(form, sealed)) return std::unexpected(Unopenable{});
    const std::size_t padded = sealed.size() - seal_overhead;
    const std::uint8_t* const nonce = sealed.data() + 1;
    const std::uint8_t* const text = nonce + nonce_bytes;
    Bytes plain(padded);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt_detached(
            plain.data(), nullptr, text, padded, text + padded, ad.data(), ad.size(), nonce, key.data()) != 0)
        return std::unexpected(Unopenable{});
    const auto inner = unpad(plain, minimum);
    if (!inner) return std::unexpected(Unopenable{});
    const std::size_t size = inner->size();
    std::memmove(plain.data(), inner->data(), size);
    plain.resize(size);
    return plain;
}

}  // namespace lethe::crypto
