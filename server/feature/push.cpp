// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0357 Push Notifications, version 0.4.1.
//
// What an app server is sent: a notification without content, the node and the form (with its secret) that
// the client gave. Not who wrote, not what, not how many; the sender is the domain. Which account it is for
// the app server knows by the node. When: a message with something in it for people, an invitation, or the
// offer of a call (XEP-0353, or a Jingle request) waits, because the account is away, its sessions hibernate,
// or the session that was sent it is lost. Chat states, receipts, markers, headlines and copies notify
// nobody. One notification for each registration, and no more for the account until a client of its connects
// again (bind or resume); one that was connected meanwhile and lost its connection counts as one that had.
// This is remembered in memory only: after a restart an account may be notified once more.
//
// Closed: registrations are the account's, not a session's, and are needed while it is away, so they lie in
// the table profile under the node key and the account key. A reset or the erasure of the account ends them.
// A message from somebody blocked wakes the client of a closed account, because nobody can read its blocklist
// then.
// - An app server that answers with an error loses its registration, unless the error is of type wait.
// - Other servers cannot be reached, so an app server there is refused. One here is a client at a full
// address. Every such address is accepted,
//   whether or not it exists or is online, so that nobody learns of it; the notification reaches it if a
//   request (iq) of the account itself would: it shares its presence with the account, or sent it presence.
//   Otherwise nothing is sent, the registration stays, and the next message tries again.
#include <algorithm>
#include <deque>
#include <expected>

#include "server/core/message.h"
#include "server/core/random_hex.h"
#include "server/core/router.h"
#include "server/feature/all.h"
#include "server/feature/push_store.h"
#include "server/xmpp/forms.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {
namespace ns = xmpp::ns;
using xmpp::Condition;
using xmpp::StanzaError;

constexpr std::size_t most_registrations = 8, longest_node = 1023, longest_options = 4096,
                      awaited_answers = 4096;

struct Push {
    /// Clients that were connected when the account was notified.
    using Connected = std::vector<std::weak_ptr<core::Session>>;
    struct Awaited {
        std::string id;
        xmpp::BareJid owner;
        xmpp::Jid service;
        std::string node;
    };
    const std::shared_ptr<PushStore> store = std::make_shared<PushStore>();
    std::unordered_map<xmpp::BareJid, Connected> notified;
    std::deque<Awaited> awaited;  ///< the last few thousand
};
using State = std::shared_ptr<Push>;

// What is worth a notification.

bool is_encrypted(const xml::Element& message) {
    for (const std::string_view omemo :
         {"eu.siacs.conversations.axolotl", "urn:xmpp:omemo:1", "urn:xmpp:omemo:2"})
        if (const auto encrypted = message.child("encrypted", omemo))
            return bool(encrypted.child("payload"));  // else it only moves keys
    return message.child("openpgp", "urn:xmpp:openpgp:0") || message.child("x", "jabber:x:encrypted");
}

bool is_invitation(const xml::Element& message) {
    return message.child("x", ns::conference) || message.child("x", ns::muc_user).child("invite");
}

bool is_for_people(const xml::Element& stanza) {
    if (stanza.name() == "iq")
        return stanza.first_child().is("jingle", "urn:xmpp:jingle:1") &&
               stanza.first_child().attr("action") == "session-initiate";
    const auto type = core::message_type(stanza);
    if (type == core::MessageType::error || type == core::MessageType::headline) return false;
    if (type == core::MessageType::groupchat && stanza.child("subject", ns::client)) return false;
    return !stanza.child("body", ns::client).text().empty() || is_encrypted(stanza) ||
           is_invitation(stanza) || stanza.child("propose", "urn:xmpp:jingle-message:0");
}

// Notifications.

xml::Document notification(const core::Core& core, const core::PushRegistration& to, const std::string& id) {
    xml::Document document("iq", ns::client);
    auto iq = document.root();
    iq.set_attr("type", "set");
    iq.set_attr("id", id);
    iq.set_attr("from", core.domain.to_string());
    iq.set_attr("to", to.service.to_string());
    auto pubsub = iq.add("pubsub", ns::pubsub);
    auto publish = pubsub.add("publish");
    if (!to.node.empty()) publish.set_attr("node", to.node);
    publish.add("item").add("notification", ns::push);
    if (const auto options = xml::parse(to.options); options.root())
        pubsub.add("publish-options").add_copy(options.root());
    return document;
}

bool notify(Push& push, core::Core& core, const xmpp::BareJid& owner, const core::PushRegistration& to) {
    const auto client = to.service.full();
    if (!core.is_local(to.service) || !client) return false;
    const auto id = core::random_hex(12);
    if (!core::ask_for_account(core, owner, *client, notification(core, to, id).root())) return false;
    push.awaited.push_back({id, owner, to.service, to.node});
    if (push.awaited.size() > awaited_answers) push.awaited.pop_front();
    return true;
}

bool is_lost(const std::weak_ptr<core::Session>& weak) {
    const auto session = weak.lock();
    return !session || session->ended || session->hibernating();
}

void stanza_waits(Push& push, core::Core& core, const xmpp::BareJid& owner, const xml::Element& stanza) {
    if (!is_for_people(stanza)) return;
    const auto before = push.notified.find(owner);
    if (before != push.notified.end() && std::ranges::none_of(before->second, is_lost)) return;
    const auto registrations = push.store->read(core, owner);
    if (!registrations) return;
    bool sent = false;
    for (const auto& registration : *registrations) sent |= notify(push, core, owner, registration);
    if (!sent) return;
    auto& connected = push.notified[owner];
    connected.clear();
    if (const auto account = core.open_vault(owner))
        for (const auto& [_, session] : account->sessions)
            if (!session->ended && !session->hibernating()) connected.push_back(session);
}

