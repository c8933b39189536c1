// SPDX-License-Identifier: AGPL-3.0-or-later
// What waits in the writer's queue.
#pragma once
#include <array>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "store/format.h"
#include "store/store.h"

namespace lethe::store {

/// Without a value: an erasure.
struct LogEdit {
    BucketId bucket;
    format::BucketTable table;
    Bytes key;
    std::optional<Sealed> value;
};
struct StateEdit {
    format::StateTable table;
    std::array<std::uint8_t, 32> key;
    std::optional<Sealed> value;
    std::optional<SlotRef> under = {};  ///< of profile: the account key it was sealed under
};

/// Of a whole row; what lies there before is a condition.
struct InvitationEdit {
    enum class Before { nothing, same, any };
    InvitationId id;
    Before condition = Before::any;
    Bytes before = {};                  ///< for `same`
    std::optional<Bytes> after = {};    ///< without: an erasure
};

struct Batch::Impl {
    std::vector<LogEdit> logs;
    std::vector<StateEdit> rows;
    std::vector<InvitationEdit> invitations;
};

struct AccountEdit {
    enum class Kind { create, replace, rekey, erase };
    Kind kind;
    AccountId id;
    std::optional<crypto::AccountKey> key;
    std::optional<Sealed> record;
    bool drop_rows = false;
    Store::Reseal reseal = {};
};

/// One sender's change: a batch, or an account's life cycle, or nothing (a barrier).
struct Change {
    std::vector<LogEdit> logs;
    std::vector<StateEdit> rows;
    std::optional<AccountEdit> account;
    std::optional<Bytes> policy_standing = {};
    std::vector<InvitationEdit> invitations = {};
};
struct CreateBucket {
    BucketId id;
    BucketSpan span;
    crypto::BucketKey key;
};
struct ShortenBucket {
    BucketId id;
    BucketSpan span;
};
struct DestroyBucket {
    BucketId id;
    Completion gone;
};
struct OverwriteAgain {};
/// The reaper finished with a file.
struct Reaped {
    BucketId id;
    Result result;
};
/// Runs on the writer thread, not through Options::deliver.
struct Notify {
    std::move_only_function<void()> run;
};

struct Op {
    std::variant<Change, CreateBucket, ShortenBucket, DestroyBucket, OverwriteAgain, Reaped, Notify> what;
    Completion done;
};

/// A key under another tag: a slot holds account and bucket keys alike.
template <class To, class From>
To retag(const From& from) {
    static_assert(To::size == From::size);
    return To::make([&](std::span<std::uint8_t, To::size> out) {
        from.with_bytes([&](auto bytes) { std::copy(bytes.begin(), bytes.end(), out.begin()); });
    });
}

}  // namespace lethe::store
