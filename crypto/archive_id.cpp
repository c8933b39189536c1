// SPDX-License-Identifier: AGPL-3.0-or-later
#include "crypto/archive_id.h"

#include <sodium.h>

#include <algorithm>

#include "crypto/codec.h"
#include "crypto/place.h"

namespace lethe::crypto {
namespace {

using Iv = std::array<std::uint8_t, archive_iv_bytes>;
using Plain = std::array<std::uint8_t, place_bytes + 8>;  // place ‖ i64 received
constexpr std::size_t id_bytes = archive_iv_bytes + std::tuple_size_v<Plain>;
static_assert(id_bytes * 4 == archive_id_text * 3);
constexpr int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

/// The plaintext's own keyed hash is the nonce: two ids share one only if they are the same id.
Iv synthetic_iv(const ArchiveIdKeys& keys, const Plain& plain) {
    Iv iv;
    keys.mac.with_bytes([&](KeyView k) { keyed_hash(iv, k, plain); });
    return iv;
}

/// The same operation hides and shows.
void mask(const ArchiveIdKeys& keys, const Iv& iv, Plain& plain) {
    Plain pad;
    keys.pad.with_bytes([&](KeyView k) { keyed_hash(pad, k, iv); });
    for (std::size_t i = 0; i < plain.size(); ++i) plain[i] ^= pad[i];
}

Plain to_plain(const ArchivePlace& where) {
    Plain plain;
    concat(plain, {to_bytes(where.place), Encoder().i64(where.received).take()});
    return plain;
}

ArchivePlace from_plain(const Plain& bytes) {
    Decoder in(bytes);
    ArchivePlace where;
    LogPlace& place = where.place;
    place.cls = static_cast<ClassId>(in.u8());
    place.bucket = in.u32();
    place.segment = in.u32();
    place.index = in.u16();
    where.received = in.i64();
    return where;
}

}  // namespace

std::string ArchiveIdKeys::encode(const ArchivePlace& where) const {
    Plain plain = to_plain(where);
    const Iv iv = synthetic_iv(*this, plain);
    mask(*this, iv, plain);
    std::array<std::uint8_t, id_bytes> id;
    concat(id, {iv, plain});
    std::array<char, archive_id_text + 1> text;
    sodium_bin2base64(text.data(), text.size(), id.data(), id.size(), variant);
    return std::string(text.data(), archive_id_text);
}

std::optional<ArchivePlace> ArchiveIdKeys::decode(std::string_view text) const {
    // libsodium takes octets above 127 for letters.
    if (text.size() != archive_id_text || std::ranges::any_of(text, [](char c) { return (c & 0x80) != 0; })) return std::nullopt;
    std::array<std::uint8_t, id_bytes> id;
    std::size_t decoded = 0;
    if (sodium_base642bin(id.data(), id.size(), text.data(), text.size(), nullptr, &decoded, nullptr,
                          variant) != 0 ||
        decoded != id.size())
        return std::nullopt;
    Iv iv;
    Plain plain;
    std::memcpy(iv.data(), id.data(), iv.size());
    std::memcpy(plain.data(), id.data() + iv.size(), plain.size());
    mask(*this, iv, plain);
    const Iv expected = synthetic_iv(*this, plain);
    if (sodium_memcmp(iv.data(), expected.data(), iv.size()) != 0) return std::nullopt;
    return from_plain(plain);
}

}  // namespace lethe::crypto
