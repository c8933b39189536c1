// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/push_rows.h"

#include <doctest/doctest.h>

#include "crypto/codec.h"

using namespace lethe;
using namespace lethe::core;

TEST_SUITE("core/push_rows") {
    TEST_CASE("registrations read back as they were written, and only as that") {
        const std::vector<PushRegistration> all = {{*xmpp::Jid::parse("push.example"), "node", "<x/>"},
                                                   {*xmpp::Jid::parse("a@b.example/c"), "", ""}};
        const auto bytes = encode(all);
        CHECK(decode_push(bytes) == all);
        CHECK(decode_push(encode(std::vector<PushRegistration>())) == std::vector<PushRegistration>());
        for (std::size_t size = 0; size < bytes.size(); ++size)
            CHECK_FALSE(decode_push(ByteView(bytes).first(size)));
        auto longer = bytes;
        longer.push_back(0);
        CHECK_FALSE(decode_push(longer));
    }

    TEST_CASE("an address is kept in one form") {
        const auto with = [](std::string_view address) {
            return crypto::Encoder().u8(3).u32(1).str(address).str("").str("").take();
        };
        CHECK(decode_push(with("a@b.example/c")));
        CHECK_FALSE(decode_push(with("A@b.example/c")));
        CHECK_FALSE(decode_push(with("")));
        CHECK_FALSE(decode_push(crypto::Encoder().u8(1).u32(0).take()));
    }
}
