// SPDX-License-Identifier: AGPL-3.0-or-later
#include "crypto/segment.h"

#include <sodium.h>

#include <algorithm>
#include <cstdlib>

#include "crypto/primitives.h"

namespace lethe::crypto {

static_assert(segment_header_bytes == 1 + crypto_box_SEALBYTES + header_plain_bytes);

std::array<std::uint8_t, place_bytes> to_bytes(const LogPlace& place) {
    std::array<std::uint8_t, place_bytes> out;
    out[0] = static_cast<std::uint8_t>(place.cls);
    for (std::size_t i = 0; i < 4; ++i) {
        out[1 + i] = static_cast<std::uint8_t>(place.bucket >> (24 - 8 * i));
        out[5 + i] = static_cast<std::uint8_t>(place.segment >> (24 - 8 * i));
    }
    out[9] = static_cast<std::uint8_t>(place.index >> 8);
    out[10] = static_cast<std::uint8_t>(place.index);
    return out;
}

bool known_class(std::uint8_t value) {
    return std::ranges::find(all_classes(), static_cast<ClassId>(value)) != all_classes().end();
}

LogPrefix log_prefix(const BucketKey& bucket_key, const AccountId& account) {
    return identifier<LogPrefix>(bucket_key, account.view());
}

ChainKey next_key(const ChainKey& current) {
    return ChainKey::make([&](std::span<std::uint8_t, key_bytes> out) {
        current.with_bytes([&](KeyView k) { keyed_hash(out, k, as_bytes(labels::log_next_key)); });
    });
}

EntryKey entry_key(const ChainKey& current, const BucketKey& bucket) {
    return EntryKey::make([&](std::span<std::uint8_t, key_bytes> out) {
        Scratch<labels::log_entry_key.size() + key_bytes> message;
        bucket.with_bytes([&](KeyView b) { concat(message.bytes, {as_bytes(labels::log_entry_key), b}); });
        current.with_bytes([&](KeyView k) { keyed_hash(out, k, message.bytes); });
    });
}

std::array<std::uint8_t, AccountId::size + place_bytes> entry_ad(const AccountId& account,
                                                                 const LogPlace& place) {
    std::array<std::uint8_t, AccountId::size + place_bytes> ad;
    concat(ad, {account.view(), to_bytes(place)});
    return ad;
}

struct SegmentWriter::Impl {
    AccountId account;
    LogPlace next;
    std::shared_ptr<const BucketKey> bucket_key;
    ChainKey chain;
    Sealed header;
    LogPrefix prefix;
};

namespace {

/// Only the owner's login opens it: the server forgets K0 with the first append.
Sealed seal_header(const ChainKey& k0, const AccountId& account, const LogPlace& first,
                   const VaultPublicKey& owner) {
    Scratch<header_plain_bytes> plain;
    const auto place = to_bytes(first);
    k0.with_bytes([&](KeyView k) {
        concat(plain.bytes, {k, account.view(), ByteView(place).first(segment_place_bytes)});
    });
    Bytes out(segment_header_bytes);
    out[0] = static_cast<std::uint8_t>(Form::segment_header);
    // Fails only for a public key of small order, which no vault has.
    if (crypto_box_seal(out.data() + 1, plain.bytes.data(), plain.bytes.size(), owner.bytes.data()) != 0)
        std::abort();
    return SealedAccess::make(std::move(out));
}

}  // namespace

SegmentWriter::SegmentWriter(const AccountId& account, const LogPlace& first,
                             std::shared_ptr<const BucketKey> bucket_key, const VaultPublicKey& owner) {
    LogPlace start = first;
    start.index = 0;
    ChainKey k0 = ChainKey::generate();
    Sealed header = seal_header(k0, account, start, owner);
    const LogPrefix prefix = log_prefix(*bucket_key, account);
    impl_.reset(new Impl{account, start, std::move(bucket_key), std::move(k0), std::move(header), prefix});
}
SegmentWriter::~SegmentWriter() = default;
SegmentWriter::SegmentWriter(SegmentWriter&&) noexcept = default;
SegmentWriter& SegmentWriter::operator=(SegmentWriter&&) noexcept = default;

const Sealed& SegmentWriter::header() const { return impl_->header; }
const LogPrefix& SegmentWriter::prefix() const { return impl_->prefix; }
bool SegmentWriter::full() const { return impl_->next.index >= segment_entries; }
LogPlace SegmentWriter::next() const { return impl_->next; }

SealedEntry SegmentWriter::append(ByteView payload) {
    if (full()) std::abort();
    const LogPlace place = impl_->next;
    const auto ad = entry_ad(impl_->account, place);
    // The key is used once; the nonce is random all the same, so that a process image that runs twice (a
    // restored snapshot of the machine) does not seal two payloads under one key and nonce.
    Bytes sealed = entry_key(impl_->chain, *impl_->bucket_key).with_bytes([&](KeyView k) {
        return seal(Form::log_entry, k, ad, payload, log_entry_minimum);
    });
    impl_->chain = next_key(impl_->chain);
    ++impl_->next.index;
    return {place, SealedAccess::make(std::move(sealed))};
}

SegmentReader::Impl::Impl(const AccountId& owner, const LogPlace& where, BucketKey key, ChainKey k0)
    : account(owner), place(where), bucket_key(std::move(key)) {
    start_block(0, k0.duplicate());
    kept.push_back(std::move(k0));
}

void SegmentReader::Impl::start_block(std::size_t number, ChainKey first) {
    block.clear();
    block.push_back(std::move(first));
    block_number = number;
}

void SegmentReader::Impl::walk_to(std::size_t size) {
    while (block.size() < size) block.push_back(next_key(block.back()));
}

const ChainKey& SegmentReader::Impl::at(std::uint16_t index) {
    const std::size_t wanted = index / stride;
    const std::size_t nearest = std::min(wanted, kept.size() - 1);
    if (block_number > wanted || block_number < nearest) start_block(nearest, kept[nearest].duplicate());
    while (block_number < wanted) {
        walk_to(stride);
        ChainKey first = next_key(block.back());
        if (kept.size() == block_number + 1) kept.push_back(first.duplicate());
        start_block(block_number + 1, std::move(first));
    }
    walk_to(index % stride + 1u);
    return block[index % stride];
}

SegmentReader::SegmentReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SegmentReader::~SegmentReader() = default;
SegmentReader::SegmentReader(SegmentReader&&) noexcept = default;

std::expected<Bytes, Unopenable> SegmentReader::open(std::uint16_t index, ByteView sealed) {
    if (index >= segment_entries) return std::unexpected(Unopenable{});
    LogPlace place = impl_->place;
    place.index = index;
    const auto ad = entry_ad(impl_->account, place);
    return entry_key(impl_->at(index), impl_->bucket_key).with_bytes([&](KeyView k) {
        return crypto::open(Form::log_entry, k, ad, sealed, log_entry_minimum);
    });
}

}  // namespace lethe::crypto
