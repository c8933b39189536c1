// SPDX-License-Identifier: AGPL-3.0-or-later
// What an account publishes (XEP-0060, XEP-0163): a node's settings and items, and the rows they become on disk (store/FORMAT.md).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/bytes.h"
#include "server/core/outbox.h"

namespace lethe::core {

enum class AccessModel : std::uint8_t { open = 1, presence = 2, whitelist = 3 };
enum class SendLast : std::uint8_t { never = 1, on_sub = 2, on_sub_and_presence = 3 };
enum class NotificationType : std::uint8_t { headline = 1, normal = 2 };

struct NodeConfig {
    std::string title = {}, description = {}, type = {};
    AccessModel access = AccessModel::presence;
    std::uint32_t max_items = 1;  ///< 0: as many as the server permits
    SendLast send_last = SendLast::on_sub_and_presence;
    NotificationType notification = NotificationType::headline;
    bool persist_items = true, deliver_payloads = true, notify_retract = true, notify_delete = true;
    friend bool operator==(const NodeConfig&, const NodeConfig&) = default;
};

struct ItemRef {
    std::string id;
    std::uint32_t bytes = 0;  ///< of the payload
    Wire payload = {};        ///< only until it is on disk
};

struct Node {
    NodeConfig config;
    std::vector<ItemRef> items;  ///< the oldest first
    const ItemRef* find(std::string_view id) const;
    std::uint64_t bytes() const;
};

// Names no client can say, because no XML holds their first byte.
inline constexpr std::string_view vcard_node = "\x01vcard";
inline constexpr std::string_view private_node = "\x01private";
inline bool is_internal(std::string_view node) { return node.starts_with('\x01'); }

std::string node_row(std::string_view node);
std::string item_row(std::string_view node, std::string_view id);

Bytes encode(std::string_view name, const Node& node);
Bytes encode_item(std::string_view payload);
/// Strict: what decodes encodes to the same bytes. Nothing for the row of an item.
std::optional<std::pair<std::string, Node>> decode_node(ByteView bytes);
std::optional<std::string> decode_item(ByteView bytes);

}  // namespace lethe::core
