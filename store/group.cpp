// SPDX-License-Identifier: AGPL-3.0-or-later
#include "store/group.h"

#include <algorithm>
#include <cerrno>
#include <set>

namespace lethe::store {

bool Group::takes(const Change& change) const {
    if (!change.account) return true;
    return std::ranges::none_of(members_, [&](const Member& m) {
        return m.change.account && m.change.account->id == change.account->id;
    });
}

void Group::add(Change change, Completion done) {
    members_.push_back({.change = std::move(change), .done = std::move(done)});
}

void Group::commit() {
    if (members_.empty()) return;
    prepare_accounts();
    refuse_dead_buckets();
    commit_buckets();
    commit_state();
    settle_accounts();
    std::vector<std::pair<Completion, Result>> completions;
    completions.reserve(members_.size());
    for (auto& member : members_) completions.emplace_back(std::move(member.done), member.result);
    members_.clear();
    engine_.hand_over(std::move(completions));
}

/// Appending to a bucket that is gone fails before anything of the change is applied; erasing from one is
/// done already.
void Group::refuse_dead_buckets() {
    for (auto& member : members_) {
        auto& logs = member.change.logs;
        std::erase_if(
            logs, [&](const LogEdit& edit) { return !edit.value && !engine_.buckets.alive(edit.bucket); });
        const auto dead =
            std::ranges::find_if(logs, [&](const LogEdit& e) { return !engine_.buckets.alive(e.bucket); });
        if (dead == logs.end() || !member.result) continue;
        member.result = std::unexpected(Error{ErrorKind::closed, ESHUTDOWN});
    }
}

template <class Apply>
void Group::commit_one(const std::filesystem::path& path, const Layout& layout, std::vector<Member*> members,
                       Apply apply) {
    const auto attempt = [&](std::span<Member* const> some) {
        return transact(*engine_.registry, path, layout, [&](WriteTransaction& txn) {
            for (const Member* member : some) {
                if (const int code = apply(txn, *member); code != 0) return code;
            }
            return 0;
        });
    };
    if (members.empty()) return;
    const int code = attempt(members);
    if (code == 0) return;
    if (members.size() == 1) {
        members.front()->result = as_result(code);
        return;
    }
    for (auto* const& member : members) member->result = as_result(attempt({&member, 1}));
}

void Group::commit_buckets() {
    std::set<BucketId> touched;  // ordered by class: the archive first
    for (const auto& member : members_) {
        for (const auto& edit : member.change.logs) touched.insert(edit.bucket);
    }
    for (const auto& id : touched) {
        std::vector<Member*> members;
        for (auto& member : members_) {
            const auto& logs = member.change.logs;
            if (member.result && std::ranges::find(logs, id, &LogEdit::bucket) != logs.end())
                members.push_back(&member);
        }
        commit_one(engine_.path_of(id), bucket_layout(), std::move(members),
                   [&](WriteTransaction& txn, const Member& member) {
                       for (const auto& edit : member.change.logs) {
                           if (edit.bucket != id) continue;
                           const int code = edit.value ? txn.put(edit.table, edit.key, edit.value->view())
                                                       : txn.erase(edit.table, edit.key);
                           if (code != 0) return code;
                       }
                       return 0;
                   });
    }
}

namespace {

/// A row outlives no account: what was queued behind an erasure fails.
int apply_row(WriteTransaction& txn, const StateEdit& edit) {
    if (edit.under) {
        const auto record = txn.get(format::accounts, ByteView(edit.key).first(AccountId::size));
        if (!record) return record.error();
        const auto account = *record ? format::decode_account(**record) : std::nullopt;
        if (!account || account->slot != *edit.under) return ENOENT;
    }
    if (!edit.value) return txn.erase(edit.table, edit.key);
    const auto account = txn.contains(format::accounts, ByteView(edit.key).first(AccountId::size));
    if (!account) return account.error();
    return *account ? txn.put(edit.table, edit.key, edit.value->view()) : ENOENT;
}

int apply_invitation(WriteTransaction& txn, const InvitationEdit& edit) {
    const auto found = txn.get(format::invitations, edit.id.view());
    if (!found) return found.error();
    if (edit.condition == InvitationEdit::Before::nothing && *found) return EEXIST;
    if (edit.condition == InvitationEdit::Before::same && (!*found || !std::ranges::equal(**found, edit.before))) return ENOENT;
    return edit.after ? txn.put(format::invitations, edit.id.view(), *edit.after) : txn.erase(format::invitations, edit.id.view());
}

}  // namespace

void Group::commit_state() {
    std::vector<Member*> members;
    for (auto& member : members_) {
        const auto& change = member.change;
        if (member.result && (!change.rows.empty() || change.account || change.policy_standing || !change.invitations.empty()))
            members.push_back(&member);
    }
    commit_one(engine_.state_path(), state_layout(), std::move(members),
               [](WriteTransaction& txn, const Member& member) {
                   // A new account is there before its rows.
                   const bool creates = member.change.account && member.change.account->kind == AccountEdit::Kind::create;
                   if (creates) {
                       if (const int code = apply_account(txn, member); code != 0) return code;
                   }
                   for (const auto& edit : member.change.invitations) {
                       if (const int code = apply_invitation(txn, edit); code != 0) return code;
                   }
                   for (const auto& edit : member.change.rows) {
                       if (const int code = apply_row(txn, edit); code != 0) return code;
                   }
                   if (const auto& standing = member.change.policy_standing) {
                       const int code = txn.put(format::policy, as_bytes(format::key_standing), *standing);
                       if (code != 0) return code;
                   }
                   return member.change.account && !creates ? apply_account(txn, member) : 0;
               });
}

}  // namespace lethe::store
