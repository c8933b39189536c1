// SPDX-License-Identifier: AGPL-3.0-or-later
// Key steps that both ends of a sealed log share. Inside crypto/ only.
#pragma once
#include <vector>

#include "crypto/forms.h"
#include "crypto/log.h"
#include "crypto/place.h"
#include "crypto/secret.h"

namespace lethe::crypto {

using ChainKey = Secret<struct ChainKeyTag, key_bytes>;
using EntryKey = Secret<struct EntryKeyTag, key_bytes>;

/// K0 32 ‖ account 16 ‖ class 1 ‖ bucket 4 ‖ segment 4: what the box of a segment header holds.
inline constexpr std::size_t header_plain_bytes = key_bytes + AccountId::size + segment_place_bytes;

ChainKey next_key(const ChainKey& current);
/// Both the chain (owner) and the bucket (deadline) must be there to open an entry.
EntryKey entry_key(const ChainKey& current, const BucketKey& bucket);
/// account 16 ‖ place 11
std::array<std::uint8_t, AccountId::size + place_bytes> entry_ad(const AccountId& account,
                                                                 const LogPlace& place);

struct SegmentReader::Impl {
    Impl(const AccountId& owner, const LogPlace& where, BucketKey key, ChainKey k0);
    const ChainKey& at(std::uint16_t index);

    AccountId account;
    LogPlace place;
    BucketKey bucket_key;
    /// A chain only runs forwards, so reading backwards needs keys that were passed: the first of every block
    /// of `stride` is kept, and all of the block last read. 64 slots at most, and backwards costs about two
    /// steps an entry instead of hundreds.
    static constexpr std::size_t stride = 32;
    std::vector<ChainKey> kept;   ///< K of indices 0, stride, 2 stride …, as far as the chain went
    std::vector<ChainKey> block;  ///< consecutive, from index block_number * stride
    std::size_t block_number = 0;

private:
    void start_block(std::size_t number, ChainKey first);
    void walk_to(std::size_t size);
};

}  // namespace lethe::crypto
