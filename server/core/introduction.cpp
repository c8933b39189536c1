// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/introduction.h"

#include "server/core/core.h"
#include "server/xmpp/ns.h"

namespace lethe::core {
namespace {

/// Mutual, with nothing left to ask.
RosterItem mutual(RosterItem item) {
    item.subscription = {.to = true, .from = true};
    item.listed = true;
    item.request.clear();
    return item;
}

bool has_room(const Core& core, const Account& account, const xmpp::BareJid& peer) {
    return account.roster.find(peer) || account.roster.items().size() < core.env.config.limits.roster_items;
}

void put(Core& core, Account& account, const xmpp::BareJid& peer, const RosterItem& item) {
    Change change;
    account.roster.put(change.batch, *account.vault, peer, item);
    core.write(std::move(change), [&core, account = account.shared_from_this()](store::Result r) {
        if (!r) reread(core, account);
    });
    push_roster_item(account, peer, account.roster.find(peer));
}

void befriend(Core& core, Account& account, const xmpp::BareJid& peer) {
    if (account.leaving || account.blocks(xmpp::Jid(peer)) || !has_room(core, account, peer)) return;
    const auto* known = account.roster.find(peer);
    const RosterItem before = known ? *known : RosterItem{};
    if (const auto item = mutual(before); item != before) put(core, account, peer, item);
    send_subscription(core, account.jid, peer, SubscriptionType::subscribed);
    if (!before.subscription.from) send_presence_to(core, account, peer, true);
}

/// The other side's: whoever uses an invitation wants to be seen by who invited.
void show_to(Core& core, Account& account, const xmpp::BareJid& inviter) {
    const auto* known = account.roster.find(inviter);
    if (!known || known->subscription.from || account.leaving) return;
    RosterItem item = *known;
    item.subscription.from = true;
    item.subscription.pending_in = item.subscription.approved = false;
    item.request.clear();
    put(core, account, inviter, item);
    send_presence_to(core, account, inviter, true);
}

}  // namespace

void stage_inviter(store::Batch& batch, const crypto::Vault& vault, const xmpp::BareJid& inviter) {
    RosterItem item;
    item.subscription = {.from = true, .pending_out = true};  // asked_at 0: asked again at the first login, if there is no answer by then
    item.listed = true;
    Roster().put(batch, vault, inviter, std::move(item));
}

void introduce(Core& core, const xmpp::BareJid& inviter, const xmpp::BareJid& invited) {
    if (const auto account = core.open_vault(inviter)) return befriend(core, *account, invited);
    const auto writer = core.logs.find(inviter);
    if (!writer || !core.logs.stores(crypto::ClassId::subscriptions)) return;
    crypto::LogEntry entry;
    entry.type = crypto::LogEntry::Type::instruction;
    entry.received = core.logs.stamp(*writer);
    entry.vault_closed = true;
    entry.peer = invited.to_string();
    Change change;
    if (core.logs.append(change, *writer, crypto::ClassId::subscriptions, entry)) core.write(std::move(change), {});
}

void apply_introduction(Core& core, Account& account, const xmpp::BareJid& peer, Change& change,
                        std::vector<std::pair<xmpp::BareJid, SubscriptionType>>& replies) {
    if (account.blocks(xmpp::Jid(peer)) || !has_room(core, account, peer)) return;
    const auto* known = account.roster.find(peer);
    account.roster.put(change.batch, *account.vault, peer, mutual(known ? *known : RosterItem{}));
    replies.emplace_back(peer, SubscriptionType::subscribed);
}

bool redeem(Core& core, const std::shared_ptr<Session>& session, const xmpp::BareJid& to, const xml::Element& stanza, std::function<void()> not_taken) {
    const auto preauth = stanza.child("preauth", xmpp::ns::preauth);
    if (!preauth) return false;
    const auto found = core.env.invitations.find(preauth.attr("token"));
    if (!found || found->inviter != to) return false;
    Change change;
    core.env.invitations.use(change.batch, *found);
    core.write(std::move(change), [&core, account = session->account_ptr(), to, not_taken = std::move(not_taken)](store::Result result) {
        if (!result) return not_taken();  // somebody else has used it up meanwhile, or the disk takes nothing
        if (account->state == Account::State::open) show_to(core, *account, to);
        introduce(core, to, account->jid);
    });
    return true;
}

}  // namespace lethe::core
