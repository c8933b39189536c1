// SPDX-License-Identifier: AGPL-3.0-or-later
// Every use of a symmetric primitive, with the reason why it is right. Inside crypto/ only; callers elsewhere
// see verbs.
#pragma once
#include <array>
#include <expected>
#include <initializer_list>
#include <span>

#include "crypto/bytes.h"
#include "crypto/forms.h"
#include "crypto/labels.h"
#include "crypto/secret.h"

namespace lethe::crypto {

/// Makes Sealed values; the only source besides the disk.
struct SealedAccess {
    static Sealed make(Bytes bytes) { return Sealed(std::move(bytes)); }
};

using KeyView = std::span<const std::uint8_t, key_bytes>;

/// Bytes on the stack that are wiped when they leave it: for messages that hold a key.
template <std::size_t N>
struct Scratch {
    std::array<std::uint8_t, N> bytes;
    Scratch() = default;
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() { detail::wipe(bytes.data(), N); }
};

/// Fixed-length concatenation: the parts must fill `out` exactly, so that no two inputs share one encoding.
void concat(std::span<std::uint8_t> out, std::initializer_list<ByteView> parts);

/// crypto_kdf: BLAKE2b-256 with the master as key, the context as personalisation, the number as salt, an
/// empty message.
void derive(std::span<std::uint8_t, key_bytes> out, KeyView master, const labels::Context& context);
template <class Sub, class Master>
Sub subkey(const Master& master, const labels::Context& context) {
    return Sub::make([&](auto out) { master.with_bytes([&](KeyView m) { derive(out, m, context); }); });
}

/// BLAKE2b, keyed, unsalted; the output size (16 to 64) is part of the hash. A PRF: BLAKE2b's keyed mode
/// needs no HMAC.
void keyed_hash(std::span<std::uint8_t> out, ByteView key, ByteView message);
template <class Identifier, class Key>
Identifier identifier(const Key& key, ByteView message) {
    Identifier id;
    key.with_bytes([&](ByteView k) { keyed_hash(id.bytes, k, message); });
    return id;
}

/// form ‖ nonce ‖ XChaCha20-Poly1305-IETF(padded plain) ‖ tag. The 24-byte nonce is random: at 192 bits no
/// number of records under one key makes a repetition worth counting, and there is no counter to lose in a
/// crash or to turn back by restoring a backup.
Bytes seal(Form form, KeyView key, ByteView ad, ByteView plain, std::size_t minimum);
/// Checks form, size, tag and padding; one answer for all that can be wrong.
std::expected<Bytes, Unopenable> open(Form form, KeyView key, ByteView ad, ByteView sealed,
                                      std::size_t minimum);

}  // namespace lethe::crypto
