// SPDX-License-Identifier: AGPL-3.0-or-later
// All storage: state.mdb, the keyring, and buckets (store/FORMAT.md describes every byte). No LMDB type leaves this folder.
//
// Threads: one writer thread inside owns every write transaction and the keyring file and commits in groups. Calls that take a Completion queue
// and return at once; they may come from any thread. Completions are handed, many at a time and in order, to Options::deliver on
// the writer thread. Reads run on the caller's thread, each in one short read transaction, and return copies.
// Durability: a Completion without error means that the change is on stable storage.
// Order: changes are committed in the order they were queued; inside a group archive, then letterbox and subscriptions, then state.
#pragma once
#include <compare>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/account.h"
#include "crypto/bytes.h"
#include "crypto/invitation.h"
#include "crypto/log.h"
#include "crypto/secret.h"
#include "crypto/vault.h"

namespace lethe::store {

using crypto::AccountId;
using crypto::BlindKey;
using crypto::ClassId;
using crypto::InvitationId;
using crypto::LogPrefix;
using crypto::Sealed;
using Table = crypto::RecordTable;

/// A start that must not happen. One sentence naming the file and the remedy; never holds user data.
struct Problem {
    std::string text;
};

enum class ErrorKind {
    full,
    io,
    damaged,
    exists,
    not_found,
    closed,
    /// The change is committed, but the disk refused to overwrite the old key. overwrite_again() tries again,
    /// and the next open.
    not_overwritten
};
struct Error {
    ErrorKind kind = ErrorKind::io;
    int code = 0;  ///< errno or LMDB code, for the log
};
using Result = std::expected<void, Error>;
using Completion = std::move_only_function<void(Result)>;

struct BucketId {
    ClassId cls = ClassId::archive;
    std::uint32_t number = 0;
    friend auto operator<=>(const BucketId&, const BucketId&) = default;
};

inline constexpr std::int64_t no_deadline = INT64_MAX;
/// Microseconds since the Unix epoch. [start, end) is when data was received.
struct BucketSpan {
    std::int64_t start = 0, end = 0, deadline = no_deadline;
    friend bool operator==(const BucketSpan&, const BucketSpan&) = default;
};

/// Where a key lies in the keyring. The generation tells this use of the slot from earlier and later ones.
struct SlotRef {
    std::uint32_t index = 0, generation = 0;
    friend bool operator==(const SlotRef&, const SlotRef&) = default;
};

struct InvitationRow {
    std::int64_t deadline = 0;  ///< microseconds; in clear on the disk
    Sealed value;
};

/// One unit of change: all its state rows commit in one transaction, all its rows of one bucket in one transaction.
class Batch {
public:
    Batch();
    ~Batch();
    Batch(Batch&&) noexcept;
    Batch& operator=(Batch&&) noexcept;

    Batch& put(Table table, const AccountId& account, const BlindKey& key, Sealed value);
    Batch& erase(Table table, const AccountId& account, const BlindKey& key);
    /// A row of the table profile, sealed under the account key that lies at `under`. It fails (ErrorKind::not_found) if the account has another
    /// key by then: what was sealed while a password was being changed would open for nobody.
    Batch& put_profile(const AccountId& account, const SlotRef& under, const BlindKey& key, Sealed value);
    Batch& erase_profile(const AccountId& account, const SlotRef& under, const BlindKey& key);
    /// Another one with this id fails (ErrorKind::exists).
    Batch& put_invitation(const InvitationId& id, const InvitationRow& row);
    /// Fails (ErrorKind::not_found) unless `was` is what lies there: two that read the same row do not both change it. Without `now` it is erased.
    Batch& change_invitation(const InvitationId& id, const InvitationRow& was, const std::optional<InvitationRow>& now);
    Batch& erase_invitation(const InvitationId& id);
    Batch& put_header(const BucketId& bucket, const LogPrefix& prefix, std::uint32_t segment, Sealed header);
    Batch& append(const LogPrefix& prefix, crypto::SealedEntry entry);
    Batch& erase_entry(const LogPrefix& prefix, const crypto::LogPlace& place);
    Batch& erase_header(const BucketId& bucket, const LogPrefix& prefix, std::uint32_t segment);
    bool empty() const;

private:
    friend class Store;
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

struct Row {
    BlindKey key;
    Sealed value;
};
struct AccountRow {
    crypto::AccountKey key;
    SlotRef slot;
    Sealed record;
};
struct Bucket {
    BucketId id;
    BucketSpan span;
};
/// Not served, and left alone until destroy_bucket().
struct Quarantined {
    Bucket bucket;
    bool without_key = false;  ///< the keyring has no slot of it
};
struct LogUsage {
    std::uint64_t entries = 0, bytes = 0;
};

/// What follows the @ in the addresses of the accounts. All of them are found by hashes of whole addresses.
struct Domain {
    xmpp::BareJid name;
    std::string said_by;  ///< the configuration file, for the sentence that refuses a start
};

class Store {
public:
    struct Options {
        std::filesystem::path data;
        const crypto::NodeKeys* keys = nullptr;  ///< must outlive the store
        /// A directory of another domain is refused; one that does not know its domain yet is given this one.
        /// Empty: not looked at.
        std::optional<Domain> domain = {};
        /// Called on the writer thread with completions to run, in order. Default: run them right there.
        std::function<void(std::vector<std::move_only_function<void()>>)> deliver;
    };
    /// Creates DATA with state.mdb and keyring; DATA must not exist or be empty. Without a domain the first
    /// open() that has one gives it.
    static std::expected<void, Problem> create(const std::filesystem::path& data,
                                               const crypto::NodeKeys& keys,
                                               const std::optional<xmpp::BareJid>& domain = {});
    /// Locks DATA (one process), checks owner, permissions, format and normalisation versions, that the
    /// keyring opens under this node key, the domain; overwrites account slots no record names; resumes
    /// unfinished bucket destructions; leaves a bucket that is damaged out, named in quarantined().
    static std::expected<std::unique_ptr<Store>, Problem> open(Options options);
    /// Commits what is queued, then closes.
    ~Store();
    /// True if another process holds DATA.
    static bool in_use(const std::filesystem::path& data);

