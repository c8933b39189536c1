// SPDX-License-Identifier: AGPL-3.0-or-later
// The nodes of an account (XEP-0163): an index in memory while a session lasts, payloads on disk.
//
// Where a node's rows lie follows from its access model. Open: the table profile, which is served while its owner is away. Presence and
// whitelist: the table personal, sealed in the vault, so that nobody reads them while the owner is away.
// Thread: core; Nodes::load and the const functions of Shelves from any thread.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/profile.h"
#include "crypto/vault.h"
#include "server/core/node_rows.h"
#include "store/store.h"

namespace lethe::core {

/// Both tables of one account, under the keys it has now. For one request: a change of password makes the next one see other keys.
class Shelves {
public:
    /// Empty if there is no such account, or it cannot be read. Without a vault only open nodes are to be had. Reads one row.
    static std::optional<Shelves> of(const store::Store& store, const crypto::NodeKeys& keys, const crypto::AccountId& account,
                                     std::shared_ptr<const crypto::Vault> vault = {});
    void put(store::Batch& batch, AccessModel access, std::string_view row, ByteView plain) const;
    void erase(store::Batch& batch, AccessModel access, std::string_view row) const;
    std::optional<Bytes> read(AccessModel access, std::string_view row) const;
    std::optional<std::string> read_item(AccessModel access, std::string_view node, std::string_view id) const;
    /// An open node, looked up without the vault.
    std::optional<Node> read_open_node(std::string_view name) const;

private:
    friend class Nodes;
    Shelves(const store::Store& store, const crypto::AccountId& account, store::SlotRef slot, crypto::ProfileKeys profile,
            std::shared_ptr<const crypto::Vault> vault)
        : store_(&store), account_(account), slot_(slot), profile_(std::move(profile)), vault_(std::move(vault)) {}
    const store::Store* store_;
    crypto::AccountId account_;
    store::SlotRef slot_;
    crypto::ProfileKeys profile_;
    std::shared_ptr<const crypto::Vault> vault_;
};

/// Copies share their nodes until one of them is changed, so that a change can be tried on a copy.
class Nodes {
public:
    const std::map<std::string, std::shared_ptr<const Node>, std::less<>>& all() const { return nodes_; }
    const Node* find(std::string_view name) const;
    /// Of all payloads and item ids.
    std::uint64_t bytes() const { return bytes_; }
    std::uint64_t changes() const { return changes_; }  ///< rises with every change in memory

    /// Reading back. Empty if the disk failed, else how many rows did not open.
    static std::optional<std::pair<Nodes, std::size_t>> load(const Shelves& shelves);

    // Changes in memory and, sealed, in the batch. The rows of the nodes themselves follow once, in flush(): each holds the whole index.
    void create(const std::string& name, NodeConfig config);
    /// False if a payload that has to move to the other table cannot be read: nothing has changed.
    [[nodiscard]] bool configure(store::Batch& batch, const Shelves& shelves, std::string_view name, NodeConfig config);
    void erase(store::Batch& batch, const Shelves& shelves, std::string_view name);
    /// As the newest item, in the place of one with the same id; the oldest go until no more than `most` are left.
    void publish(store::Batch& batch, const Shelves& shelves, std::string_view name, const std::string& id, Wire payload, std::size_t most);
    void retract(store::Batch& batch, const Shelves& shelves, std::string_view name, std::string_view id);
    void purge(store::Batch& batch, const Shelves& shelves, std::string_view name);
    void flush(store::Batch& batch, const Shelves& shelves);
    /// What waits in memory until it is on disk.
    std::vector<std::pair<std::string, Wire>> pending() const;
    /// It is.
    void settle(const std::vector<std::pair<std::string, Wire>>& written);

private:
    void changed(std::string_view name);
    Node& own(std::string_view name);  ///< to be changed; precondition: it exists
    void drop_items(store::Batch& batch, const Shelves& shelves, std::string_view name, Node& node, std::size_t count);
    std::map<std::string, std::shared_ptr<const Node>, std::less<>> nodes_;
    std::set<std::string, std::less<>> unwritten_;  ///< nodes whose rows flush() writes
    std::uint64_t bytes_ = 0, changes_ = 0;
};

/// Null if it is on disk no more, or does not open.
Wire payload_of(const Shelves& shelves, std::string_view node, AccessModel access, const ItemRef& item);

}  // namespace lethe::core
