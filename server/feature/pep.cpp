// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0163 Personal Eventing Protocol, version 1.2.2: each account is a pubsub service of its own (XEP-0060, version 1.28.0, in the part that
// account_features names). With it, as ordinary nodes: XEP-0222, XEP-0223, XEP-0384 (both namespaces), XEP-0084, XEP-0172, XEP-0402, XEP-0490.
//
// Only the owner publishes and configures. Who reads, by access model, and what it is while the owner is away and his vault closed:
//     open       everybody, at any time, blocked senders included: such a node is published to the world
//     presence   the owner, and subscribers of his presence while he is online
//     whitelist  the owner
// A stranger cannot be told a node that is not for him from one that does not exist, and a closed vault could not tell them either: both are
// not-authorized with <presence-subscription-required/>, vault open or closed, and so is every node of an account that does not exist. Subscribers of an owner who is online learn more:
// item-not-found. There are no explicit subscriptions; notifications follow presence and capabilities (node_events.h).
#include "server/feature/pep.h"

#include "server/feature/all.h"
#include "server/feature/bookmarks.h"
#include "server/feature/node_events.h"
#include "server/feature/node_forms.h"
#include "server/xmpp/boolean.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {
namespace ns = xmpp::ns;
using xmpp::Condition;

/// The form in <publish-options/> or <configure/>; empty if there is none, an error if it is no form.
std::expected<std::optional<xmpp::Form>, xmpp::StanzaError> form_in(const xml::Element& parent) {
    if (!parent || !parent.first_child()) return std::nullopt;
    auto form = xmpp::parse_form(parent.child("x", ns::data_form));
    if (!form) return std::unexpected(xmpp::StanzaError{Condition::bad_request, "There is no data form in it."});
    return form;
}

std::expected<std::vector<NodeEdit::NewItem>, xmpp::StanzaError> items_to_publish(const xml::Element& publish) {
    std::vector<NodeEdit::NewItem> items;
    for (const auto item : publish.children()) {
        if (!item.is("item", ns::pubsub)) return std::unexpected(pubsub_error(Condition::bad_request, "invalid-payload", "There is something that is no item."));
        const auto payload = item.first_child();
        if (!payload) return std::unexpected(pubsub_error(Condition::bad_request, "payload-required"));
        if (payload.next_sibling()) return std::unexpected(pubsub_error(Condition::bad_request, "invalid-payload", "An item has one payload."));
        items.push_back({std::string(item.attr("id")), payload_text(payload)});
    }
    if (items.empty()) return std::unexpected(pubsub_error(Condition::bad_request, "item-required"));
    return items;
}

/// XEP-0060 7.1.5: what the node is made with, or must be like.
std::expected<core::NodeConfig, xmpp::StanzaError> precondition(const NodeEdit& edit, const std::string& node, const xml::Element& options,
                                                               std::size_t most_items) {
    const auto* existing = edit.nodes().find(node);
    const auto base = existing ? existing->config : default_config(node);
    auto form = form_in(options);
    if (!form) return std::unexpected(form.error());
    if (!*form) return base;
    auto wanted = with_form(base, **form, most_items, FormPurpose::preconditions);
    if (wanted && existing && *wanted != existing->config)
        return std::unexpected(pubsub_error(Condition::conflict, "precondition-not-met", "The node is configured differently."));
    return wanted;
}

/// The node that is made of XEP-0402's items; its configuration is fixed.
void publish_bookmarks(core::Request& request, const std::vector<NodeEdit::NewItem>& items, const xml::Element& options) {
    const auto limit = request.core.env.config.limits.pep_items;
    const auto form = form_in(options);
    if (!form) return request.responder.error(form.error());
    const auto wanted = *form ? with_form(default_config(ns::bookmarks_storage), **form, limit, FormPurpose::preconditions) : default_config(ns::bookmarks_storage);
    if (!wanted) return request.responder.error(wanted.error());
    if (wanted->access != core::AccessModel::whitelist || !wanted->persist_items)
        return request.responder.error(pubsub_error(Condition::conflict, "precondition-not-met", "Bookmarks are their owner's alone."));
    const auto storage = xml::parse(items.front().payload);
    if (items.size() != 1 || !storage.root() || !storage.root().is("storage", ns::bookmarks_storage))
        return request.responder.error(pubsub_error(Condition::bad_request, "invalid-payload"));
    NodeEdit edit(request.core, request.session->account_ptr());
    if (auto wrong = replace_bookmarks(edit, storage.root(), limit)) return request.responder.error(*wrong);
    edit.commit(answer_to(request, [](xml::Element iq) {
        auto published = iq.add("pubsub", ns::pubsub).add("publish");
        published.set_attr("node", ns::bookmarks_storage);
        published.add("item").set_attr("id", "current");
    }));
}

