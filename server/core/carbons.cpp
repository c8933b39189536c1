// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/carbons.h"

#include <algorithm>

#include "server/core/message.h"
#include "server/xmpp/ns.h"

namespace lethe::core {
namespace {
namespace ns = xmpp::ns;

bool is_payload(const xml::Element& child) {
    const auto space = child.ns();
    return space == ns::receipts || space == ns::chatstates || space == ns::markers || child.is("x", ns::conference);
}

bool copied(const xml::Element& message, bool receiving) {
    const auto type = message_type(message);
    if (type != MessageType::chat && type != MessageType::normal) return false;
    if (message.child("private", ns::carbons) || message.child("no-copy", ns::hints)) return false;
    if (const auto room = message.child("x", ns::muc_user)) {
        if (room.child("invite", ns::muc_user)) return true;
        if (receiving) return false;  // the room gives it to each of its own occupants
    }
    if (type == MessageType::chat || message.child("body", ns::client)) return true;
    for (const auto child : message.children())
        if (is_payload(child)) return true;
    return false;
}

void send_copy(Session& session, std::string_view direction, const Copy& copy, DeferredKind kind) {
    std::string out = "<message from='" + xml::escape(session.jid().bare().to_string()) + "' to='" + xml::escape(session.jid().to_string()) + "'";
    if (!copy.type.empty()) out.append(" type='").append(xml::escape(copy.type)).append("'");
    out.append("><").append(direction).append(" xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>");
    out.append(as_forwarded(*copy.message)).append("</forwarded></").append(direction).append("></message>");
    session.send_message({.bytes = make_wire(std::move(out)), .delivery = copy.delivery}, copy.peer, copy.state, kind);
}

}  // namespace

bool copied_to_sender(const xml::Element& message) { return copied(message, false); }
bool copied_to_receiver(const xml::Element& message) { return copied(message, true); }

Sessions copied_to(const Account& account, const Sessions& taken_by, const Session& sender) {
    Sessions out;
    for (const auto& [_, session] : account.sessions) {
        if (!session->carbons || session->ended || session.get() == &sender || std::ranges::count(taken_by, session) > 0) continue;
        const bool gets_it_later = taken_by.empty() && (!session->presence || session->presence->priority >= 0);
        if (!gets_it_later) out.push_back(session);
    }
    return out;
}

void copy_received(const Sessions& sessions, const Copy& copy) {
    for (const auto& session : sessions) send_copy(*session, "received", copy, DeferredKind::chat_state);
}

void copy_sent(const Session& sender, const Copy& copy) {
    for (const auto& [_, session] : sender.account().sessions)
        if (session->carbons && !session->ended && session.get() != &sender) send_copy(*session, "sent", copy, DeferredKind::own_chat_state);
}

}  // namespace lethe::core
