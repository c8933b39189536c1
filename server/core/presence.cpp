// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/presence.h"

#include <charconv>

#include "server/core/core.h"
#include "server/core/introduction.h"
#include "server/core/letterbox.h"
#include "server/core/message.h"
#include "server/core/router.h"
#include "server/xmpp/ns.h"

namespace lethe::core {
namespace {
namespace ns = xmpp::ns;

Wire unavailable_stanza(const xmpp::FullJid& from) {
    return make_wire("<presence type='unavailable' from='" + xml::escape(from.to_string()) + "'/>");
}

/// The same stanza addressed: serialised presence starts with "<presence".
Wire addressed(const Wire& presence, const std::string& to) {
    return make_wire("<presence to='" + xml::escape(to) + "'" + presence->substr(sizeof("<presence") - 1));
}

/// To every available session of a local account with an open vault; silence for all others.
void to_contact(Core& core, const Wire& presence, const xmpp::FullJid& from, const xmpp::BareJid& contact) {
    const auto account = core.open_vault(contact);
    if (!account || account->blocks(xmpp::Jid(from))) return;
    const auto wire = addressed(presence, contact.to_string());
    for (const auto& [_, session] : account->sessions)
        if (session->presence && session->jid() != from) session->send_deferrable(wire, xmpp::Jid(from), DeferredKind::presence);
}

/// RFC 6121 4.3: what the contact's server answers to a probe of ours. Local contacts only; closed vaults stay silent.
void probe(Core& core, Session& asking, const xmpp::BareJid& contact) {
    const auto account = core.open_vault(contact);
    if (!account || account->blocks(xmpp::Jid(asking.jid())) || !account->shows_presence_to(asking.jid().bare())) return;
    for (const auto& [_, session] : account->sessions)
        if (session->presence && session.get() != &asking)
            asking.send_deferrable(addressed(session->presence->stanza, asking.jid().to_string()), xmpp::Jid(session->jid()), DeferredKind::presence);
}

/// To whom the session had sent directed presence.
void to_directed(Core& core, const Session& session, const xmpp::Jid& to, const Wire& presence) {
    if (!core.is_local(to)) return;
    const auto account = core.open_vault(to.bare());
    if (!account || account->blocks(xmpp::Jid(session.jid()))) return;
    for (const auto& [resource, target] : account->sessions)
        if (to.is_bare() ? target->presence.has_value() : resource == to.resource())
            target->send_deferrable(addressed(presence, to.to_string()), xmpp::Jid(session.jid()), DeferredKind::presence);
}

void broadcast(Core& core, Session& session, const Wire& presence) {
    auto& account = session.account();
    const auto own = addressed(presence, account.jid.to_string());
    // RFC 6121 4.2.2: to all of the user's own resources, this one included, whose client waits for it.
    for (const auto& [_, other] : account.sessions) {
        if (!other->presence) continue;
        if (other.get() == &session) other->send(own);
        else other->send_deferrable(own, xmpp::Jid(session.jid()), DeferredKind::presence);
    }
    for (const auto& [contact, item] : account.roster.items())
        if (item.subscription.from && contact != account.jid && !account.blocks(xmpp::Jid(contact)))
            to_contact(core, presence, session.jid(), contact);
}

/// RFC 6121 4.7.2.3; empty if it is not a number from -128 to 127.
std::optional<int> priority_of(const xml::Element& stanza) {
    const auto element = stanza.child("priority", ns::client);
    if (!element) return 0;
    const auto text = element.text();
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < -128 || value > 127) return std::nullopt;
    return value;
}

/// What a client sees of an item has changed (RFC 6121 2.1.6: else nothing is pushed).
bool looks_different(const RosterItem& before, const RosterItem& after) {
    if (!before.listed && !after.listed) return false;
    const auto& a = before.subscription;
    const auto& b = after.subscription;
    return before.listed != after.listed || a.name() != b.name() || a.pending_out != b.pending_out || a.approved != b.approved;
}

void initial_presence(Core& core, const std::shared_ptr<Session>& session) {
    auto& account = session->account();
    probe(core, *session, account.jid);
    for (const auto& [contact, item] : account.roster.items()) {
        if (item.subscription.to && contact != account.jid && !account.blocks(xmpp::Jid(contact))) probe(core, *session, contact);
        if (item.subscription.pending_in && !item.request.empty()) session->send(item.request);
    }
    for (const auto& feature : core.features.all())
        if (feature.session_available) feature.session_available(core, session);
}

void undirected(Core& core, const std::shared_ptr<Session>& session, xml::Element stanza) {
    if (stanza.attr("type") == "unavailable") {
        if (session->presence) announce_unavailable(core, *session, make_wire(xml::serialize(stanza)));
        return;
    }
    const bool first = !session->presence;
    const auto wanted = priority_of(stanza);
    if (stanza.has_attr("type") || !wanted) {
        session->send(xmpp::error_reply(stanza, {xmpp::Condition::bad_request}).root());
        return;
    }
    const int priority = *wanted;
    session->server_photo = false;
    for (const auto& feature : core.features.all())
        if (feature.presence_sent) feature.presence_sent(core, session, stanza);
    session->presence = Session::Presence{priority, make_wire(xml::serialize(stanza))};
    broadcast(core, *session, session->presence->stanza);
    if (first) initial_presence(core, session);
    // Below zero it takes no messages: what comes goes to the letterbox, which is emptied again when it returns.
    if (priority < 0) session->live = false;
    else if (!session->live) open_letterbox(core, session);
}

void directed(Core& core, const std::shared_ptr<Session>& session, const xmpp::Jid& to, xml::Element stanza) {
    const bool available = !stanza.has_attr("type");
    if (available) {
        if (session->directed.size() < core.env.config.limits.roster_items) session->directed.insert(to);
        for (const auto& feature : core.features.all())
            if (feature.presence_sent) feature.presence_sent(core, session, stanza);
    } else {
        session->directed.erase(to);
    }
    if (!core.is_local(to) || to.local().empty()) return;  // other domains and the server itself take no presence
    const auto account = core.open_vault(to.bare());
    if (!account || account->blocks(xmpp::Jid(session->jid()))) return;
    const auto wire = make_wire(xml::serialize(stanza));
    const auto send = [&](Session& target) {
        if (stanza.attr("type") == "error") target.send(wire);
        else target.send_deferrable(wire, xmpp::Jid(session->jid()), DeferredKind::presence);
    };
    if (!to.is_bare()) {
        if (auto* target = account->session(to.resource())) send(*target);
        return;
    }
    for (const auto& [_, target] : account->sessions)
        if (target->presence) send(*target);
}

/// The contact's side of a subscription stanza, vault open.
void receive_subscription(Core& core, Account& account, const xmpp::BareJid& from, SubscriptionType type, xml::Element stanza) {
    if (account.leaving || account.blocks(xmpp::Jid(from))) return;
    const auto* known = account.roster.find(from);
    const RosterItem before = known ? *known : RosterItem{};
    const auto transition = inbound(type, before.subscription);
    if (!known && transition.next.pending_in && account.roster.items().size() >= core.env.config.limits.roster_items) return;
    const auto wire = make_wire(xml::serialize(stanza));
    if (transition.next != before.subscription) {
        RosterItem item = before;
        item.subscription = transition.next;
        if (type == SubscriptionType::subscribe) item.request = *wire;
        if (!transition.next.pending_in) item.request.clear();
        if (item.request.size() > 4096) item.request = "<presence type='subscribe' from='" + xml::escape(from.to_string()) + "'/>";
        Change change;
        account.roster.put(change.batch, *account.vault, from, item);
        core.write(std::move(change), [&core, account = account.shared_from_this()](store::Result r) {
            if (!r) reread(core, account);
        });
        if (looks_different(before, item)) push_roster_item(account, from, account.roster.find(from));
        if (before.subscription.from && !item.subscription.from) send_presence_to(core, account, from, false);
        if (!before.subscription.from && item.subscription.from) send_presence_to(core, account, from, true);
    }
    if (transition.auto_reply) send_subscription(core, account.jid, from, SubscriptionType::subscribed);
    if (!transition.pass) return;
    for (const auto& [_, session] : account.sessions)
        if (type == SubscriptionType::subscribe ? session->presence.has_value() : session->interested) session->send(wire);
}

/// The contact's side, vault closed: it waits. At most one entry per peer, the newest, and no more than the quota.
void keep_subscription(Core& core, const xmpp::BareJid& to, const xmpp::BareJid& from, const xml::Element& stanza) {
    const auto writer = core.logs.find(to);
    if (!writer || !core.logs.stores(crypto::ClassId::subscriptions)) return;
    constexpr std::size_t peers_remembered = 1000;
    // A request and an answer are two matters: the newest of each is kept.
    const bool answer = stanza.attr("type") == "subscribed" || stanza.attr("type") == "unsubscribed";
    const auto matter = std::pair(from, answer);
    const bool known = writer->waiting_requests.contains(matter);
    if (!known && writer->waiting_requests.size() >= peers_remembered) return;
    if (!known && !core.intake.has_share_of_subscriptions(from, writer->id, peers_remembered, core.env.clock.now())) return;
    crypto::LogEntry entry;
    entry.type = crypto::LogEntry::Type::subscription;
    entry.received = core.logs.stamp(*writer);
    entry.vault_closed = true;
    entry.peer = from.to_string();
    entry.stanza = xml::serialize(stanza);
    if (entry.stanza.size() > 4096)
        entry.stanza = "<presence type='" + std::string(stanza.attr("type")) + "' from='" + xml::escape(entry.peer) + "'/>";
    Change change;
    const auto place = core.logs.append(change, *writer, crypto::ClassId::subscriptions, entry);
    if (!place) return;
    if (known) core.logs.erase(change, *writer, writer->waiting_requests.at(matter));
    else core.intake.kept_subscription(from, writer->id, entry.received);
    writer->waiting_requests.insert_or_assign(matter, *place);
    core.write(std::move(change), core.failure_reply(stanza));
}

void route_subscription(Core& core, const xmpp::BareJid& from, const xmpp::BareJid& to, SubscriptionType type, xml::Element stanza) {
    if (!core.is_local(xmpp::Jid(to)) || to.local().empty()) return;
    if (const auto account = core.open_vault(to)) return receive_subscription(core, *account, from, type, stanza);
    keep_subscription(core, to, from, stanza);
}

/// The user's side (RFC 6121 3.1.2, 3.2, 3.3): roster first, then the stanza goes out.
void user_subscription(Core& core, const std::shared_ptr<Session>& session, const xmpp::BareJid& to, SubscriptionType type,
                       xml::Element stanza) {
    auto& account = session->account();
    if (to == account.jid) return;
    const auto* known = account.roster.find(to);
    const RosterItem before = known ? *known : RosterItem{};
    // Here and not where it would be stored, so that the answer cannot depend on whether the contact is online.
    if (type == SubscriptionType::subscribe && !before.subscription.to && !core.intake.may_send(account.jid, core.env.clock.now())) {
        session->send(xmpp::error_reply(stanza, too_many_at_once()).root());
        return;
    }
    const auto transition = outbound(type, before.subscription);
    RosterItem item = before;
    item.subscription = transition.next;
    if (type == SubscriptionType::subscribe && !item.subscription.to) item.asked_at = core.env.clock.now();
    if (!item.subscription.pending_in) item.request.clear();
    if (type == SubscriptionType::subscribe || (type == SubscriptionType::subscribed && transition.next != before.subscription))
        item.listed = true;
    if (!known && account.roster.items().size() >= core.env.config.limits.roster_items) {
        session->send(xmpp::error_reply(stanza, {xmpp::Condition::resource_constraint, "The contact list is full."}).root());
        return;
    }
    if (item != before) {
        Change change;
        account.roster.put(change.batch, *account.vault, to, item);
        core.write(std::move(change), [&core, account = account.shared_from_this(), refuse = core.failure_reply(stanza)](store::Result r) {
            if (r) return;
            reread(core, account);
            if (refuse) refuse(r);
        });
        if (looks_different(before, item)) push_roster_item(account, to, account.roster.find(to));
    }
    if (before.subscription.from && !item.subscription.from) send_presence_to(core, account, to, false);
    if (transition.pass) {
        stanza.set_attr("from", account.jid.to_string());
        stanza.set_attr("to", to.to_string());
        const auto ordinary = [&core, from = account.jid, to](const xml::Element& request) { route_subscription(core, from, to, SubscriptionType::subscribe, request); };
        const auto later = [ordinary, kept = std::make_shared<const xml::Document>(xml::Document::copy_of(stanza))] { ordinary(kept->root()); };
        const bool invited = type == SubscriptionType::subscribe && !before.subscription.to && redeem(core, session, to, stanza, later);
        if (!invited) route_subscription(core, account.jid, to, type, stanza);
    }
    if (!before.subscription.from && item.subscription.from) send_presence_to(core, account, to, true);
}

}  // namespace

