// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/nodes.h"

#include <doctest/doctest.h>

#include <set>

using namespace lethe;
using namespace lethe::core;

namespace {

Node sample() {
    Node node;
    node.config = {.title = "Notes", .description = "mine", .type = "urn:n", .access = AccessModel::whitelist, .max_items = 7, .send_last = SendLast::never,
                   .notification = NotificationType::normal, .persist_items = false, .deliver_payloads = true, .notify_retract = false, .notify_delete = true};
    node.items = {{.id = "one", .bytes = 5}, {.id = "", .bytes = 0}};
    return node;
}

}  // namespace

TEST_SUITE("core/nodes") {
    TEST_CASE("a node reads back as it was written, and only as that") {
        const auto bytes = encode("urn:node", sample());
        const auto read = decode_node(bytes);
        REQUIRE(read);
        CHECK(read->first == "urn:node");
        CHECK(read->second.config == sample().config);
        REQUIRE(read->second.items.size() == 2);
        CHECK(read->second.items[0].id == "one");
        CHECK(read->second.bytes() == 8);
        CHECK(encode(read->first, read->second) == bytes);
        for (std::size_t size = 0; size < bytes.size(); ++size) CHECK_FALSE(decode_node(ByteView(bytes).first(size)));
        auto longer = bytes;
        longer.resize(bytes.size() + 1);
        CHECK_FALSE(decode_node(longer));
        for (std::size_t at = 0; at < bytes.size(); ++at)
            for (const std::uint8_t value : {0, 4, 255}) {
                auto changed = bytes;
                changed[at] = value;
                if (const auto other = decode_node(changed)) CHECK(encode(other->first, other->second) == changed);
            }
    }

    TEST_CASE("an item reads back, and is no node") {
        const auto bytes = encode_item("<x xmlns='u'/>");
        CHECK(decode_item(bytes) == "<x xmlns='u'/>");
        CHECK_FALSE(decode_node(bytes));
        CHECK_FALSE(decode_item(encode("n", sample())));
    }

    TEST_CASE("no two nodes or items share a row") {
        CHECK(std::set{node_row("a"), item_row("a", "b"), item_row("ab", ""), item_row("", "ab"), node_row("ab"), item_row("a", "")}.size() == 6);
        CHECK(is_internal(vcard_node));
        CHECK(is_internal(private_node));
        CHECK_FALSE(is_internal("urn:xmpp:avatar:data"));
    }
}
