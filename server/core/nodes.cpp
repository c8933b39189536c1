// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/nodes.h"

#include <algorithm>
#include <utility>

#include "server/core/push_rows.h"

namespace lethe::core {

std::optional<Shelves> Shelves::of(const store::Store& store, const crypto::NodeKeys& keys, const crypto::AccountId& account,
                                   std::shared_ptr<const crypto::Vault> vault) {
    const auto row = store.account(account);
    if (!row || !*row) return std::nullopt;
    return Shelves(store, account, (*row)->slot, crypto::ProfileKeys(keys, account, (*row)->key), std::move(vault));
}

void Shelves::put(store::Batch& batch, AccessModel access, std::string_view row, ByteView plain) const {
    if (access == AccessModel::open) {
        auto sealed = profile_.seal(row, plain);
        batch.put_profile(account_, slot_, sealed.key, std::move(sealed.value));
        return;
    }
    const auto key = vault_->personal_key(row);
    batch.put(store::Table::personal, account_, key, vault_->seal(store::Table::personal, key, plain));
}

void Shelves::erase(store::Batch& batch, AccessModel access, std::string_view row) const {
    if (access == AccessModel::open) batch.erase_profile(account_, slot_, profile_.row_key(row));
    else batch.erase(store::Table::personal, account_, vault_->personal_key(row));
}

std::optional<Bytes> Shelves::read(AccessModel access, std::string_view row) const {
    if (access == AccessModel::open) {
        const auto key = profile_.row_key(row);
        const auto sealed = store_->profile_row(account_, key);
        if (!sealed || !*sealed) return std::nullopt;
        auto opened = profile_.open(key, **sealed);
        if (!opened || opened->name != row) return std::nullopt;
        return std::move(opened->plain);
    }
    if (!vault_) return std::nullopt;
    const auto key = vault_->personal_key(row);
    const auto sealed = store_->row(store::Table::personal, account_, key);
    if (!sealed || !*sealed) return std::nullopt;
    auto plain = vault_->open(store::Table::personal, key, **sealed);
    if (!plain) return std::nullopt;
    return std::move(*plain);
}

std::optional<std::string> Shelves::read_item(AccessModel access, std::string_view node, std::string_view id) const {
    const auto plain = read(access, item_row(node, id));
    return plain ? decode_item(*plain) : std::nullopt;
}

std::optional<Node> Shelves::read_open_node(std::string_view name) const {
    const auto plain = read(AccessModel::open, node_row(name));
    auto node = plain ? decode_node(*plain) : std::nullopt;
    if (!node || node->first != name || node->second.config.access != AccessModel::open) return std::nullopt;
    return std::move(node->second);
}

Wire payload_of(const Shelves& shelves, std::string_view node, AccessModel access, const ItemRef& item) {
    if (item.payload) return item.payload;
    auto payload = shelves.read_item(access, node, item.id);
    return payload ? make_wire(std::move(*payload)) : nullptr;
}

const Node* Nodes::find(std::string_view name) const {
    const auto it = nodes_.find(name);
    return it == nodes_.end() ? nullptr : it->second.get();
}

std::optional<std::pair<Nodes, std::size_t>> Nodes::load(const Shelves& shelves) {
    std::pair<Nodes, std::size_t> out;
    auto& [nodes, unreadable] = out;
    const auto open_rows = shelves.store_->profile_rows(shelves.account_);
    const auto vault_rows = shelves.store_->rows(store::Table::personal, shelves.account_);
    if (!open_rows || !vault_rows) return std::nullopt;
    const auto take = [&](ByteView plain, bool open, const auto& belongs) {
        auto node = decode_node(plain);
        if (!node && decode_item(plain)) return;
        const bool right_table = node && (node->second.config.access == AccessModel::open) == open;
        if (!right_table || !belongs(node_row(node->first))) return void(++unreadable);
        nodes.bytes_ += node->second.bytes();
        nodes.nodes_.insert_or_assign(std::move(node->first), std::make_shared<Node>(std::move(node->second)));
    };
    for (const auto& row : *open_rows) {
        const auto opened = shelves.profile_.open(row.key, row.value);
        if (!opened) ++unreadable;
        else if (opened->name == push_row) continue;
        else take(opened->plain, true, [&](const std::string& name) { return name == opened->name; });
    }
    for (const auto& row : *vault_rows) {
        const auto plain = shelves.vault_->open(store::Table::personal, row.key, row.value);
        if (!plain) ++unreadable;
        else take(*plain, false, [&](const std::string& name) { return shelves.vault_->personal_key(name) == row.key; });
    }
    return out;
}

Node& Nodes::own(std::string_view name) {
    auto& node = nodes_.find(name)->second;
    if (node.use_count() > 1) node = std::make_shared<Node>(*node);
    return const_cast<Node&>(*node);  // every node was made as one that can be changed, and nobody else has this one
}

void Nodes::changed(std::string_view name) {
    ++changes_;
    unwritten_.emplace(name);
}

void Nodes::flush(store::Batch& batch, const Shelves& shelves) {
    for (const auto& name : std::exchange(unwritten_, {})) {
        const auto* node = find(name);
        if (node) shelves.put(batch, node->config.access, node_row(name), encode(name, *node));
    }
}

void Nodes::create(const std::string& name, NodeConfig config) {
    nodes_.insert_or_assign(name, std::make_shared<Node>(Node{std::move(config), {}}));
    changed(name);
}

/// The oldest.
void Nodes::drop_items(store::Batch& batch, const Shelves& shelves, std::string_view name, Node& node, std::size_t count) {
    const auto end = node.items.begin() + static_cast<std::ptrdiff_t>(count);
    for (auto it = node.items.begin(); it != end; ++it) {
        shelves.erase(batch, node.config.access, item_row(name, it->id));
        bytes_ -= it->id.size() + it->bytes;
    }
    node.items.erase(node.items.begin(), end);
}

bool Nodes::configure(store::Batch& batch, const Shelves& shelves, std::string_view name, NodeConfig config) {
    auto& node = own(name);
    const auto before = node.config.access;
    if ((before == AccessModel::open) != (config.access == AccessModel::open)) {
        std::vector<Wire> payloads;
        for (const auto& item : node.items) {
            payloads.push_back(payload_of(shelves, name, before, item));
            if (!payloads.back()) return false;
        }
        shelves.erase(batch, before, node_row(name));
        for (std::size_t i = 0; i < payloads.size(); ++i) {
            const auto row = item_row(name, node.items[i].id);
            shelves.erase(batch, before, row);
            shelves.put(batch, config.access, row, encode_item(*payloads[i]));
            node.items[i].payload = payloads[i];
        }
    }
    node.config = std::move(config);
    const std::size_t most = !node.config.persist_items ? 0 : node.config.max_items ? node.config.max_items : node.items.size();
    if (node.items.size() > most) drop_items(batch, shelves, name, node, node.items.size() - most);
    changed(name);
    return true;
}

void Nodes::erase(store::Batch& batch, const Shelves& shelves, std::string_view name) {
    auto& node = own(name);
    drop_items(batch, shelves, name, node, node.items.size());
    shelves.erase(batch, node.config.access, node_row(name));
    nodes_.erase(nodes_.find(name));
    ++changes_;
}

void Nodes::publish(store::Batch& batch, const Shelves& shelves, std::string_view name, const std::string& id, Wire payload,
                    std::size_t most) {
    auto& node = own(name);
    const auto old = std::ranges::find(node.items, id, &ItemRef::id);
    if (old != node.items.end()) {
        bytes_ -= old->id.size() + old->bytes;
        node.items.erase(old);
    }
    shelves.put(batch, node.config.access, item_row(name, id), encode_item(*payload));
    bytes_ += id.size() + payload->size();
    node.items.push_back({id, static_cast<std::uint32_t>(payload->size()), std::move(payload)});
    if (node.items.size() > most) drop_items(batch, shelves, name, node, node.items.size() - most);
    changed(name);
}

void Nodes::retract(store::Batch& batch, const Shelves& shelves, std::string_view name, std::string_view id) {
    auto& node = own(name);
    const auto it = std::ranges::find(node.items, id, &ItemRef::id);
    if (it == node.items.end()) return;
    std::rotate(node.items.begin(), it, std::next(it));
    drop_items(batch, shelves, name, node, 1);
    changed(name);
}

void Nodes::purge(store::Batch& batch, const Shelves& shelves, std::string_view name) {
    auto& node = own(name);
    drop_items(batch, shelves, name, node, node.items.size());
    changed(name);
}

std::vector<std::pair<std::string, Wire>> Nodes::pending() const {
    std::vector<std::pair<std::string, Wire>> out;
    for (const auto& [name, node] : nodes_)
        for (const auto& item : node->items)
            if (item.payload) out.emplace_back(name, item.payload);
    return out;
}

void Nodes::settle(const std::vector<std::pair<std::string, Wire>>& written) {
    for (const auto& [name, payload] : written) {
        if (!find(name)) continue;
        for (auto& item : own(name).items)
            if (item.payload == payload) item.payload.reset();
    }
}

}  // namespace lethe::core
