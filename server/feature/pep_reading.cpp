// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0060 sections 5 and 6.5: what somebody may read of an account's nodes.
#include <algorithm>
#include <charconv>

#include "server/feature/bookmarks.h"
#include "server/feature/node_forms.h"
#include "server/feature/pep.h"
#include "server/xmpp/forms.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {
namespace ns = xmpp::ns;
using core::AccessModel;
using core::Node;
using xmpp::Condition;

/// One answer holds that much; what is left out is fetched with XEP-0059.
constexpr std::size_t answer_bytes = 1 << 20;

/// Sees the owner's presence, and the server can tell.
bool is_subscriber(const core::Request& request, const core::Account& owner) {
    const xmpp::Jid asker(request.session->jid());
    return request.own_account() || (owner.shows_presence_to(asker.bare()) && !owner.blocks(asker));
}

bool may_read(const core::Request& request, const core::Account& owner, const Node& node) {
    if (node.config.access == AccessModel::open || request.own_account()) return true;
    return node.config.access == AccessModel::presence && is_subscriber(request, owner);
}

/// The items that were asked for, by index: ids, or the newest, or all.
std::expected<std::vector<std::size_t>, xmpp::StanzaError> chosen(const Node& node, const xml::Element& verb) {
    std::vector<std::size_t> out;
    bool by_id = false;
    for (const auto item : verb.children()) {
        if (!item.is("item", ns::pubsub)) continue;
        by_id = true;
        const auto it = std::ranges::find(node.items, item.attr("id"), &core::ItemRef::id);
        const auto index = static_cast<std::size_t>(it - node.items.begin());
        if (it != node.items.end() && std::ranges::find(out, index) == out.end()) out.push_back(index);
    }
    if (by_id && out.empty()) return std::unexpected(xmpp::StanzaError{Condition::item_not_found});
    if (by_id) return out;
    std::size_t count = node.items.size();
    if (const auto text = verb.attr("max_items"); !text.empty()) {
        std::size_t most = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), most);
        if (error != std::errc() || end != text.data() + text.size()) return std::unexpected(xmpp::StanzaError{Condition::bad_request, "max_items is no number."});
        count = std::min(count, most);
    }
    for (std::size_t i = node.items.size() - count; i < node.items.size(); ++i) out.push_back(i);
    return out;
}

struct Page {
    std::vector<std::size_t> items;
    std::size_t first = 0, all = 0;
    bool paged = false;
};

/// XEP-0059 over the chosen items.
std::expected<Page, xmpp::StanzaError> page_of(const Node& node, std::vector<std::size_t> items, const xml::Element& pubsub) {
    const auto rsm = xmpp::parse_rsm(pubsub);
    if (!rsm) return std::unexpected(xmpp::StanzaError{Condition::bad_request, rsm.error()});
    Page page{.all = items.size(), .paged = bool(pubsub.child("set", ns::rsm))};
    auto begin = items.begin(), end = items.end();
    const auto place = [&](const std::string& id) { return std::ranges::find_if(items, [&](std::size_t i) { return node.items[i].id == id; }); };
    if (rsm->after || (rsm->before && !rsm->before->empty())) {
        const auto at = place(rsm->after ? *rsm->after : *rsm->before);
        if (at == items.end()) return std::unexpected(xmpp::StanzaError{Condition::item_not_found});
        if (rsm->after) begin = std::next(at);
        else end = at;
    } else if (rsm->index) {
        begin += static_cast<std::ptrdiff_t>(std::min(*rsm->index, items.size()));
    }
    if (rsm->max && static_cast<std::size_t>(end - begin) > *rsm->max) {
        if (rsm->before) begin = end - static_cast<std::ptrdiff_t>(*rsm->max);
        else end = begin + static_cast<std::ptrdiff_t>(*rsm->max);
    }
    // Too much for one answer: the oldest of it, as if the client had asked for that many; without XEP-0059 the newest.
    const bool from_front = page.paged && !rsm->before;
    std::size_t bytes = 0;
    const auto fits = [&](std::size_t i) { return (bytes += node.items[i].id.size() + node.items[i].bytes) <= answer_bytes; };
    if (from_front) {
        auto it = begin;
        while (it != end && (fits(*it) || it == begin)) ++it;
        end = it;
    } else {
        auto it = end;
        while (it != begin && (fits(*std::prev(it)) || it == end)) --it;
        page.paged = page.paged || it != begin;
        begin = it;
    }
    page.first = static_cast<std::size_t>(begin - items.begin());
    page.items.assign(begin, end);
    return page;
}