    /// Putting into a bucket that is not alive fails (ErrorKind::closed) and applies nothing; erasing from one has succeeded already. If one
    /// environment refuses its part, the parts after it are not tried and the sender is told; the parts before it stay.
    /// Rows are put for accounts that exist (else ErrorKind::not_found): what is queued behind an erasure leaves nothing.
    void write(Batch batch, Completion done);
    /// The policy in force and the one announced, as retention/policy_change.h encodes them. Public text, not sealed; one row, so
    /// that it is replaced whole or not at all. Empty before it was first written.
    std::expected<std::optional<Bytes>, Error> policy_standing() const;
    void put_policy_standing(Bytes standing, Completion done);
    /// Completes when everything queued before it has.
    void barrier(Completion done);

    // Accounts. A key slot is written before the record that names it commits, and the old one overwritten after.
    /// ErrorKind::exists. `with` commits in the same transaction, or neither does (of buckets: before it); its rows may be the new account's.
    void create_account(const AccountId& id, crypto::AccountKey key, Sealed record, Completion done, Batch with = {});
    void replace_record(const AccountId& id, Sealed record, Completion done);                          ///< same account key
    /// What becomes of a row of the table profile under the new account key; nothing if it does not open: it is dropped then.
    using Reseal = std::function<std::optional<Row>(const Row&)>;
    /// Without `reseal`: a reset; all rows go in the same transaction. Else those of the table profile are
    /// replaced in it, and all others stay. May end as ErrorKind::not_overwritten.
    void rekey_account(const AccountId& id, crypto::AccountKey key, Sealed record, Reseal reseal, Completion done);
    /// Overwrites the slot first, then deletes the record and every row. If the slot cannot be overwritten,
    /// record and rows go all the same (ErrorKind::not_overwritten), so that the next open knows that it has
    /// to be.
    void erase_account(const AccountId& id, Completion done);
    std::expected<std::optional<AccountRow>, Error> account(const AccountId& id) const;
    std::size_t account_count() const;
    /// Slots of the keyring that should have been overwritten and that the disk refused, a bucket's among
    /// them. Any thread.
    std::size_t keys_left_over() const;
    /// Tries these again; so does every other change of the keyring. Cheap if there are none.
    void overwrite_again(Completion done);

    std::expected<std::vector<Row>, Error> rows(Table table, const AccountId& account) const;
    std::expected<std::optional<Sealed>, Error> row(Table table, const AccountId& account, const BlindKey& key) const;

    std::expected<std::vector<Row>, Error> profile_rows(const AccountId& account) const;
    std::expected<std::optional<Sealed>, Error> profile_row(const AccountId& account, const BlindKey& key) const;

    std::expected<std::optional<InvitationRow>, Error> invitation(const InvitationId& id) const;
    /// All of them, with their deadlines.
    std::expected<std::vector<std::pair<InvitationId, std::int64_t>>, Error> invitations() const;

    // Buckets. retention/ decides, this destroys.
    std::vector<Bucket> buckets() const;                         ///< alive ones, by class and number
    std::vector<BucketId> quarantined() const;
    /// The same with what their keyring slots promise, so that a deadline is kept for them too (destroy_bucket works on
    /// them). Without a slot that opens, what their public rows say; if those cannot be read either, deadline 0.
    /// A sound file with data and without a slot is a destruction that a crash cut short if its deadline has passed (almost always; FORMAT.md),
    /// and else a sign that the keyring was cut, damaged or exchanged. The store knows no time, so it does not decide.
    std::vector<Quarantined> quarantined_spans() const;
    /// Other files that open() found without a key: a creation or destruction that a crash cut short, or what came from elsewhere. They are
    /// being removed; destroy_bucket() on one tells when it is gone, or tries again.
    const std::vector<BucketId>& orphans() const;
    std::uint32_t next_bucket_number(ClassId cls) const;         ///< above every number ever used, destroyed ones included
    /// The number must be above every one used before (ErrorKind::exists).
    void create_bucket(const BucketId& id, const BucketSpan& span, const crypto::BucketKey& key, Completion done);
    void shorten_bucket(const BucketId& id, const BucketSpan& span, Completion done);  ///< end and deadline may only move earlier
    std::expected<crypto::BucketKey, Error> bucket_key(const BucketId& id) const;
    /// key_dead: the slot is overwritten and synced. gone: file and lock file are unlinked and the directory synced. Either may fail and be
    /// asked for again; from the first call on the bucket is neither read nor written. Destroying what is destroyed succeeds.
    void destroy_bucket(const BucketId& id, Completion key_dead, Completion gone);

    // Sealed logs. Any thread but the writer's.
    struct Header {
        std::uint32_t segment;
        Sealed bytes;
    };
    std::expected<std::vector<Header>, Error> headers(const BucketId& id, const LogPrefix& prefix) const;
    struct Entry {
        std::uint16_t index;
        Sealed bytes;
    };
    /// Entries of one segment with index >= from, at most max, in order.
    std::expected<std::vector<Entry>, Error> entries(const BucketId& id, const LogPrefix& prefix, std::uint32_t segment,
                                                     std::uint16_t from, std::size_t max) const;
    std::expected<LogUsage, Error> usage(const BucketId& id, const LogPrefix& prefix) const;

private:
    struct Impl;
    explicit Store(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace lethe::store
