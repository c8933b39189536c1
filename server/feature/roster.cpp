// SPDX-License-Identifier: AGPL-3.0-or-later
// RFC 6121 section 2: roster get, set and removal, with versioning (section 2.6: the whole roster or nothing, never a diff).
//
// The roster lies on disk as sealed records under blind keys; it is in memory while the account has a session. A change is answered and
// pushed after its commit; if the disk refuses it, memory goes back and the client gets resource-constraint.
#include "server/core/core.h"
#include "server/core/presence.h"
#include "server/feature/all.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {
namespace ns = xmpp::ns;
using xmpp::Condition;

constexpr std::size_t name_bytes = 1023, group_bytes = 1023, groups_per_item = 64;

void get(core::Request& request) {
    auto& account = request.session->account();
    request.session->interested = true;
    const auto& roster = account.roster;
    if (request.payload.has_attr("ver") && request.payload.attr("ver") == roster.version()) return request.responder.result();
    request.responder.result([&](xml::Element iq) {
        auto query = iq.add("query", ns::roster);
        if (request.payload.has_attr("ver")) query.set_attr("ver", roster.version());
        for (const auto& [jid, item] : roster.items())
            if (item.listed) core::add_roster_item(query, jid, item);
    });
}

/// What the client may say about an item; the error is why it may not.
std::expected<core::RosterItem, xmpp::StanzaError> wanted_item(const xml::Element& element, const core::RosterItem& before) {
    core::RosterItem item = before;
    item.listed = true;
    item.name = element.attr("name");
    item.groups.clear();
    if (item.name.size() > name_bytes) return std::unexpected(xmpp::StanzaError{Condition::not_acceptable, "The name is too long."});
    for (const auto child : element.children()) {
        if (!child.is("group", ns::roster)) continue;
        auto group = child.text();
        if (group.empty() || group.size() > group_bytes)
            return std::unexpected(xmpp::StanzaError{Condition::not_acceptable, "A group name is empty or too long."});
        if (!item.groups.insert(std::move(group)).second)
            return std::unexpected(xmpp::StanzaError{Condition::bad_request, "A group is named twice."});
    }
    if (item.groups.size() > groups_per_item)
        return std::unexpected(xmpp::StanzaError{Condition::not_acceptable, "Too many groups."});
    return item;
}

/// `then` runs after the commit, before the answer.
void commit(core::Request& request, core::Change change, const xmpp::BareJid& jid, std::function<void(core::Account&)> then = {}) {
    auto account = request.session->account_ptr();
    request.core.write(std::move(change), [&core = request.core, account, jid, then = std::move(then),
                                           responder = request.responder](store::Result r) {
        if (!r) {
            core::reread(core, account);
            return responder.error({Condition::resource_constraint, "The server cannot store this now."});
        }
        core::push_roster_item(*account, jid, account->roster.find(jid));
        if (then) then(*account);
        responder.result();
    });
}

void remove(core::Request& request, const xmpp::BareJid& jid) {
    auto& account = request.session->account();
    const auto* item = account.roster.find(jid);
    if (!item || !item->listed) return request.responder.error({Condition::item_not_found});
    const auto before = item->subscription;
    // Who it saw online until now; they may have gone when the removal is stored.
    const auto shown = core::available_sessions(account);
    core::Change change;
    account.roster.erase(change.batch, *account.vault, jid);
    // The contact hears of it when it is so: a removal that the disk refused has not happened, and what the contact's side had forgotten
    // would not come back.
    commit(request, std::move(change), jid, [&core = request.core, jid, before, shown](core::Account& owner) {
        if (before.from) core::send_unavailable(core, owner, shown, jid);
        if (before.to || before.pending_out) core::send_subscription(core, owner.jid, jid, core::SubscriptionType::unsubscribe);
        if (before.from || before.pending_in) core::send_subscription(core, owner.jid, jid, core::SubscriptionType::unsubscribed);
    });
}

void set(core::Request& request) {
    auto& account = request.session->account();
    const auto element = request.payload.first_child();
    if (!element || !element.is("item", ns::roster) || element.next_sibling())
        return request.responder.error({Condition::bad_request, "A roster set has exactly one item."});
    const auto address = xmpp::Jid::parse(element.attr("jid"));
    if (!address) return request.responder.error({element.has_attr("jid") ? Condition::jid_malformed : Condition::bad_request});
    const auto jid = address->bare();
    if (jid == account.jid) return request.responder.error({Condition::not_allowed, "Your own address cannot be a contact."});
    if (element.attr("subscription") == "remove") return remove(request, jid);

    const auto* known = account.roster.find(jid);
    if (!known && account.roster.items().size() >= request.core.env.config.limits.roster_items)
        return request.responder.error({Condition::resource_constraint, "The contact list is full."});
    auto item = wanted_item(element, known ? *known : core::RosterItem{});
    if (!item) return request.responder.error(item.error());
    core::Change change;
    account.roster.put(change.batch, *account.vault, jid, std::move(*item));
    commit(request, std::move(change), jid);
}

}  // namespace

core::Feature roster() {
    return {.name = "roster",
            .account_features = {},
            .iq = {{"get", ns::roster, "query", core::at_own_account, get}, {"set", ns::roster, "query", core::at_own_account, set}}};
}

}  // namespace lethe::feature