void answer(const core::Request& request, const core::Shelves& shelves, const std::string& name, const Node& node, const xml::Element& verb) {
    auto items = chosen(node, verb);
    if (!items) return request.responder.error(items.error());
    const auto page = page_of(node, std::move(*items), request.payload);
    if (!page) return request.responder.error(page.error());
    request.responder.result([&](xml::Element iq) {
        auto pubsub = iq.add("pubsub", ns::pubsub);
        auto list = pubsub.add("items");
        list.set_attr("node", name);
        for (const auto index : page->items) {
            const auto payload = core::payload_of(shelves, name, node.config.access, node.items[index]);
            if (!payload) continue;
            auto item = list.add("item");
            item.set_attr("id", node.items[index].id);
            if (const auto document = xml::parse(*payload); document.root()) item.add_copy(document.root());
        }
        if (!page->paged) return;
        xmpp::RsmResult told{.count = page->all};
        if (!page->items.empty()) {
            told.first = node.items[page->items.front()].id;
            told.first_index = page->first;
            told.last = node.items[page->items.back()].id;
        }
        xmpp::add_rsm(pubsub, told);
    });
}

/// item-not-found, with the code of XEP-0086 beside it: Profanity publishes the first device list of an account only when it sees the code.
void no_such_node(const core::Request& request) {
    request.responder.result([](xml::Element iq) {
        iq.set_attr("type", "error");
        auto error = iq.add("error");
        error.set_attr("type", "cancel");
        error.set_attr("code", "404");
        error.add(xmpp::to_string(Condition::item_not_found), ns::stanza_errors);
    });
}

/// Whatever the reason: see pep.cpp.
xmpp::StanzaError not_for_you() { return pubsub_error(Condition::not_authorized, "presence-subscription-required"); }

/// XEP-0048 over PEP, for the owner.
std::optional<Node> made_of_bookmarks(const core::Request& request) {
    if (!request.own_account()) return std::nullopt;
    auto storage = bookmarks_storage(NodeEdit(request.core, request.session->account_ptr()));
    if (!storage) return std::nullopt;
    Node node{.config = default_config(ns::bookmarks_storage), .items = {{.id = "current"}}};
    node.items.front().bytes = static_cast<std::uint32_t>(storage->size());
    node.items.front().payload = core::make_wire(std::move(*storage));
    return node;
}

}  // namespace

std::optional<Node> readable_node(const core::Request& request, const core::Shelves& shelves, std::string_view name) {
    const auto owner = request.core.open_vault(request.target.bare());
    if (!owner) return shelves.read_open_node(name);
    const auto* known = owner->nodes.find(name);
    return known && may_read(request, *owner, *known) ? std::optional(*known) : std::nullopt;
}

void get_items(core::Request& request, const xml::Element& verb) {
    const auto owner_jid = request.target.bare();
    const auto name = named_node(request, verb);
    if (!name) return;
    const auto writer = request.core.logs.find(owner_jid);
    if (!writer) return request.responder.error(not_for_you());
    const auto owner = request.core.open_vault(owner_jid);
    const auto shelves = core::Shelves::of(request.core.env.store, request.core.env.keys, writer->id, owner ? owner->vault : nullptr);
    if (!shelves) return request.responder.error({Condition::resource_constraint, "The server cannot read this now."});
    if (const auto node = *name == ns::bookmarks_storage ? made_of_bookmarks(request) : readable_node(request, *shelves, *name))
        return answer(request, *shelves, *name, *node, verb);
    if (owner && is_subscriber(request, *owner)) {
        if (!owner->nodes.find(*name)) return no_such_node(request);
        return request.responder.error(pubsub_error(Condition::not_allowed, "closed-node"));
    }
    request.responder.error(not_for_you());
}

void list_nodes(const core::Request& request, xml::Element query) {
    const auto owner = request.core.open_vault(request.target.bare());
    if (!owner) return;
    for (const auto& [name, node] : owner->nodes.all()) {
        if (core::is_internal(name) || !may_read(request, *owner, *node)) continue;
        auto item = query.add("item");
        item.set_attr("jid", owner->jid.to_string());
        item.set_attr("node", name);
        if (!node->config.title.empty()) item.set_attr("name", node->config.title);
    }
}

bool describe_node(const core::Request& request, xml::Element query, bool items) {
    const auto owner = request.core.open_vault(request.target.bare());
    const auto* node = owner ? owner->nodes.find(request.payload.attr("node")) : nullptr;
    if (!node || !may_read(request, *owner, *node)) return false;
    if (items) {
        for (const auto& known : node->items) {
            auto item = query.add("item");
            item.set_attr("jid", owner->jid.to_string());
            item.set_attr("name", known.id);
        }
        return true;
    }
    auto identity = query.add("identity");
    identity.set_attr("category", "pubsub");
    identity.set_attr("type", "leaf");
    query.add("feature").set_attr("var", ns::pubsub);
    xmpp::Form form{.type = "result", .fields = {{.var = "FORM_TYPE", .type = "hidden", .values = {std::string(ns::pubsub_meta_data)}}}};
    for (auto& field : config_form(node->config, "result").fields)
        if (field.var == "pubsub#title" || field.var == "pubsub#description" || field.var == "pubsub#type" || field.var == "pubsub#access_model" ||
            field.var == "pubsub#max_items")
            form.fields.push_back(std::move(field));
    form.fields.push_back({.var = "pubsub#num_items", .values = {std::to_string(node->items.size())}});
    xmpp::add_form(query, form);
    return true;
}

}  // namespace lethe::feature
