// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/node_rows.h"

#include <algorithm>
#include <numeric>

#include "crypto/codec.h"

namespace lethe::core {
namespace {

constexpr std::uint8_t node_form = 1, item_form = 2;

/// An enumeration that starts at 1.
template <class E>
E known(crypto::Decoder& in, E last) {
    const auto value = in.u8();
    if (value < 1 || value > static_cast<std::uint8_t>(last)) in.fail();
    return static_cast<E>(value);
}

}  // namespace

const ItemRef* Node::find(std::string_view id) const {
    const auto it = std::ranges::find(items, id, &ItemRef::id);
    return it == items.end() ? nullptr : &*it;
}

std::uint64_t Node::bytes() const {
    return std::accumulate(items.begin(), items.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const ItemRef& item) { return sum + item.id.size() + item.bytes; });
}

std::string node_row(std::string_view node) { return "n" + std::string(node); }

std::string item_row(std::string_view node, std::string_view id) {
    const auto parts = crypto::Encoder().str(node).raw(as_bytes(id)).take();
    return "i" + std::string(as_text(parts));
}

Bytes encode(std::string_view name, const Node& node) {
    crypto::Encoder out;
    const auto& c = node.config;
    out.u8(node_form).str(name).str(c.title).str(c.description).str(c.type);
    out.u8(static_cast<std::uint8_t>(c.access)).u32(c.max_items).u8(static_cast<std::uint8_t>(c.send_last));
    out.u8(static_cast<std::uint8_t>(c.notification));
    out.flag(c.persist_items).flag(c.deliver_payloads).flag(c.notify_retract).flag(c.notify_delete);
    out.u32(static_cast<std::uint32_t>(node.items.size()));
    for (const auto& item : node.items) out.str(item.id).u32(item.bytes);
    return out.take();
}

Bytes encode_item(std::string_view payload) { return crypto::Encoder().u8(item_form).str(payload).take(); }

std::optional<std::pair<std::string, Node>> decode_node(ByteView bytes) {
    crypto::Decoder in(bytes);
    if (in.u8() != node_form) return std::nullopt;
    std::pair<std::string, Node> out{in.str(), {}};
    auto& c = out.second.config;
    c.title = in.str();
    c.description = in.str();
    c.type = in.str();
    c.access = known(in, AccessModel::whitelist);
    c.max_items = in.u32();
    c.send_last = known(in, SendLast::on_sub_and_presence);
    c.notification = known(in, NotificationType::normal);
    c.persist_items = in.flag();
    c.deliver_payloads = in.flag();
    c.notify_retract = in.flag();
    c.notify_delete = in.flag();
    const auto count = in.u32();
    for (std::uint32_t i = 0; i < count && !in.bad(); ++i) {
        ItemRef item{.id = in.str()};
        item.bytes = in.u32();
        out.second.items.push_back(std::move(item));
    }
    if (!in.finished()) return std::nullopt;
    return out;
}

std::optional<std::string> decode_item(ByteView bytes) {
    crypto::Decoder in(bytes);
    if (in.u8() != item_form) return std::nullopt;
    auto payload = in.str();
    if (!in.finished()) return std::nullopt;
    return payload;
}

}  // namespace lethe::core