void publish(core::Request& request, const xml::Element& verb) {
    const auto node = named_node(request, verb);
    if (!node) return;
    auto items = items_to_publish(verb);
    if (!items) return request.responder.error(items.error());
    if (*node == ns::bookmarks_storage) return publish_bookmarks(request, *items, request.payload.child("publish-options", ns::pubsub));
    NodeEdit edit(request.core, request.session->account_ptr());
    const auto config = precondition(edit, *node, request.payload.child("publish-options", ns::pubsub), request.core.env.config.limits.pep_items);
    if (!config) return request.responder.error(config.error());
    std::vector<std::string> ids;
    if (auto wrong = edit.publish(*node, *config, *items, &ids)) return request.responder.error(*wrong);
    edit.commit(answer_to(request, [node = *node, ids](xml::Element iq) {
        auto published = iq.add("pubsub", ns::pubsub).add("publish");
        published.set_attr("node", node);
        for (const auto& id : ids) published.add("item").set_attr("id", id);
    }));
}

void retract(core::Request& request, const xml::Element& verb) {
    const auto node = named_node(request, verb);
    if (!node || refused_as_made(request, *node)) return;
    NodeEdit edit(request.core, request.session->account_ptr());
    const auto* existing = edit.nodes().find(*node);
    if (!existing) return request.responder.error({Condition::item_not_found});
    const bool notify = xmpp::is_true(verb.attr("notify"));
    const auto item = verb.first_child();
    if (!item || !item.is("item", ns::pubsub) || item.attr("id").empty()) return request.responder.error(pubsub_error(Condition::bad_request, "item-required"));
    if (item.next_sibling()) return request.responder.error({Condition::bad_request, "One item at a time."});
    if (!existing->find(item.attr("id"))) return request.responder.error({Condition::item_not_found});
    edit.retract(*node, std::string(item.attr("id")), notify);
    edit.commit(answer_to(request));
}

void create(core::Request& request, const xml::Element& verb) {
    if (!verb.has_attr("node")) return request.responder.error(pubsub_error(Condition::not_acceptable, "nodeid-required"));
    const auto node = named_node(request, verb);
    if (!node || refused_as_made(request, *node)) return;
    NodeEdit edit(request.core, request.session->account_ptr());
    if (edit.nodes().find(*node)) return request.responder.error({Condition::conflict});
    auto config = default_config(*node);
    auto form = form_in(request.payload.child("configure", ns::pubsub));
    if (!form) return request.responder.error(form.error());
    if (*form) {
        auto wanted = with_form(config, **form, request.core.env.config.limits.pep_items, FormPurpose::configuration);
        if (!wanted) return request.responder.error(wanted.error());
        config = *wanted;
    }
    if (auto wrong = edit.create(*node, config)) return request.responder.error(*wrong);
    edit.commit(answer_to(request, [node = *node](xml::Element iq) { iq.add("pubsub", ns::pubsub).add("create").set_attr("node", node); }));
}

/// Everything but reading is the owner's.
bool only_for_owner(const core::Request& request) {
    if (request.own_account()) return true;
    request.responder.error({Condition::forbidden});
    return false;
}

void get(core::Request& request) {
    const auto verb = verb_of(request.payload, {});
    if (verb && verb.name() == "items") return get_items(request, verb);
    if (!only_for_owner(request)) return;
    if (verb && verb.name() == "affiliations") return refuse_unsupported(request, "retrieve-affiliations");
    if (verb && verb.name() == "subscriptions") return refuse_unsupported(request, "retrieve-subscriptions");
    request.responder.error({Condition::bad_request, "There is nothing in it that this server can answer."});
}

