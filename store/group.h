// SPDX-License-Identifier: AGPL-3.0-or-later
// One group: changes that become durable together. Keyring slots first, then archive buckets, then letterbox
// and subscriptions, then state.mdb, then the overwriting of replaced slots; then everybody is told.
//
// A transaction that fails is replayed change by change, so that each failure reaches its own sender; a
// change that failed takes no part in what comes after.
#pragma once
#include <vector>

#include "store/engine.h"

namespace lethe::store {

class Group {
public:
    explicit Group(Engine& engine) : engine_(engine) {}
    /// False if another change of the same account's life waits: what the second needs to know is not
    /// committed yet.
    bool takes(const Change& change) const;
    void add(Change change, Completion done);
    /// Commits and hands over the completions; the group is empty afterwards.
    void commit();

private:
    struct Member {
        Change change;
        Completion done;
        Result result;
        std::optional<AccountState> current;      ///< what is committed for change.account
        std::optional<format::SlotRef> replaced;  ///< its slot, if a key lies there
        std::optional<format::SlotRef> fresh;
        bool key_left_over = false;  ///< an erasure whose slot the disk refused to overwrite
    };
    // group_accounts.cpp
    void prepare_accounts();
    void settle_accounts();
    void spare_accounts();
    Result prepare_account(Member& member);
    static int apply_account(WriteTransaction& txn, const Member& member);

    void refuse_dead_buckets();
    void commit_buckets();
    void commit_state();
    template <class Apply>
    void commit_one(const std::filesystem::path& path, const Layout& layout, std::vector<Member*> members,
                    Apply apply);

    Engine& engine_;
    std::vector<Member> members_;
};

}  // namespace lethe::store