/// The app server's word on a notification.
bool answered(Push& push, core::Core& core, const std::shared_ptr<core::Session>& session,
              const xml::Element& iq) {
    const auto found = std::ranges::find(push.awaited, iq.attr("id"), &Push::Awaited::id);
    if (found == push.awaited.end() || found->service != xmpp::Jid(session->jid())) return false;
    const auto was = *found;
    push.awaited.erase(found);
    if (iq.attr("type") != "error" || iq.child("error", ns::client).attr("type") == "wait") return true;
    auto registrations = push.store->read(core, was.owner);
    const auto same = [&](const auto& one) { return one.service == was.service && one.node == was.node; };
    if (!registrations || std::erase_if(*registrations, same) == 0) return true;
    push.store->write(core, was.owner, std::move(*registrations), [](bool) {});
    return true;
}

// Registrations.

std::expected<std::string, StanzaError> options_in(const xml::Element& enable) {
    if (!enable.first_child()) return std::string();
    const auto form = xmpp::parse_form(enable.first_child());
    if (enable.first_child().next_sibling() || !form || form->form_type() != ns::pubsub_publish_options)
        return std::unexpected(StanzaError{
            Condition::bad_request, "Only one form may be in it, of the type pubsub#publish-options."});
    xmpp::Form kept;
    for (const auto& field : form->fields)
        kept.fields.push_back({.var = field.var, .type = field.type, .values = field.values});
    xml::Document holder("options", ns::push);
    xmpp::add_form(holder.root(), kept);
    auto text = xml::serialize(holder.root().first_child());
    if (text.size() > longest_options)
        return std::unexpected(
            StanzaError{Condition::not_acceptable, "The form is larger than this server keeps."});
    return text;
}

std::expected<xmpp::Jid, StanzaError> service_in(const xml::Element& request) {
    if (request.attr("jid").empty())
        return std::unexpected(
            StanzaError{Condition::bad_request, "The attribute jid names the app server."});
    const auto service = xmpp::Jid::parse(request.attr("jid"));
    if (!service) return std::unexpected(StanzaError{Condition::jid_malformed});
    return *service;
}

std::expected<core::PushRegistration, StanzaError> registration_in(const core::Core& core,
                                                                   const xml::Element& enable) {
    const auto service = service_in(enable);
    if (!service) return std::unexpected(service.error());
    if (!core.is_local(*service))
        return std::unexpected(
            StanzaError{Condition::remote_server_not_found,
                        "This server reaches no other servers, so no app server there either."});
    if (service->local().empty() || service->is_bare())
        return std::unexpected(StanzaError{Condition::not_acceptable,
                                           "An app server on this server is a client at its full address."});
    if (enable.attr("node").size() > longest_node)
        return std::unexpected(StanzaError{Condition::not_acceptable, "The name of the node is too long."});
    auto options = options_in(enable);
    if (!options) return std::unexpected(options.error());
    return core::PushRegistration{*service, std::string(enable.attr("node")), std::move(*options)};
}

void replace(Push& push, core::Request& request, PushStore::Registrations registrations) {
    push.store->write(
        request.core, request.target.bare(), std::move(registrations),
        [responder = request.responder](bool stored) {
            if (stored)
                responder.result();
            else
                responder.error({Condition::resource_constraint, "The server cannot store this now."});
        });
}

void enable(Push& push, core::Request& request) {
    auto wanted = registration_in(request.core, request.payload);
    if (!wanted) return request.responder.error(wanted.error());
    auto registrations = push.store->read(request.core, request.target.bare());
    if (!registrations)
        return request.responder.error(
            {Condition::resource_constraint, "The server cannot read your account now."});
    std::erase_if(*registrations, [&](const auto& one) {
        return one.service == wanted->service && one.node == wanted->node;
    });
    if (registrations->size() >= most_registrations)
        return request.responder.error({Condition::resource_constraint,
                                        "You have enabled as many notifications as this server permits (" +
                                            std::to_string(most_registrations) + "): disable one first."});
    registrations->push_back(std::move(*wanted));
    replace(push, request, std::move(*registrations));
}

void disable(Push& push, core::Request& request) {
    const auto service = service_in(request.payload);
    if (!service) return request.responder.error(service.error());
    auto registrations = push.store->read(request.core, request.target.bare());
    if (!registrations)
        return request.responder.error(
            {Condition::resource_constraint, "The server cannot read your account now."});
    const bool all = !request.payload.has_attr("node");
    const auto node = request.payload.attr("node");
    if (std::erase_if(*registrations, [&](const auto& one) {
            return one.service == *service && (all || one.node == node);
        }) == 0)
        return request.responder.result();
    replace(push, request, std::move(*registrations));
}

}  // namespace

core::Feature push() {
    const State state = std::make_shared<Push>();
    return {
        .name = "push",
        .account_features = {ns::push},
        .iq = {{"set", ns::push, "enable", core::at_own_account,
                [state](core::Request& request) { enable(*state, request); }},
               {"set", ns::push, "disable", core::at_own_account,
                [state](core::Request& request) { disable(*state, request); }}},
        .answered = [state](core::Core& core, const std::shared_ptr<core::Session>& session,
                            xml::Element iq) { return answered(*state, core, session, iq); },
        .session_connected =
            [state](core::Core&, const std::shared_ptr<core::Session>& session) {
                state->notified.erase(session->jid().bare());
            },
        .stanza_waits = [state](core::Core& core, const xmpp::BareJid& owner,
                                const xml::Element& stanza) { stanza_waits(*state, core, owner, stanza); }};
}

}  // namespace lethe::feature
