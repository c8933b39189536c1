// SPDX-License-Identifier: AGPL-3.0-or-later
// Reading, on the caller's thread: one short transaction, everything copied out.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "store/engine.h"

namespace lethe::store {

namespace {

constexpr std::size_t large = std::size_t{64} << 10;  // chunks of files

/// f(transaction) in the environment behind `pin`; its code, or what beginning failed with.
template <class F>
int read_in(const std::expected<Registry::Pin, int>& pin, F&& f) {
    if (!pin) return pin.error();
    const ReadTransaction txn(**pin);
    if (txn.code() != 0) return txn.code();
    return f(txn);
}

/// Pages of a map that were read count as memory of this process until somebody wants them back: a file of a gigabyte that was fetched once, a gigabyte.
/// They stay in the kernel's cache, and whoever reads them again finds them there.
void let_go(ByteView value) {
    static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const auto first = reinterpret_cast<std::uintptr_t>(value.data()) & ~(page - 1);
    const auto end = (reinterpret_cast<std::uintptr_t>(value.data()) + value.size() + page - 1) & ~(page - 1);
    ::madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
}

std::uint32_t u32_at(ByteView key, std::size_t at) { return *format::decode_u32(key.subspan(at, 4)); }

}  // namespace

std::expected<std::optional<AccountRow>, Error> Store::account(const AccountId& id) const {
    std::optional<format::SlotRef> last;
    for (;;) {
        auto state = impl_->account(id);
        if (!state) return std::unexpected(state.error());
        if (!*state) return std::nullopt;
        auto content = impl_->keyring->read(format::Part::account, format::owner_of(id), (*state)->slot);
        if (content) {
            return AccountRow{retag<crypto::AccountKey>(content->key), (*state)->slot,
                              std::move((*state)->record)};
        }
        // The account may have got a new key between the two looks; twice the same slot means that it has
        // not.
        if (last == (*state)->slot) {
            if (content.error() == Keyring::Unreadable::dead) return std::nullopt;
            const bool io = content.error() == Keyring::Unreadable::io;
            return std::unexpected(Error{io ? ErrorKind::io : ErrorKind::damaged, 0});
        }
        last = (*state)->slot;
    }
}

std::size_t Store::account_count() const {
    std::size_t count = 0;
    const int code = read_in(impl_->state(), [&](const ReadTransaction& txn) {
        if (const auto rows = txn.count(format::accounts)) count = *rows;
        return 0;
    });
    return code == 0 ? count : 0;
}

namespace {

std::expected<std::vector<Row>, Error> rows_of(Engine& engine, format::StateTable table, const AccountId& account) {
    std::vector<Row> out;
    const int code = read_in(engine.state(), [&](const ReadTransaction& txn) {
        return txn.each(table, account.view(), account.view(), [&](ByteView key, ByteView value) {
            if (key.size() != AccountId::size + BlindKey::size) return true;  // not a row this program wrote
            Row row{{}, Sealed::from_disk(value)};
            std::ranges::copy(key.subspan(AccountId::size), row.key.bytes.begin());
            out.push_back(std::move(row));
            return true;
        });
    });
    if (code != 0) return std::unexpected(to_error(code));
    return out;
}

std::expected<std::optional<Sealed>, Error> row_of(Engine& engine, format::StateTable table,
                                                   const AccountId& account, const BlindKey& key) {
    std::optional<Sealed> out;
    const int code = read_in(engine.state(), [&](const ReadTransaction& txn) {
        const auto value = txn.get(table, format::row_key(account, key));
        if (!value) return value.error();
        if (*value) out = Sealed::from_disk(**value);
        return 0;
    });
    if (code != 0) return std::unexpected(to_error(code));
    return out;
}

}  // namespace

std::expected<std::vector<Row>, Error> Store::rows(Table table, const AccountId& account) const {
    return rows_of(*impl_, format::state_table(table), account);
}

std::expected<std::optional<Sealed>, Error> Store::row(Table table, const AccountId& account,
                                                       const BlindKey& key) const {
    return row_of(*impl_, format::state_table(table), account, key);
}

std::expected<std::vector<Row>, Error> Store::profile_rows(const AccountId& account) const {
    return rows_of(*impl_, format::profile, account);
}

std::expected<std::optional<Sealed>, Error> Store::profile_row(const AccountId& account, const BlindKey& key) const {
    return row_of(*impl_, format::profile, account, key);
}

std::expected<std::optional<InvitationRow>, Error> Store::invitation(const InvitationId& id) const {
    std::optional<InvitationRow> out;
    const int code = read_in(impl_->state(), [&](const ReadTransaction& txn) {
        const auto value = txn.get(format::invitations, id.view());
        if (!value) return value.error();
        if (*value) out = format::decode_invitation(**value);
        return 0;
    });
    if (code != 0) return std::unexpected(to_error(code));
    return out;
}

std::expected<std::vector<std::pair<InvitationId, std::int64_t>>, Error> Store::invitations() const {
    std::vector<std::pair<InvitationId, std::int64_t>> out;
    const int code = read_in(impl_->state(), [&](const ReadTransaction& txn) {
        return txn.each(format::invitations, {}, {}, [&](ByteView key, ByteView value) {
            if (key.size() != InvitationId::size) return true;  // not a row this program wrote
            InvitationId id;
            std::ranges::copy(key, id.bytes.begin());
            const auto row = format::decode_invitation(value);
            out.emplace_back(id, row ? row->deadline : 0);
            return true;
        });
    });
    if (code != 0) return std::unexpected(to_error(code));
    return out;
}

std::expected<std::optional<Bytes>, Error> Store::policy_standing() const {
    std::optional<Bytes> out;
    const int code = read_in(impl_->state(), [&](const ReadTransaction& txn) {
        const auto value = txn.get(format::policy, as_bytes(format::key_standing));
        if (!value) return value.error();
        if (*value) out.emplace((*value)->begin(), (*value)->end());
        return 0;
    });
    if (code != 0) return std::unexpected(to_error(code));
    return out;
}

std::expected<crypto::BucketKey, Error> Store::bucket_key(const BucketId& id) const {
    const auto entry = impl_->buckets.find(id);
    if (!entry || entry->state != BucketTable::State::alive) {
        return std::unexpected(Error{ErrorKind::not_found, ENOENT});
    }
    const auto content = impl_->keyring->read(format::Part::bucket, format::owner_of(id), entry->slot);
    if (content) return retag<crypto::BucketKey>(content->key);
    switch (content.error()) {
        case Keyring::Unreadable::dead:
            return std::unexpected(Error{ErrorKind::not_found, ENOENT});
        case Keyring::Unreadable::damaged:
            return std::unexpected(Error{ErrorKind::damaged, 0});
        case Keyring::Unreadable::io:
            break;
    }
    return std::unexpected(Error{ErrorKind::io, EIO});
}

namespace {

template <class F>
int read_bucket(Engine& engine, const BucketId& id, F&& f) {
    if (!engine.buckets.alive(id)) return ENOENT;
    return read_in(engine.bucket(id), std::forward<F>(f));
}

}  // namespace

std::expected<std::vector<Store::Header>, Error> Store::headers(const BucketId& id,
                                                                const LogPrefix& prefix) const {
    std::vector<Header> out;
    const int code = read_bucket(*impl_, id, [&](const ReadTransaction& txn) {
        return txn.each(format::heads, prefix.view(), prefix.view(), [&](ByteView key, ByteView value) {
            if (key.size() == LogPrefix::size + 4) out.push_back({u32_at(key, 16), Sealed::from_disk(value)});
            return true;
        });
    });
    if (code != 0) return std::unexpected(to_error(code));
    return out;
}

std::expected<std::vector<Store::Entry>, Error> Store::entries(const BucketId& id, const LogPrefix& prefix,
                                                               std::uint32_t segment, std::uint16_t from,
                                                               std::size_t max) const {
    std::vector<Entry> out;
    if (max == 0) return out;
    const auto run = format::head_key(prefix, segment);
    const auto first = format::entry_key(prefix, segment, from);
    const int code = read_bucket(*impl_, id, [&](const ReadTransaction& txn) {
        return txn.each(format::entries, run, first, [&](ByteView key, ByteView value) {
            if (key.size() != first.size()) return true;
            const auto index = static_cast<std::uint16_t>(key[20] << 8 | key[21]);
            out.push_back({index, Sealed::from_disk(value)});
            if (value.size() >= large) let_go(value);
            return out.size() < max;
        });
    });
    if (code != 0) return std::unexpected(to_error(code));
    return out;
}

std::expected<LogUsage, Error> Store::usage(const BucketId& id, const LogPrefix& prefix) const {
    LogUsage usage;
    const int code = read_bucket(*impl_, id, [&](const ReadTransaction& txn) {
        return txn.each(format::entries, prefix.view(), prefix.view(), [&](ByteView, ByteView value) {
            ++usage.entries;
            usage.bytes += value.size();
            return true;
        });
    });
    if (code != 0) return std::unexpected(to_error(code));
    return usage;
}

}  // namespace lethe::store
