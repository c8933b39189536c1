// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/router.h"

#include <algorithm>

#include "server/core/carbons.h"
#include "server/core/core.h"
#include "server/core/letterbox.h"
#include "server/core/message.h"
#include "server/xmpp/ns.h"

namespace lethe::core {
namespace {
namespace ns = xmpp::ns;
using crypto::ClassId;
using xmpp::Condition;

constexpr const char* quota_is_full = "This account cannot store more messages at the moment.";

/// One message on its way. Answers go to the sender's session.
struct Passage {
    Core& core;
    const std::shared_ptr<Session>& from;
    xml::Element message;
    xmpp::Jid to;
    MessageType type;
    Keeping keep;
    bool copied_to_sender, copied_to_receiver;  ///< XEP-0280
    bool taken_live = false;   ///< a connected session was sent it, and what is lost of it returns
    std::string bytes = {};  ///< serialised once, before any stanza-id
    Change change = {};
    std::function<void()> undo = {};  ///< if the change cannot be stored

    bool refuse(xmpp::StanzaError error) const {
        if (type != MessageType::error) from->send(xmpp::error_reply(message, error).root());
        return false;
    }
};

crypto::LogEntry entry_of(const Passage& p, LogWriter& writer, bool outgoing, bool closed) {
    crypto::LogEntry entry;
    entry.received = p.core.logs.stamp(writer);
    entry.outgoing = outgoing;
    entry.vault_closed = closed;
    entry.peer = outgoing ? p.to.to_string() : p.from->jid().to_string();
    entry.stanza = p.bytes;
    return entry;
}

/// Into the sender's archive, and to the sender's other sessions.
void finish_for_sender(Passage& p) {
    if (p.to.bare() == p.from->jid().bare()) return;
    auto& account = p.from->account();
    const bool kept = p.keep.archive && account.archives(p.to);
    auto entry = kept ? entry_of(p, *account.writer, true, false) : crypto::LogEntry{};
    if (kept) entry.archived = p.core.logs.archive(p.change, *account.writer, entry);
    if (!p.copied_to_sender || account.sessions.size() <= 1) return;
    const auto wire = deliverable(account, entry, p.bytes, false, {});
    copy_sent(*p.from, {wire, p.message.attr("type"), p.to, chat_state(p.message, p.keep)});
}

/// `account` is null while the vault is closed.
crypto::LogEntry archive_for_recipient(Passage& p, LogWriter& writer, const Account* account) {
    auto entry = entry_of(p, writer, false, !account);
    if (p.keep.archive && (!account || account->archives(xmpp::Jid(p.from->jid())))) entry.archived = p.core.logs.archive(p.change, writer, entry);
    return entry;
}

struct Kept {
    crypto::LogEntry entry;
    std::optional<crypto::LogPlace> place;  ///< in the letterbox; empty if the policy stores nothing there
};

/// Into letterbox and archive; empty if the quota is full, which the sender was told. Precondition: it is to be kept.
std::optional<Kept> keep(Passage& p, const std::shared_ptr<LogWriter>& writer, const Account* account) {
    if (!p.core.logs.stores(ClassId::letterbox)) return Kept{archive_for_recipient(p, *writer, account), {}};
    const auto sender = p.from->jid().bare();
    if (!may_wait(p.core, writer, sender)) {
        p.refuse({Condition::service_unavailable, quota_is_full});
        return std::nullopt;
    }
    Kept kept{archive_for_recipient(p, *writer, account), {}};
    kept.place = keep_waiting(p.core, p.change, *writer, sender, kept.entry);
    return kept;
}

Sessions copied_to_others(const Passage& p, const Account& account, const Sessions& sessions) {
    if (!p.copied_to_receiver || account.sessions.size() <= sessions.size()) return {};
    return copied_to(account, sessions, *p.from);
}

/// To `sessions`, and copies to `others`.
void send(const Passage& p, const Account& account, const Sessions& sessions, const Sessions& others, const crypto::LogEntry& entry,
          const std::shared_ptr<Delivery>& delivery = {}) {
    const auto wire = deliverable(account, entry, p.bytes, false, {});
    const auto state = chat_state(p.message, p.keep);
    const xmpp::Jid peer(p.from->jid());
    for (const auto& session : sessions) session->send_message({.bytes = wire, .delivery = delivery}, peer, state);
    copy_received(others, {wire, p.message.attr("type"), peer, state, delivery});
}

/// Nobody can take it: vault closed, or open without a session that takes messages.
bool to_letterbox(Passage& p, const std::shared_ptr<LogWriter>& writer, const Account* account) {
    if (!p.keep.letterbox) return true;
    const auto kept = keep(p, writer, account);
    if (!kept) return false;
    if (account) send(p, *account, {}, copied_to_others(p, *account, {}), kept->entry);
    p.core.features.waits(p.core, p.to.bare(), p.message);
    return true;
}

/// Whoever cannot know whether the account is online is bounded alike in both cases (core/intake.h).
bool admitted(Passage& p, const Account* account) {
    if (!p.keep.letterbox) return true;
    const auto sender = p.from->jid().bare();
    if (account && account->shows_presence_to(sender) && !account->blocks(xmpp::Jid(p.from->jid()))) return true;
    return p.core.intake.may_send(sender, p.core.env.clock.now()) || p.refuse(too_many_at_once());
}

/// Only sessions that hibernate would take it or get a copy: it waits in their queues and, if it is to be kept, in the letterbox.
bool to_sleepers(Passage& p, Account& account, const Sessions& sessions, const Sessions& others) {
    std::shared_ptr<Delivery> delivery;
    if (p.keep.letterbox) {
        auto kept = keep(p, account.writer, &account);
        if (!kept) return false;
        delivery = std::make_shared<Delivery>(Delivery{.entry = std::move(kept->entry), .kept = kept->place});
    }
    if (delivery && delivery->kept) {
        account.in_flight.insert(*delivery->kept);
        // Its sender is told, so nobody needs to return it.
        p.undo = [account = account.shared_from_this(), delivery] {
            if (delivery->kept) not_kept(*account, *delivery);
            delivery->taken = true;
        };
    }
    send(p, account, sessions, others, delivery ? delivery->entry : crypto::LogEntry{}, delivery);
    if (!p.keep.chat_state) p.core.features.waits(p.core, account.jid, p.message);
    return true;
}

/// False if the sender was told that it cannot be kept. Precondition: there are sessions.
bool to_sessions(Passage& p, Account& account, const Sessions& sessions) {
    const auto others = copied_to_others(p, account, sessions);
    const auto asleep = [](const auto& session) { return session->hibernating(); };
    if (std::ranges::all_of(sessions, asleep) && std::ranges::all_of(others, asleep)) return to_sleepers(p, account, sessions, others);
    if (std::ranges::any_of(sessions, asleep) || std::ranges::any_of(others, asleep)) p.core.features.waits(p.core, account.jid, p.message);
    if (!p.keep.letterbox) {
        send(p, account, sessions, others, {});
        return true;
    }
    const auto delivery = std::make_shared<Delivery>(Delivery{archive_for_recipient(p, *account.writer, &account)});
    p.taken_live = !std::ranges::all_of(sessions, asleep);
    send(p, account, sessions, others, delivery->entry, delivery);
    return true;
}

/// RFC 6121 8.5.2: to the bare JID of an account with an open vault.
bool to_open_account(Passage& p, Account& account) {
    const auto sessions = account.takers();
    const bool keepable = p.type == MessageType::chat || p.type == MessageType::normal;
    if (sessions.empty()) return keepable ? to_letterbox(p, account.writer, &account) : true;
    return to_sessions(p, account, sessions);
}

/// RFC 6121 8.5.3: the session of a full JID, if it takes this one.
std::shared_ptr<Session> resource_of(const Passage& p, const Account& account) {
    auto* session = account.session(p.to.resource());
    if (!session || session->ended) return nullptr;
    // A session that still gets its letterbox, or will when it is resumed, must not be overtaken by what is storable. One that takes no messages to the
    // bare JID may never ask for its letterbox: nothing waits for that.
    const bool empties = session->presence && session->presence->priority >= 0 && !session->live;
    return empties && p.keep.letterbox ? nullptr : session->shared_from_this();
}

bool expects_groupchat(const Account* account, const Passage& p) {
    if (!account || p.to.is_bare()) return false;
    const auto* session = account->session(p.to.resource());
    return session && (session->directed.contains(xmpp::Jid(p.from->jid())) || session->directed.contains(xmpp::Jid(p.from->jid().bare())));
}

/// False if the sender was told that it cannot be delivered; then nothing is archived either.
bool deliver(Passage& p) {
    auto& core = p.core;
    const auto account = core.open_vault(p.to.bare());
    // Decided before the blocklist is looked at: a closed vault could not look.
    if (p.type == MessageType::groupchat && !expects_groupchat(account.get(), p))
        return p.refuse({Condition::service_unavailable});
    const bool keepable = p.type == MessageType::chat || p.type == MessageType::normal;
    if (!account) {
        const auto writer = core.logs.find(p.to.bare());
        if (!writer) return p.refuse({Condition::service_unavailable});
        return keepable ? admitted(p, nullptr) && to_letterbox(p, writer, nullptr) : true;
    }
    if (!admitted(p, account.get())) return false;
    if (account->blocks(xmpp::Jid(p.from->jid()))) return true;
    if (!p.to.is_bare())
        if (const auto session = resource_of(p, *account)) return to_sessions(p, *account, {session});
    if (p.type == MessageType::error || (!p.to.is_bare() && !keepable)) return true;
    return to_open_account(p, *account);
}

/// True if the IQ may reach that session: see the table in router.h.
bool may_ask(const Account& target, const Session& session, const xmpp::Jid& from) {
    return target.shows_presence_to(from.bare()) || session.directed.contains(from) || session.directed.contains(xmpp::Jid(from.bare()));
}

void iq_to_full(Core& core, const std::shared_ptr<Session>& from, xml::Element iq, const xmpp::Jid& to, bool request) {
    const auto account = core.open_vault(to.bare());
    auto* session = account ? account->session(to.resource()) : nullptr;
    const bool allowed = session && !account->blocks(xmpp::Jid(from->jid())) && (!request || may_ask(*account, *session, xmpp::Jid(from->jid())));
    if (allowed && session->hibernating()) core.features.waits(core, to.bare(), iq);
    if (allowed) return session->send(iq);
    if (request) from->send(xmpp::error_reply(iq, {Condition::service_unavailable}).root());
}

void iq_to_server(Core& core, const std::shared_ptr<Session>& from, xml::Element iq, const xmpp::Jid& target, Where where) {
    const auto payload = iq.first_child();
    const auto* handler = core.features.find(iq.attr("type"), payload.ns(), payload.name(), where);
    if (!handler) {
        from->send(xmpp::error_reply(iq, {Condition::service_unavailable}).root());
        return;
    }
    Request request{core, from, iq, payload, iq.attr("type") == "set", target, Responder(from, iq)};
    handler->handle(request);
}

}  // namespace

xmpp::StanzaError own_block() {
    return {.condition = Condition::not_acceptable,
            .text = "You have blocked this address.",
            .type = xmpp::ErrorType::cancel,
            .specific = {.name = "blocked", .ns = std::string(ns::blocking_errors)}};
}

void route_message(Core& core, const std::shared_ptr<Session>& from, xml::Element message) {
    const auto to = message.has_attr("to") ? xmpp::Jid::parse(message.attr("to")) : xmpp::Jid(from->jid().bare());
    const auto type = message_type(message);
    const auto refuse = [&](xmpp::StanzaError error) {
        if (type != MessageType::error) from->send(xmpp::error_reply(message, error).root());
    };
    if (!to) return refuse({Condition::jid_malformed});
    if (!core.is_local(*to)) return refuse({Condition::remote_server_not_found});
    if (from->account().blocks(*to))
        return refuse(own_block());
    if (to->local().empty()) return refuse({Condition::service_unavailable});

    if (!message.has_attr("to")) message.set_attr("to", to->to_string());
    Passage p{core, from, message, *to, type, keeping(message), copied_to_sender(message), copied_to_receiver(message)};
    p.bytes = xml::serialize(message);
    if (!deliver(p)) return;
    finish_for_sender(p);
    if (p.change.empty()) return;
    // Somebody has it already: an error would say that nobody has. What that session does not acknowledge comes back, and is answered then.
    const auto reply_wanted = !p.taken_live;
    core.write(std::move(p.change), [undo = std::move(p.undo), reply = reply_wanted ? core.failure_reply(message) : nullptr](store::Result result) {
        if (!result && undo) undo();
        if (reply) reply(result);
    });
}

bool ask_for_account(Core& core, const xmpp::BareJid& account, const xmpp::FullJid& to, const xml::Element& iq) {
    const auto asked = core.open_vault(to.bare());
    auto* session = asked ? asked->session(to.resource()) : nullptr;
    const xmpp::Jid from(account);
    if (!session || session->ended || asked->blocks(from) || !may_ask(*asked, *session, from)) return false;
    session->send(iq);
    return true;
}

namespace {

/// A message that was on its way and cannot wait any longer: the sender is told, if still there. (The archive
/// has it.)
void bounce(Core& core, const xmpp::Jid& sender, const std::string& stanza, const xmpp::StanzaError& error) {
    const auto account = core.open_vault(sender.bare());
    auto* session = account ? account->session(sender.resource()) : nullptr;
    const auto message = xml::parse(stanza);
    if (session && message.root()) session->send(xmpp::error_reply(message.root(), error).root());
}

}  // namespace

void redeliver(Core& core, Account& account, const std::shared_ptr<Delivery>& delivery) {
    // Its owner may have blocked the sender since it was sent the first time.
    const auto peer = xmpp::Jid::parse(delivery->entry.peer);
    const bool blocked = !peer || account.blocks(*peer);
    if (blocked && !delivery->kept) return;
    const auto sessions = account.takers();
    if (!sessions.empty() && !blocked) {
        const auto wire = deliverable(account, delivery->entry, delivery->entry.stanza, true, core.domain.domain());
        for (const auto& session : sessions) session->send({.bytes = wire, .delivery = delivery});
        return keep_what_only_sleepers_have(core, account, {delivery});
    }
    delivery->taken = true;  // other sessions that lost it too need not return it once more
    if (delivery->kept) {
        account.in_flight.erase(*delivery->kept);
        account.returned.insert(*delivery->kept);
        account.start_over = true;
        if (!blocked) waits_again(core, account, delivery->entry.stanza);
        return;
    }
    if (!core.logs.stores(ClassId::letterbox)) return;
    const auto& entry = delivery->entry;
    if (!may_wait(core, account.writer, peer->bare()))
        return bounce(core, *peer, entry.stanza, {Condition::service_unavailable, quota_is_full});
    Change change;
    keep_waiting(core, change, *account.writer, peer->bare(), entry);
    waits_again(core, account, entry.stanza);
    core.write(std::move(change), [&core, peer = *peer, stanza = entry.stanza](store::Result result) {
        if (!result) bounce(core, peer, stanza, {Condition::resource_constraint});
    });
}

void route_iq(Core& core, const std::shared_ptr<Session>& from, xml::Element iq) {
    const auto type = iq.attr("type");
    const bool request = type == "get" || type == "set";
    const auto refuse = [&](xmpp::StanzaError error) { from->send(xmpp::error_reply(iq, error).root()); };
    if (!request && type != "result" && type != "error") return refuse({Condition::bad_request, "Unknown iq type."});
    const auto payload = iq.first_child();
    if (request && (iq.attr("id").empty() || !payload || payload.next_sibling()))
        return refuse({Condition::bad_request, "A request needs an id and exactly one child."});
    const auto to = iq.has_attr("to") ? xmpp::Jid::parse(iq.attr("to")) : xmpp::Jid(from->jid().bare());
    if (!to) {
        if (request) refuse({Condition::jid_malformed});
        return;
    }
    if (!core.is_local(*to)) {
        if (request) refuse({Condition::remote_server_not_found});
        return;
    }
    if (from->account().blocks(*to) && !to->local().empty()) {
        if (request) refuse(own_block());
        return;
    }
    if (!to->local().empty() && !to->is_bare()) return iq_to_full(core, from, iq, *to, request);
    if (!request) {  // an answer to a request of ours; nothing follows from one to a roster push
        for (const auto& feature : core.features.all())
            if (feature.answered && feature.answered(core, from, iq)) return;
        return;
    }
    if (to->local().empty()) return iq_to_server(core, from, iq, *to, at_server);
    iq_to_server(core, from, iq, *to, *to == xmpp::Jid(from->jid().bare()) ? at_own_account : at_other_account);
}

}  // namespace lethe::core
