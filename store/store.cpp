// SPDX-License-Identifier: AGPL-3.0-or-later
#include "store/store.h"

#include <algorithm>

#include "store/engine.h"

namespace lethe::store {

Batch::Batch() : impl_(std::make_unique<Impl>()) {}
Batch::~Batch() = default;
Batch::Batch(Batch&&) noexcept = default;
Batch& Batch::operator=(Batch&&) noexcept = default;

Batch& Batch::put(Table table, const AccountId& account, const BlindKey& key, Sealed value) {
    impl_->rows.push_back({format::state_table(table), format::row_key(account, key), std::move(value)});
    return *this;
}

Batch& Batch::erase(Table table, const AccountId& account, const BlindKey& key) {
    impl_->rows.push_back({format::state_table(table), format::row_key(account, key), std::nullopt});
    return *this;
}

Batch& Batch::put_profile(const AccountId& account, const SlotRef& under, const BlindKey& key, Sealed value) {
    impl_->rows.push_back({format::profile, format::row_key(account, key), std::move(value), under});
    return *this;
}

Batch& Batch::erase_profile(const AccountId& account, const SlotRef& under, const BlindKey& key) {
    impl_->rows.push_back({format::profile, format::row_key(account, key), std::nullopt, under});
    return *this;
}

namespace {
template <std::size_t N>
Bytes to_bytes(const std::array<std::uint8_t, N>& key) {
    return Bytes(key.begin(), key.end());
}
}  // namespace

Batch& Batch::put_header(const BucketId& bucket, const LogPrefix& prefix, std::uint32_t segment,
                         Sealed header) {
    impl_->logs.push_back(
        {bucket, format::heads, to_bytes(format::head_key(prefix, segment)), std::move(header)});
    return *this;
}

Batch& Batch::append(const LogPrefix& prefix, crypto::SealedEntry entry) {
    const auto& place = entry.place;
    impl_->logs.push_back({{place.cls, place.bucket},
                           format::entries,
                           to_bytes(format::entry_key(prefix, place.segment, place.index)),
                           std::move(entry.bytes)});
    return *this;
}

Batch& Batch::erase_entry(const LogPrefix& prefix, const crypto::LogPlace& place) {
    impl_->logs.push_back({{place.cls, place.bucket},
                           format::entries,
                           to_bytes(format::entry_key(prefix, place.segment, place.index)),
                           std::nullopt});
    return *this;
}

Batch& Batch::erase_header(const BucketId& bucket, const LogPrefix& prefix, std::uint32_t segment) {
    impl_->logs.push_back({bucket, format::heads, to_bytes(format::head_key(prefix, segment)), std::nullopt});
    return *this;
}

Batch& Batch::put_invitation(const InvitationId& id, const InvitationRow& row) {
    impl_->invitations.push_back({id, InvitationEdit::Before::nothing, {}, format::encode_invitation(row)});
    return *this;
}

Batch& Batch::change_invitation(const InvitationId& id, const InvitationRow& was, const std::optional<InvitationRow>& now) {
    InvitationEdit edit{id, InvitationEdit::Before::same, format::encode_invitation(was)};
    if (now) edit.after = format::encode_invitation(*now);
    impl_->invitations.push_back(std::move(edit));
    return *this;
}

Batch& Batch::erase_invitation(const InvitationId& id) {
    impl_->invitations.push_back({id});
    return *this;
}

bool Batch::empty() const { return impl_->logs.empty() && impl_->rows.empty() && impl_->invitations.empty(); }

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

void Store::write(Batch batch, Completion done) {
    impl_->writer->enqueue(
        {Change{std::move(batch.impl_->logs), std::move(batch.impl_->rows), {}, {}, std::move(batch.impl_->invitations)}, std::move(done)});
}

void Store::put_policy_standing(Bytes standing, Completion done) {
    impl_->writer->enqueue({Change{{}, {}, {}, std::move(standing)}, std::move(done)});
}

void Store::barrier(Completion done) { impl_->writer->enqueue({Change{}, std::move(done)}); }

namespace {

Op account_op(AccountEdit edit, Completion done) {
    return {Change{{}, {}, std::move(edit)}, std::move(done)};
}

}  // namespace

void Store::create_account(const AccountId& id, crypto::AccountKey key, Sealed record, Completion done, Batch with) {
    Change change{std::move(with.impl_->logs), std::move(with.impl_->rows),
                  AccountEdit{AccountEdit::Kind::create, id, std::move(key), std::move(record)}, {}, std::move(with.impl_->invitations)};
    impl_->writer->enqueue({std::move(change), std::move(done)});
}

void Store::replace_record(const AccountId& id, Sealed record, Completion done) {
    impl_->writer->enqueue(
        account_op({AccountEdit::Kind::replace, id, std::nullopt, std::move(record)}, std::move(done)));
}

void Store::rekey_account(const AccountId& id, crypto::AccountKey key, Sealed record, Reseal reseal,
                          Completion done) {
    const bool drop_rows = !reseal;
    impl_->writer->enqueue(
        account_op({AccountEdit::Kind::rekey, id, std::move(key), std::move(record), drop_rows, std::move(reseal)},
                   std::move(done)));
}

void Store::erase_account(const AccountId& id, Completion done) {
    impl_->writer->enqueue(
        account_op({AccountEdit::Kind::erase, id, std::nullopt, std::nullopt}, std::move(done)));
}

std::size_t Store::keys_left_over() const { return impl_->keys_left_over; }

void Store::overwrite_again(Completion done) { impl_->writer->enqueue({OverwriteAgain{}, std::move(done)}); }

std::vector<Bucket> Store::buckets() const { return impl_->buckets.list(BucketTable::State::alive); }

std::vector<BucketId> Store::quarantined() const {
    std::vector<BucketId> out;
    for (const auto& found : quarantined_spans()) out.push_back(found.bucket.id);
    return out;
}

std::vector<Quarantined> Store::quarantined_spans() const {
    std::vector<Quarantined> out;
    for (const auto& bucket : impl_->buckets.list(BucketTable::State::quarantined)) out.push_back({bucket, false});
    for (const auto& bucket : impl_->buckets.list(BucketTable::State::keyless)) out.push_back({bucket, true});
    return out;
}

const std::vector<BucketId>& Store::orphans() const { return impl_->orphans; }

std::uint32_t Store::next_bucket_number(ClassId cls) const { return impl_->buckets.next(cls); }

void Store::create_bucket(const BucketId& id, const BucketSpan& span, const crypto::BucketKey& key,
                          Completion done) {
    impl_->buckets.reserve(id.cls, id.number);
    impl_->writer->enqueue({CreateBucket{id, span, key.duplicate()}, std::move(done)});
}

void Store::shorten_bucket(const BucketId& id, const BucketSpan& span, Completion done) {
    impl_->writer->enqueue({ShortenBucket{id, span}, std::move(done)});
}

void Store::destroy_bucket(const BucketId& id, Completion key_dead, Completion gone) {
    impl_->writer->enqueue({DestroyBucket{id, std::move(gone)}, std::move(key_dead)});
}

}  // namespace lethe::store
