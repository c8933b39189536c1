// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/message.h"

#include <vector>

#include "server/xmpp/datetime.h"
#include "server/xmpp/ns.h"

namespace lethe::core {
namespace ns = xmpp::ns;

MessageType message_type(const xml::Element& message) {
    const auto type = message.attr("type");
    if (type == "chat") return MessageType::chat;
    if (type == "groupchat") return MessageType::groupchat;
    if (type == "headline") return MessageType::headline;
    if (type == "error") return MessageType::error;
    return MessageType::normal;
}

Keeping keeping(const xml::Element& message) {
    const auto type = message_type(message);
    bool content = false, chat_state = false, store = false, no_store = false, no_permanent_store = false;
    for (const auto child : message.children()) {
        const auto space = child.ns();
        if (space == ns::hints) {
            store |= child.name() == "store";
            no_store |= child.name() == "no-store";
            no_permanent_store |= child.name() == "no-permanent-store";
            continue;
        }
        chat_state |= space == ns::chatstates;
        if (space == ns::chatstates || space == ns::sid || space == ns::delay) continue;
        if (child.is("thread", ns::client)) continue;
        content = true;
    }
    const bool only_chat_state = chat_state && !content && type != MessageType::error;
    if (type != MessageType::normal && type != MessageType::chat) return {.chat_state = only_chat_state};
    const bool worth = (content || store) && !no_store;
    return {.letterbox = worth, .archive = worth && !no_permanent_store, .chat_state = only_chat_state && !worth};
}

ChatState chat_state(const xml::Element& message, const Keeping& keeping) {
    if (keeping.chat_state) return ChatState::told;
    for (const auto child : message.children())
        if (child.ns() == ns::chatstates || child.is("body", ns::client)) return ChatState::over;
    return ChatState::untouched;
}

void remove_forged(xml::Element stanza, std::string_view domain) {
    std::vector<xml::Element> forged;
    for (const auto child : stanza.children()) {
        const bool delay = child.is("delay", ns::delay);
        if (!delay && !child.is("stanza-id", ns::sid)) continue;
        if (delay && !child.has_attr("from")) continue;
        const auto by = xmpp::Jid::parse(child.attr(delay ? "from" : "by"));
        if (!by || by->domain() == domain) forged.push_back(child);
    }
    for (const auto& child : forged) stanza.remove(child);
}

std::string with_children(std::string_view base, std::string_view extra) {
    std::string out;
    out.reserve(base.size() + extra.size() + 16);
    if (base.ends_with("/>")) {
        const auto name = base.substr(1, base.find_first_of(" />") - 1);
        out.append(base.substr(0, base.size() - 2)).append(">").append(extra).append("</").append(name).append(">");
        return out;
    }
    const auto end = base.rfind("</");
    return out.append(base.substr(0, end)).append(extra).append(base.substr(end));
}

std::string stanza_id_element(const xmpp::BareJid& by, std::string_view id) {
    std::string out = "<stanza-id xmlns='urn:xmpp:sid:0' by='";
    return out.append(xml::escape(by.to_string())).append("' id='").append(id).append("'/>");
}

std::string delay_element(std::string_view from, std::int64_t received) {
    std::string out = "<delay xmlns='urn:xmpp:delay' from='";
    return out.append(xml::escape(from)).append("' stamp='").append(xmpp::format_datetime(received)).append("'/>");
}

std::string as_forwarded(std::string_view base) {
    const auto name_end = base.find_first_of(" />");
    std::string out(base.substr(0, name_end));
    return out.append(" xmlns='jabber:client'").append(base.substr(name_end));
}

}  // namespace lethe::core
