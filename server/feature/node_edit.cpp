// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/feature/node_edit.h"

#include <algorithm>

#include "server/core/message.h"
#include "server/core/random_hex.h"
#include "server/feature/node_events.h"
#include "server/feature/node_forms.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {

namespace ns = xmpp::ns;
using core::Node;
using core::NodeConfig;
using xmpp::Condition;

constexpr std::size_t longest_name = 1023, longest_id = 3071;  // an item's id may be an address

std::string items_event(std::string_view node, std::string_view content) {
    return "<items node='" + xml::escape(node) + "'>" + std::string(content) + "</items>";
}

}  // namespace

std::string item_element(std::string_view id, std::string_view payload) {
    const auto head = "<item id='" + xml::escape(id) + "'";
    return payload.empty() ? head + "/>" : head + ">" + std::string(payload) + "</item>";
}

std::string payload_text(const xml::Element& element) {
    const auto text = xml::serialize(element);
    return element.ns() == ns::client ? core::as_forwarded(text) : text;
}

NodeEdit::NodeEdit(core::Core& core, std::shared_ptr<core::Account> account)
    : core_(core),
      account_(std::move(account)),
      draft_(account_->nodes),
      shelves_(core::Shelves::of(core.env.store, core.env.keys, account_->id(), account_->vault)) {}

core::Wire NodeEdit::payload(std::string_view node, const core::ItemRef& item) const {
    const auto* found = draft_.find(node);
    return found && shelves_ ? core::payload_of(*shelves_, node, found->config.access, item) : nullptr;
}

std::size_t NodeEdit::most_items(const NodeConfig& config) const {
    const std::size_t limit = core_.env.config.limits.pep_items;
    return config.max_items ? std::min<std::size_t>(config.max_items, limit) : limit;
}

NodeEdit::Error NodeEdit::check(const std::string& node, const Node* existing, const std::vector<NewItem>& items, bool persistent) const {
    const auto& limits = core_.env.config.limits;
    const auto full = [](std::string text) { return Error({Condition::resource_constraint, std::move(text)}); };
    if (!shelves_) return full("The server cannot read your account now.");
    if (node.size() > longest_name) return pubsub_error(Condition::not_acceptable, "", "The name of the node is too long.");
    if (!existing && draft_.all().size() >= limits.pep_nodes) return full("You have as many nodes as this server permits.");
    std::uint64_t bytes = draft_.bytes() + node.size();
    std::size_t fresh = 0;
    for (const auto& item : items) {
        if (!existing || !existing->find(item.id)) ++fresh;
        if (item.id.size() > longest_id) return Error({Condition::not_acceptable, "The id of an item is too long."});
        if (item.payload.size() > limits.pep_item_bytes)
            return pubsub_error(Condition::not_acceptable, "payload-too-big", "The payload is larger than this server permits.");
        bytes += item.id.size() + item.payload.size();
        if (const auto* old = existing ? existing->find(item.id) : nullptr) bytes -= std::min<std::uint64_t>(bytes, old->id.size() + old->bytes);
    }
    // What a node of one item gives up for its next does not count against it.
    if (existing && existing->config.max_items == 1 && items.size() == 1 && !existing->find(items.front().id)) bytes -= existing->bytes();
    // A node's items make room for the next; what nobody knows as a node loses nothing.
    if (core::is_internal(node) && existing && existing->items.size() + fresh > limits.pep_items)
        return full("You have stored as much as this server permits.");
    if (persistent && bytes > limits.pep_bytes) return full("You have stored as much as this server permits.");
    return {};
}

NodeEdit::Error NodeEdit::create(const std::string& node, NodeConfig config) {
    if (auto wrong = check(node, nullptr, {}, true)) return wrong;
    draft_.create(node, std::move(config));
    touched_.insert(node);
    return {};
}

NodeEdit::Error NodeEdit::configure(const std::string& node, NodeConfig config) {
    if (!shelves_ || !draft_.configure(change_.batch, *shelves_, node, std::move(config)))
        return Error({Condition::resource_constraint, "The server cannot read your account now."});
    touched_.insert(node);
    return {};
}

NodeEdit::Error NodeEdit::publish(const std::string& node, const NodeConfig& if_new, const std::vector<NewItem>& items,
                                  std::vector<std::string>* ids) {
    const auto* existing = draft_.find(node);
    const NodeConfig config = existing ? existing->config : if_new;
    if (items.size() > most_items(config)) return Error({Condition::not_acceptable, "These are more items than the node keeps."});
    if (auto wrong = check(node, existing, items, config.persist_items)) return wrong;
    if (!existing) draft_.create(node, config);
    std::string told;
    for (const auto& item : items) {
        const auto id = item.id.empty() ? core::random_hex(12) : item.id;
        if (ids) ids->push_back(id);
        if (config.persist_items)
            draft_.publish(change_.batch, *shelves_, node, id, core::make_wire(item.payload), most_items(config));
        told += item_element(id, config.deliver_payloads ? std::string_view(item.payload) : std::string_view());
    }
    if (!items.empty() && !core::is_internal(node)) events_.push_back({node, config, items_event(node, told)});
    touched_.insert(node);
    return {};
}

void NodeEdit::retract(const std::string& node, const std::string& id, bool notify) {
    const auto* existing = draft_.find(node);
    if (!shelves_ || !existing || !existing->find(id)) return;
    const auto config = existing->config;
    draft_.retract(change_.batch, *shelves_, node, id);
    if ((notify || config.notify_retract) && !core::is_internal(node))
        events_.push_back({node, config, items_event(node, "<retract id='" + xml::escape(id) + "'/>")});
    touched_.insert(node);
}

void NodeEdit::purge(const std::string& node) {
    const auto* existing = draft_.find(node);
    if (!shelves_ || !existing) return;
    const auto config = existing->config;
    draft_.purge(change_.batch, *shelves_, node);
    if (config.notify_retract) events_.push_back({node, config, "<purge node='" + xml::escape(node) + "'/>"});
    touched_.insert(node);
}

void NodeEdit::erase(const std::string& node) {
    const auto* existing = draft_.find(node);
    if (!shelves_ || !existing) return;
    const auto config = existing->config;
    draft_.erase(change_.batch, *shelves_, node);
    if (config.notify_delete) events_.push_back({node, config, "<delete node='" + xml::escape(node) + "'/>"});
    touched_.insert(node);
}

void NodeEdit::commit(std::function<void(Error)> done) {
    const auto finish = [&core = core_, account = account_, events = std::move(events_), touched = std::move(touched_), done] {
        done({});
        for (const auto& event : events) send_event(core, *account, event);
        for (const auto& feature : core.features.all())
            if (feature.nodes_changed) feature.nodes_changed(core, account, touched);
    };
    if (shelves_) draft_.flush(change_.batch, *shelves_);
    if (change_.empty()) return finish();
    const auto pending = draft_.pending();
    account_->nodes = std::move(draft_);
    core_.write(std::move(change_), [&core = core_, account = account_, pending, finish, done](store::Result r) {
        if (r) {
            account->nodes.settle(pending);
            return finish();
        }
        core::reread(core, account);
        done(xmpp::StanzaError{Condition::resource_constraint, "The server cannot store this now."});
    });
}

}  // namespace lethe::feature
