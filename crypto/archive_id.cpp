// SPDX-License-Identifier: AGPL-3.0-or-later
#include "crypto/archive_id.h"

#include <sodium.h>

#include "crypto/codec.h"
#include "crypto/place.h"

namespace lethe::crypto {
namespace {

using Iv = std::array<std::uint8_t, archive_iv_bytes>;
using Place = std::array<std::uint8_t, place_bytes>;
constexpr std::size_t id_bytes = archive_iv_bytes + place_bytes;
static_assert(id_bytes * 4 == archive_id_text * 3);
constexpr int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

/// The place's own keyed hash is the nonce: two ids share one only if they are the same id.
Iv synthetic_iv(const ArchiveIdKeys& keys, const Place& place) {
    Iv iv;
    keys.mac.with_bytes([&](KeyView k) { keyed_hash(iv, k, place); });
    return iv;
}

/// The same operation hides and shows.
void mask(const ArchiveIdKeys& keys, const Iv& iv, Place& place) {
    std::array<std::uint8_t, 16> pad;
    keys.pad.with_bytes([&](KeyView k) { keyed_hash(pad, k, iv); });
    for (std::size_t i = 0; i < place.size(); ++i) place[i] ^= pad[i];
}

LogPlace from_bytes(const Place& bytes) {
    Decoder in(bytes);
    LogPlace place;
    place.cls = static_cast<ClassId>(in.u8());
    place.bucket = in.u32();
    place.segment = in.u32();
    place.index = in.u16();
    return place;
}

}  // namespace

std::string ArchiveIdKeys::encode(const LogPlace& where) const {
    Place place = to_bytes(where);
    const Iv iv = synthetic_iv(*this, place);
    mask(*this, iv, place);
    std::array<std::uint8_t, id_bytes> id;
    concat(id, {iv, place});
    std::array<char, archive_id_text + 1> text;
    sodium_bin2base64(text.data(), text.size(), id.data(), id.size(), variant);
    return std::string(text.data(), archive_id_text);
}

std::optional<LogPlace> ArchiveIdKeys::decode(std::string_view text) const {
    if (text.size() != archive_id_text) return std::nullopt;
    std::array<std::uint8_t, id_bytes> id;
    std::size_t decoded = 0;
    if (sodium_base642bin(id.data(), id.size(), text.data(), text.size(), nullptr, &decoded, nullptr,
                          variant) != 0 ||
        decoded != id.size())
        return std::nullopt;
    Iv iv;
    Place place;
    std::memcpy(iv.data(), id.data(), iv.size());
    std::memcpy(place.data(), id.data() + iv.size(), place.size());
    mask(*this, iv, place);
    const Iv expected = synthetic_iv(*this, place);
    if (sodium_memcmp(iv.data(), expected.data(), iv.size()) != 0) return std::nullopt;
    return from_bytes(place);
}

}  // namespace lethe::crypto