void push_roster_item(Account& account, const xmpp::BareJid& jid, const RosterItem* item) {
    for (const auto& [_, session] : account.sessions) {
        if (!session->interested) continue;
        xml::Document doc("iq", ns::client);
        auto root = doc.root();
        root.set_attr("type", "set");
        root.set_attr("id", "push-" + account.roster.version());
        root.set_attr("from", account.jid.to_string());  // RFC 6121 2.1.6 allows it, and some clients ignore pushes without
        root.set_attr("to", session->jid().to_string());
        auto query = root.add("query", ns::roster);
        query.set_attr("ver", account.roster.version());
        if (item) {
            add_roster_item(query, jid, *item);
        } else {
            auto removed = query.add("item");
            removed.set_attr("jid", jid.to_string());
            removed.set_attr("subscription", "remove");
        }
        session->send(root);
    }
}

void send_presence_to(Core& core, Account& account, const xmpp::BareJid& contact, bool available) {
    if (account.blocks(xmpp::Jid(contact))) return;
    for (const auto& [_, session] : account.sessions)
        if (session->presence)
            to_contact(core, available ? session->presence->stanza : unavailable_stanza(session->jid()), session->jid(), contact);
}

std::vector<xmpp::FullJid> available_sessions(const Account& account) {
    std::vector<xmpp::FullJid> out;
    for (const auto& [_, session] : account.sessions)
        if (session->presence) out.push_back(session->jid());
    return out;
}

