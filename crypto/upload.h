// SPDX-License-Identifier: AGPL-3.0-or-later
// Files that only their address opens (crypto/README.md, "Uploads").
//
// The data's way: TOKEN, 32 random bytes, stands in the address and nowhere else; with the node's slot key it names the rows, with the bucket's key it
//   makes the key of one upload. A header holds the true size, when it was received and the type; chunks of 64 KiB hold the bytes, zeros behind
//   them up to the padded size. Each chunk opens alone (ranges are cheap), in its place only, and the last one knows that it is the last.
//   With the bucket's key overwritten, or without TOKEN, none of it opens. Nothing names a file, its owner or who fetched it.
#pragma once
#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "crypto/bytes.h"
#include "crypto/log.h"
#include "crypto/secret.h"

namespace lethe::crypto {

/// 43 characters of base64url without padding. Not a Secret: it goes out in clear and comes back so.
std::string to_text(const UploadToken& token);
/// Strict: one text for each token.
std::optional<UploadToken> parse_upload_token(std::string_view text);

/// Names the rows of an upload in its bucket: the same shape as an account's in a log.
LogPrefix upload_row(const UploadSlotKey& key, const UploadToken& token);
/// Where chunk `index` lies below that name.
LogPlace upload_place(ClassId cls, std::uint32_t bucket, std::uint32_t index);

struct UploadHeader {
    std::uint64_t size = 0;  ///< of the file itself
    std::int64_t received = 0;
    std::string type;
    std::array<std::uint8_t, 19> nonce{};  ///< first part of every chunk's

    /// Random nonce.
    static UploadHeader make(std::uint64_t size, std::int64_t received, std::string type);
    std::uint32_t chunks() const;  ///< at least 1; padding may fill whole ones
    /// Bytes of the file in chunk `index`; 0 where there is only padding.
    std::size_t bytes_in(std::uint32_t index) const;
};
inline constexpr std::uint64_t largest_upload = std::uint64_t{1} << 40;

/// Opens and seals one upload in one bucket. One thread at a time.
class UploadKey {
public:
    UploadKey(const UploadToken& token, const BucketKey& bucket);
    Sealed seal(const LogPrefix& row, const UploadHeader& header) const;
    std::expected<UploadHeader, Unopenable> open(const LogPrefix& row, const Sealed& sealed) const;
    /// `plain` has bytes_in(index) bytes.
    Sealed seal_chunk(const UploadHeader& header, std::uint32_t index, ByteView plain) const;
    std::expected<Bytes, Unopenable> open_chunk(const UploadHeader& header, std::uint32_t index, const Sealed& sealed) const;

private:
    Secret<struct UploadKeyTag, 32> key_;
};

}  // namespace lethe::crypto
