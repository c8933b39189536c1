// SPDX-License-Identifier: AGPL-3.0-or-later
#include "crypto/upload.h"

#include <sodium.h>

#include <algorithm>
#include <cassert>

#include "crypto/codec.h"
#include "crypto/padding.h"
#include "crypto/primitives.h"

namespace lethe::crypto {
namespace {

constexpr std::size_t token_text = 43;

std::uint64_t padded(std::uint64_t size) { return std::max<std::uint64_t>(log_entry_minimum, padme(std::max<std::uint64_t>(size, 1))); }

/// What chunk `index` is padded to.
std::size_t sealed_bytes(const UploadHeader& header, std::uint32_t index) {
    return static_cast<std::size_t>(std::min<std::uint64_t>(upload_chunk_bytes, padded(header.size) - std::uint64_t{index} * upload_chunk_bytes));
}

/// File nonce ‖ index ‖ last: no two chunks of a file share one, none can take the place of another, and a file cut short ends in a chunk that does
/// not say it is the last.
std::array<std::uint8_t, nonce_bytes> nonce_of(const UploadHeader& header, std::uint32_t index) {
    std::array<std::uint8_t, nonce_bytes> out;
    const Bytes number = Encoder().u32(index).flag(index + 1 == header.chunks()).take();
    concat(out, {header.nonce, number});
    return out;
}

}  // namespace

std::string to_text(const UploadToken& token) {
    std::array<char, token_text + 1> out{};
    token.with_bytes([&](auto bytes) { sodium_bin2base64(out.data(), out.size(), bytes.data(), bytes.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING); });
    return {out.data(), token_text};
}

std::optional<UploadToken> parse_upload_token(std::string_view text) {
    // libsodium takes some octets above 127 for letters.
    if (text.size() != token_text || std::ranges::any_of(text, [](char c) { return (c & 0x80) != 0; })) return std::nullopt;
    std::array<std::uint8_t, UploadToken::size> bytes;
    std::size_t size = 0;
    const char* end = nullptr;
    if (sodium_base642bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr, &size, &end, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 || size != bytes.size() ||
        end != text.data() + text.size())
        return std::nullopt;
    return UploadToken::take(bytes);
}

LogPrefix upload_row(const UploadSlotKey& key, const UploadToken& token) {
    return token.with_bytes([&](KeyView bytes) { return identifier<LogPrefix>(key, bytes); });
}

LogPlace upload_place(ClassId cls, std::uint32_t bucket, std::uint32_t index) {
    return {.cls = cls, .bucket = bucket, .segment = index / segment_entries, .index = static_cast<std::uint16_t>(index % segment_entries)};
}

UploadHeader UploadHeader::make(std::uint64_t size, std::int64_t received, std::string type) {
    assert(size <= largest_upload);
    UploadHeader out{.size = size, .received = received, .type = std::move(type), .nonce = {}};
    detail::fill_random(out.nonce.data(), out.nonce.size());
    return out;
}

std::uint32_t UploadHeader::chunks() const { return static_cast<std::uint32_t>((padded(size) + upload_chunk_bytes - 1) / upload_chunk_bytes); }

std::size_t UploadHeader::bytes_in(std::uint32_t index) const {
    const std::uint64_t from = std::uint64_t{index} * upload_chunk_bytes;
    return from >= size ? 0 : static_cast<std::size_t>(std::min<std::uint64_t>(upload_chunk_bytes, size - from));
}

UploadKey::UploadKey(const UploadToken& token, const BucketKey& bucket)
    : key_(Secret<struct UploadKeyTag, 32>::make([&](std::span<std::uint8_t, key_bytes> out) {
          Scratch<labels::upload_key.size() + key_bytes> message;
          bucket.with_bytes([&](KeyView k) { concat(message.bytes, {as_bytes(labels::upload_key), k}); });
          token.with_bytes([&](KeyView k) { keyed_hash(out, k, message.bytes); });
      })) {}

Sealed UploadKey::seal(const LogPrefix& row, const UploadHeader& header) const {
    const Bytes plain = Encoder().u64(header.size).i64(header.received).raw(header.nonce).str(header.type).take();
    return SealedAccess::make(key_.with_bytes([&](KeyView k) { return crypto::seal(Form::upload_header, k, row.view(), plain, record_minimum); }));
}

std::expected<UploadHeader, Unopenable> UploadKey::open(const LogPrefix& row, const Sealed& sealed) const {
    const auto plain = key_.with_bytes([&](KeyView k) { return crypto::open(Form::upload_header, k, row.view(), sealed.view(), record_minimum); });
    if (!plain) return std::unexpected(plain.error());
    Decoder in(*plain);
    UploadHeader out;
    out.size = in.u64();
    out.received = in.i64();
    in.raw(out.nonce);
    out.type = in.str();
    if (!in.finished() || out.size > largest_upload) return std::unexpected(Unopenable{});
    return out;
}

Sealed UploadKey::seal_chunk(const UploadHeader& header, std::uint32_t index, ByteView plain) const {
    assert(index < header.chunks() && plain.size() == header.bytes_in(index));
    const std::size_t size = sealed_bytes(header, index);
    Bytes out(upload_chunk_overhead + size);
    out[0] = static_cast<std::uint8_t>(Form::upload_chunk);
    std::ranges::copy(plain, out.begin() + 1);
    const auto nonce = nonce_of(header, index);
    key_.with_bytes([&](KeyView k) {
        crypto_aead_xchacha20poly1305_ietf_encrypt_detached(out.data() + 1, out.data() + 1 + size, nullptr, out.data() + 1, size, nullptr, 0, nullptr, nonce.data(), k.data());
    });
    return SealedAccess::make(std::move(out));
}

std::expected<Bytes, Unopenable> UploadKey::open_chunk(const UploadHeader& header, std::uint32_t index, const Sealed& sealed) const {
    const ByteView bytes = sealed.view();
    if (index >= header.chunks() || !looks_like(Form::upload_chunk, bytes) || bytes.size() != upload_chunk_overhead + sealed_bytes(header, index))
        return std::unexpected(Unopenable{});
    const std::size_t size = bytes.size() - upload_chunk_overhead;
    Bytes out(size);
    const auto nonce = nonce_of(header, index);
    const bool opened = key_.with_bytes([&](KeyView k) {
        return crypto_aead_xchacha20poly1305_ietf_decrypt_detached(out.data(), nullptr, bytes.data() + 1, size, bytes.data() + 1 + size, nullptr, 0, nonce.data(), k.data()) == 0;
    });
    if (!opened) return std::unexpected(Unopenable{});
    out.resize(header.bytes_in(index));
    return out;
}

}  // namespace lethe::crypto