void send_unavailable(Core& core, const Account& account, const std::vector<xmpp::FullJid>& from, const xmpp::BareJid& contact) {
    if (account.blocks(xmpp::Jid(contact))) return;
    for (const auto& jid : from) to_contact(core, unavailable_stanza(jid), jid, contact);
}

void send_subscription(Core& core, const xmpp::BareJid& from, const xmpp::BareJid& to, SubscriptionType type) {
    xml::Document doc("presence", ns::client);
    auto root = doc.root();
    root.set_attr("type", to_string(type));
    root.set_attr("from", from.to_string());
    root.set_attr("to", to.to_string());
    route_subscription(core, from, to, type, root);
}

void session_unavailable(Core& core, Session& session) {
    announce_unavailable(core, session, unavailable_stanza(session.jid()));
}

void announce_unavailable(Core& core, Session& session, const Wire& wire) {
    if (session.presence) {
        broadcast(core, session, wire);
        session.presence.reset();
    }
    session.live = false;
    for (const auto& to : std::exchange(session.directed, {})) to_directed(core, session, to, wire);
}

void send_presence_again(Core& core, const std::shared_ptr<Session>& session) {
    if (!session->presence) return;
    const auto document = xml::parse(*session->presence->stanza);
    auto stanza = document.root();
    if (!stanza) return;
    for (const auto& feature : core.features.all())
        if (feature.presence_sent) feature.presence_sent(core, session, stanza);
    auto wire = xml::serialize(stanza);
    if (wire == *session->presence->stanza) return;
    session->presence->stanza = make_wire(std::move(wire));
    broadcast(core, *session, session->presence->stanza);
}

