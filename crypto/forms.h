// SPDX-License-Identifier: AGPL-3.0-or-later
// What sealed bytes look like from outside: the first byte and the sizes that occur. Needs no key, so an
// auditor can check it.
#pragma once
#include <cstddef>
#include <cstdint>

#include "crypto/bytes.h"

namespace lethe::crypto {

/// First byte of every sealed thing: its kind and version in one. Values are on disk: a new layout takes a
/// new value, none is reused. All have the top bit set, so that no sealed thing starts like text.
enum class Form : std::uint8_t {
    // 0xA1 was an account record without choices
    record = 0xA2,
    segment_header = 0xA3,
    log_entry = 0xA4,
    vault_wrap = 0xA5,  // only inside an account record
    // 0xA6 was an account record without tokens
    profile_record = 0xA7,
    account_record = 0xA8,
    upload_header = 0xA9,
    upload_chunk = 0xAA,  // its nonce is not stored: the header's and the chunk's number make it
    invitation = 0xAB,
};

inline constexpr std::size_t nonce_bytes = 24;
inline constexpr std::size_t tag_bytes = 16;
inline constexpr std::size_t key_bytes = 32;
/// Form, nonce and tag around the padded plaintext.
inline constexpr std::size_t seal_overhead = 1 + nonce_bytes + tag_bytes;
/// Least padded plaintext.
inline constexpr std::size_t record_minimum = 256;
/// Room for as many tokens as an account can have, so that no size tells how many clients use them.
inline constexpr std::size_t account_record_minimum = 1792;
/// Room for the longest inviter: every invitation has this size.
inline constexpr std::size_t invitation_minimum = 1088;
inline constexpr std::size_t log_entry_minimum = 1024;
/// Form, crypto_box_seal's 48 bytes, K0, account id, class, bucket, segment.
inline constexpr std::size_t segment_header_bytes = 1 + 48 + 32 + 16 + 1 + 4 + 4;
/// Of an upload: what a chunk holds before sealing, and what is around it.
inline constexpr std::size_t upload_chunk_bytes = std::size_t{64} << 10, upload_chunk_overhead = 1 + tag_bytes;
inline constexpr std::size_t vault_wrap_bytes = seal_overhead + 32;

/// True if `sealed` starts like `form` and has a size that this form can have.
bool looks_like(Form form, ByteView sealed);

}  // namespace lethe::crypto
