// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/feature/node_events.h"

#include <functional>

#include "server/core/nodes.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {

using core::AccessModel;
using core::NotificationType;
using core::SendLast;

/// Notifications are no conversation: nothing of them is archived or kept for later.
std::string notification(const core::Account& owner, const core::Session& to, const NodeEvent& event) {
    return "<message type='" + std::string(event.config.notification == NotificationType::headline ? "headline" : "normal") + "' from='" +
           xml::escape(owner.jid.to_string()) + "' to='" + xml::escape(to.jid().to_string()) + "'><event xmlns='" +
           std::string(xmpp::ns::pubsub_event) + "'>" + event.content + "</event></message>";
}

bool wants(const core::Session& session, std::string_view node) {
    return session.presence && session.wanted_nodes && session.wanted_nodes->contains(node);
}

/// Calls f(account) for everybody with an open vault who sees the owner's presence, the owner first.
template <class F>
void each_witness(core::Core& core, core::Account& owner, bool contacts, F&& f) {
    f(owner);
    if (!contacts) return;
    for (const auto& [contact, item] : owner.roster.items()) {
        if (!item.subscription.from || contact == owner.jid || owner.blocks(xmpp::Jid(contact))) continue;
        const auto account = core.open_vault(contact);
        if (account && !account->blocks(xmpp::Jid(owner.jid))) f(*account);
    }
}

/// What a session was sent last of a node is not sent again, however often presence comes and goes. Who was sent of very many is taken for new.
bool is_news(core::Session& session, const core::Account& owner, const NodeEvent& event) {
    constexpr std::size_t most_remembered = 10000;
    const std::hash<std::string> hash;
    const auto node = hash(owner.jid.to_string() + '\0' + event.node), content = hash(event.content);
    const auto before = session.last_items.find(node);
    if (before != session.last_items.end() && before->second == content) return false;
    if (session.last_items.size() == most_remembered) session.last_items.clear();
    session.last_items[node] = content;
    return true;
}

/// A client that its contact blocked by its full address (XEP-0191).
bool is_blocked(const core::Account& owner, const core::Session& session) { return owner.blocks(xmpp::Jid(session.jid())); }

/// What of this node is sent to whoever comes: its last item.
std::optional<NodeEvent> last_item(const core::Core& core, const core::Account& owner, std::optional<core::Shelves>& shelves, const std::string& name,
                                   const core::Node& node) {
    if (node.config.send_last != SendLast::on_sub_and_presence || node.items.empty() || core::is_internal(name)) return std::nullopt;
    if (!shelves) shelves = core::Shelves::of(core.env.store, core.env.keys, owner.id(), owner.vault);
    const auto& item = node.items.back();
    const auto payload = shelves ? core::payload_of(*shelves, name, node.config.access, item) : nullptr;
    if (!payload) return std::nullopt;
    const auto shown = node.config.deliver_payloads ? std::string_view(*payload) : std::string_view();
    return NodeEvent{name, node.config, "<items node='" + xml::escape(name) + "'>" + item_element(item.id, shown) + "</items>"};
}

/// Owner's last items that the session may have and wants.
void send_last_of(core::Core& core, core::Account& owner, core::Session& session) {
    const bool own = &session.account() == &owner;
    if (is_blocked(owner, session)) return;
    std::optional<core::Shelves> shelves;  // made when the first is needed
    for (const auto& name : *session.wanted_nodes) {
        const auto* node = owner.nodes.find(name);
        if (!node || (!own && node->config.access == AccessModel::whitelist)) continue;
        const auto event = last_item(core, owner, shelves, name, *node);
        if (event && is_news(session, owner, *event)) session.send(notification(owner, session, *event));
    }
}

}  // namespace

void send_event(core::Core& core, core::Account& owner, const NodeEvent& event) {
    each_witness(core, owner, event.config.access != AccessModel::whitelist, [&](core::Account& account) {
        for (const auto& [_, session] : account.sessions) {
            if (!wants(*session, event.node) || is_blocked(owner, *session)) continue;
            is_news(*session, owner, event);
            session->send(notification(owner, *session, event));
        }
    });
}

void send_last_items(core::Core& core, core::Session& session) {
    if (!session.presence || !session.wanted_nodes || session.wanted_nodes->empty()) return;
    auto& account = session.account();
    send_last_of(core, account, session);
    for (const auto& [contact, item] : account.roster.items()) {
        if (!item.subscription.to || contact == account.jid || account.blocks(xmpp::Jid(contact))) continue;
        const auto owner = core.open_vault(contact);
        if (!owner || owner->blocks(xmpp::Jid(account.jid)) || !owner->shows_presence_to(account.jid)) continue;
        send_last_of(core, *owner, session);
    }
}

void announce_last_items(core::Core& core, core::Account& owner) {
    each_witness(core, owner, true, [&](core::Account& account) {
        if (&account == &owner) return;
        for (const auto& [_, session] : account.sessions)
            if (session->presence && session->wanted_nodes) send_last_of(core, owner, *session);
    });
}

}  // namespace lethe::feature