void withdraw_directed(Core& core, Account& account, const Blocklist& blocklist) {
    for (const auto& [_, session] : account.sessions) {
        const auto wire = unavailable_stanza(session->jid());
        std::erase_if(session->directed, [&](const xmpp::Jid& to) {
            if (to.bare() == account.jid || !blocklist.blocks(to)) return false;
            to_directed(core, *session, to, wire);
            return true;
        });
    }
}

void handle_presence(Core& core, const std::shared_ptr<Session>& session, xml::Element stanza) {
    const auto type_text = stanza.attr("type");
    const auto type = subscription_type(type_text);
    if (!stanza.has_attr("to")) {
        if (type || type_text == "probe" || type_text == "error") return;  // RFC 6121 4.7.1: these need an address
        return undirected(core, session, stanza);
    }
    const auto to = xmpp::Jid::parse(stanza.attr("to"));
    if (!to) {
        if (type_text != "error") session->send(xmpp::error_reply(stanza, {xmpp::Condition::jid_malformed}).root());
        return;
    }
    if (session->account().blocks(*to)) {
        if (type_text == "unavailable" || type_text == "error") return;  // what there was to take back, blocking took back
        session->send(xmpp::error_reply(stanza, own_block()).root());
        return;
    }
    if (!core.is_local(*to) && type_text != "error" && type_text != "unavailable") {
        session->send(xmpp::error_reply(stanza, {xmpp::Condition::remote_server_not_found}).root());
        return;
    }
    if (type) return user_subscription(core, session, to->bare(), *type, stanza);
    if (type_text == "probe") return probe(core, *session, to->bare());
    if (type_text.empty() || type_text == "unavailable" || type_text == "error") return directed(core, session, *to, stanza);
    session->send(xmpp::error_reply(stanza, {xmpp::Condition::bad_request}).root());
}