void set(core::Request& request) {
    if (!only_for_owner(request)) return;
    const auto verb = verb_of(request.payload, {"publish-options", "configure", "options"});
    const auto name = verb ? verb.name() : std::string_view();
    if (name == "publish") return publish(request, verb);
    if (name == "retract") return retract(request, verb);
    if (name == "create") return create(request, verb);
    if (name == "subscribe" || name == "unsubscribe") return refuse_unsupported(request, "subscribe");
    request.responder.error({Condition::bad_request, "There is nothing in it that this server can do."});
}

void owner_get(core::Request& request) {
    if (only_for_owner(request)) get_as_owner(request);
}
void owner_set(core::Request& request) {
    if (only_for_owner(request)) set_as_owner(request);
}

void available(core::Core& core, const std::shared_ptr<core::Session>& session) { announce_last_items(core, session->account()); }

}  // namespace

xml::Element verb_of(const xml::Element& pubsub, std::initializer_list<std::string_view> companions) {
    xml::Element verb;
    for (const auto child : pubsub.children()) {
        if (child.ns() != pubsub.ns() || std::ranges::find(companions, child.name()) != companions.end()) continue;
        if (verb) return {};
        verb = child;
    }
    return verb;
}

std::optional<std::string> named_node(const core::Request& request, const xml::Element& verb) {
    if (!verb.attr("node").empty()) return std::string(verb.attr("node"));
    request.responder.error(pubsub_error(Condition::bad_request, "nodeid-required"));
    return std::nullopt;
}

bool refused_as_made(const core::Request& request, std::string_view node) {
    if (node != ns::bookmarks_storage) return false;
    request.responder.error({Condition::not_allowed, "This node is made from urn:xmpp:bookmarks:1: change that one."});
    return true;
}

void refuse_unsupported(const core::Request& request, std::string_view feature) {
    auto error = pubsub_error(Condition::feature_not_implemented, "unsupported");
    error.specific.feature = feature;
    request.responder.error(error);
}

std::function<void(NodeEdit::Error)> answer_to(const core::Request& request, std::function<void(xml::Element)> fill) {
    return [responder = request.responder, fill = std::move(fill)](NodeEdit::Error error) {
        if (error) responder.error(*error);
        else responder.result(fill);
    };
}

core::Feature pep() {
    const unsigned accounts = core::at_own_account | core::at_other_account;
    return {.name = "pep",
            .account_features = {ns::pubsub, "http://jabber.org/protocol/pubsub#access-open", "http://jabber.org/protocol/pubsub#access-presence",
                                 "http://jabber.org/protocol/pubsub#access-whitelist", "http://jabber.org/protocol/pubsub#auto-create",
                                 "http://jabber.org/protocol/pubsub#auto-subscribe", "http://jabber.org/protocol/pubsub#config-node",
                                 "http://jabber.org/protocol/pubsub#config-node-max", "http://jabber.org/protocol/pubsub#create-and-configure",
                                 "http://jabber.org/protocol/pubsub#create-nodes", "http://jabber.org/protocol/pubsub#delete-items",
                                 "http://jabber.org/protocol/pubsub#delete-nodes", "http://jabber.org/protocol/pubsub#filtered-notifications",
                                 "http://jabber.org/protocol/pubsub#item-ids", "http://jabber.org/protocol/pubsub#last-published",
                                 "http://jabber.org/protocol/pubsub#meta-data", "http://jabber.org/protocol/pubsub#multi-items",
                                 "http://jabber.org/protocol/pubsub#persistent-items", "http://jabber.org/protocol/pubsub#presence-notifications",
                                 "http://jabber.org/protocol/pubsub#presence-subscribe", "http://jabber.org/protocol/pubsub#publish",
                                 "http://jabber.org/protocol/pubsub#publish-options", "http://jabber.org/protocol/pubsub#purge-nodes",
                                 "http://jabber.org/protocol/pubsub#retract-items", "http://jabber.org/protocol/pubsub#retrieve-default",
                                 "http://jabber.org/protocol/pubsub#retrieve-items", "http://jabber.org/protocol/pubsub#rsm"},
            .iq = {{"get", ns::pubsub, "pubsub", accounts, get},
                   {"set", ns::pubsub, "pubsub", accounts, set},
                   {"get", ns::pubsub_owner, "pubsub", accounts, owner_get},
                   {"set", ns::pubsub_owner, "pubsub", accounts, owner_set}},
            .account_identities = {{"pubsub", "pep"}},
            .account_items = list_nodes,
            .account_node = describe_node,
            .session_available = available};
}

}  // namespace lethe::feature
