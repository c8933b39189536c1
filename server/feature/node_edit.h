// SPDX-License-Identifier: AGPL-3.0-or-later
// A change of an account's nodes: checked against the quotas, written in one transaction, then told to whoever is to be notified.
//
// Nothing has happened before commit(): an edit that met an error is dropped. Thread: core; not across a co_await.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "server/core/core.h"
#include "server/core/nodes.h"

namespace lethe::feature {

/// What goes into <event/> of a notification about one node.
struct NodeEvent {
    std::string node;
    core::NodeConfig config;
    std::string content;
};

class NodeEdit {
public:
    using Error = std::optional<xmpp::StanzaError>;
    NodeEdit(core::Core& core, std::shared_ptr<core::Account> account);

    /// As it will be.
    const core::Nodes& nodes() const { return draft_; }
    /// Null if it cannot be read.
    core::Wire payload(std::string_view node, const core::ItemRef& item) const;

    [[nodiscard]] Error create(const std::string& node, core::NodeConfig config);
    [[nodiscard]] Error configure(const std::string& node, core::NodeConfig config);
    /// Makes the node if there is none. An empty id gets a fresh one; answers the ids in `ids`.
    struct NewItem {
        std::string id, payload;
    };
    [[nodiscard]] Error publish(const std::string& node, const core::NodeConfig& if_new, const std::vector<NewItem>& items,
                                std::vector<std::string>* ids = nullptr);
    /// `notify`: told to subscribers even if the node's settings do not ask for it. Nothing if there is no such item.
    void retract(const std::string& node, const std::string& id, bool notify);
    void purge(const std::string& node);
    void erase(const std::string& node);
    /// Notifies of something beside what the verbs above notify of.
    void add_event(NodeEvent event) { events_.push_back(std::move(event)); }
    /// Features hear that this node changed (Feature::nodes_changed), as of one that is made of others.
    void touch(std::string node) { touched_.insert(std::move(node)); }

    /// `done` runs after the commit, before the notifications, or with the reason why nothing has changed.
    void commit(std::function<void(Error)> done);

private:
    Error check(const std::string& node, const core::Node* existing, const std::vector<NewItem>& items, bool persistent) const;
    std::size_t most_items(const core::NodeConfig& config) const;
    core::Core& core_;
    std::shared_ptr<core::Account> account_;
    core::Nodes draft_;
    std::optional<core::Shelves> shelves_;
    core::Change change_;
    std::vector<NodeEvent> events_;
    std::set<std::string> touched_;
};

/// `<item id='…'>payload</item>`; the namespace is that of what surrounds it.
std::string item_element(std::string_view id, std::string_view payload);
/// The element as a payload: jabber:client, which the writer leaves out, made explicit.
std::string payload_text(const xml::Element& element);

}  // namespace lethe::feature