void apply_waiting_subscription(Core& core, Account& account, const crypto::LogEntry& entry, Change& change,
                                std::vector<std::pair<xmpp::BareJid, SubscriptionType>>& replies) {
    const auto from = xmpp::BareJid::parse(entry.peer);
    if (from && entry.type == crypto::LogEntry::Type::instruction) return apply_introduction(core, account, *from, change, replies);
    const auto doc = xml::parse(entry.stanza);
    if (!from || !doc.root() || account.blocks(xmpp::Jid(*from))) return;
    const auto type = subscription_type(doc.root().attr("type"));
    if (!type) return;
    const auto* known = account.roster.find(*from);
    if (!known && account.roster.items().size() >= core.env.config.limits.roster_items) return;
    RosterItem item = known ? *known : RosterItem{};
    const auto before = item.subscription;
    const auto transition = inbound(*type, before);
    if (transition.auto_reply) replies.emplace_back(*from, SubscriptionType::subscribed);
    if (transition.next == before) return;
    item.subscription = transition.next;
    if (*type == SubscriptionType::subscribe) item.request = entry.stanza;
    if (!transition.next.pending_in) item.request.clear();
    account.roster.put(change.batch, *account.vault, *from, item);
}

void resend_old_requests(Core& core, Account& account) {
    const auto& keep = core.env.buckets.keep(crypto::ClassId::subscriptions);
    const auto now = core.env.clock.now();
    std::vector<xmpp::BareJid> old;
    for (const auto& [contact, item] : account.roster.items())
        if (item.subscription.pending_out && !keep.unlimited && item.asked_at + keep.micros < now) old.push_back(contact);
    Change change;
    for (const auto& contact : old) {
        RosterItem item = *account.roster.find(contact);
        item.asked_at = now;
        account.roster.put(change.batch, *account.vault, contact, item);
    }
    if (!change.empty()) core.write(std::move(change), {});
    // After the write: an answer may come at once, and changes the same rows.
    for (const auto& contact : old) send_subscription(core, account.jid, contact, SubscriptionType::subscribe);
}

}  // namespace lethe::core
