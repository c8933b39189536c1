// SPDX-License-Identifier: AGPL-3.0-or-later
// The life of an account inside a group: its new key is on disk before the record that names it, the old one
// is overwritten after.
#include <algorithm>
#include <cerrno>

#include "store/group.h"

namespace lethe::store {

using Kind = AccountEdit::Kind;

Result Group::prepare_account(Member& member) {
    auto& edit = *member.change.account;
    auto current = engine_.account(edit.id);
    if (!current) return std::unexpected(current.error());
    member.current = std::move(*current);
    const auto owner = format::owner_of(edit.id);
    bool key_lives = false;
    if (member.current) {
        const auto content = engine_.keyring->read(format::Part::account, owner, member.current->slot);
        if (!content && content.error() == Keyring::Unreadable::io)
            return std::unexpected(Error{ErrorKind::io, EIO});
        // A dead slot means an erasure whose second half failed: for everybody the account is gone. Its slot
        // may belong to another.
        key_lives = content || content.error() == Keyring::Unreadable::damaged;
    }
    if (edit.kind == Kind::create) {
        if (key_lives) return std::unexpected(Error{ErrorKind::exists, EEXIST});
        edit.drop_rows = member.current.has_value();
    } else if (edit.kind == Kind::erase) {
        if (!member.current) return std::unexpected(Error{ErrorKind::not_found, ENOENT});
        edit.drop_rows = true;
    } else if (!key_lives) {
        return std::unexpected(Error{ErrorKind::not_found, ENOENT});
    }
    if (key_lives && edit.kind != Kind::replace) member.replaced = member.current->slot;
    if (!edit.key) return {};
    auto slot = engine_.keyring->write(format::Part::account, owner, retag<Keyring::SlotKey>(*edit.key), {});
    edit.key.reset();
    if (!slot) return std::unexpected(slot.error());
    member.fresh = *slot;
    return {};
}

void Group::prepare_accounts() {
    bool any = false;
    for (auto& member : members_) {
        if (!member.change.account) continue;
        member.result = prepare_account(member);
        if (!member.result) continue;
        any = any || member.fresh || member.replaced;
        if (member.change.account->kind == Kind::erase && member.replaced)
            engine_.keyring->doom(*member.replaced);
    }
    if (!any) return;
    const auto flushed = engine_.keyring->flush();
    if (flushed) return;
    for (auto& member : members_) {
        if (!member.result) continue;
        if (member.fresh) member.result = flushed;
        member.key_left_over = !member.fresh && member.replaced;
    }
}

namespace {

/// What was queued before is in the transaction already; what comes after and was sealed under the old key is
/// refused (apply_row).
int reseal_rows(WriteTransaction& txn, const AccountId& id, const Store::Reseal& reseal) {
    const auto rows = txn.rows(format::profile, id.view());
    if (!rows) return rows.error();
    int code = txn.erase_prefix(format::profile, id.view());
    for (const auto& [key, value] : *rows) {
        if (code != 0) return code;
        if (key.size() != AccountId::size + BlindKey::size) continue;  // not a row this program wrote
        Row row{{}, Sealed::from_disk(value)};
        std::ranges::copy(ByteView(key).subspan(AccountId::size), row.key.bytes.begin());
        if (const auto fresh = reseal(row))
            code = txn.put(format::profile, format::row_key(id, fresh->key), fresh->value.view());
    }
    return code;
}

}  // namespace

int Group::apply_account(WriteTransaction& txn, const Member& member) {
    const auto& edit = *member.change.account;
    int code = 0;
    if (edit.drop_rows) {
        for (const auto table : format::account_tables) {
            if (code == 0) code = txn.erase_prefix(table, edit.id.view());
        }
    }
    if (code == 0 && edit.reseal) code = reseal_rows(txn, edit.id, edit.reseal);
    if (code != 0) return code;
    if (edit.kind == Kind::erase) return txn.erase(format::accounts, edit.id.view());
    const auto slot = edit.kind == Kind::replace ? member.current->slot : *member.fresh;
    return txn.put(format::accounts, edit.id.view(), format::encode_account(slot, *edit.record));
}

/// An erasure of which neither half was done did not happen, and must not happen later by itself.
void Group::spare_accounts() {
    for (const auto& member : members_) {
        if (member.result || !member.key_left_over) continue;
        const auto owner = format::owner_of(member.change.account->id);
        if (engine_.keyring->read(format::Part::account, owner, *member.replaced))
            engine_.keyring->spare(*member.replaced);
    }
}

void Group::settle_accounts() {
    spare_accounts();
    bool any = false;
    for (auto& member : members_) {
        if (!member.change.account) continue;
        const auto& useless = member.result ? member.replaced : member.fresh;
        if (!useless || (member.result && member.change.account->kind == Kind::erase)) continue;
        engine_.keyring->doom(*useless);
        any = true;
    }
    const Result flushed = any ? engine_.keyring->flush() : Result{};
    // Committed, but the old key may still be on disk: that is not all that was asked for.
    for (auto& member : members_) {
        const bool refused = member.key_left_over || (!flushed && member.fresh && member.replaced);
        if (!member.result || !refused) continue;
        member.result =
            std::unexpected(Error{ErrorKind::not_overwritten, flushed ? EIO : flushed.error().code});
    }
}

}  // namespace lethe::store
