// SPDX-License-Identifier: AGPL-3.0-or-later
// What becomes of login tokens in an account's record (Operations::add_token, end_token).
#include "tests/unit/admin/rig.h"

using namespace lethe;
using namespace lethe::admin;
using crypto::Mechanism;
using test::Rig;

namespace {

const auto romeo = [] { return *xmpp::BareJid::parse("romeo@chat.example"); };

crypto::LoginToken token(std::uint8_t number, std::uint8_t client, std::int64_t expiry) {
    crypto::LoginToken out{.expiry = expiry, .wrap = Bytes(crypto::login_token_wrap_bytes)};
    out.check.fill(number);
    out.client.fill(client);
    return out;
}

Bytes stored_key(Rig& rig) { return rig.record(romeo()).find(Mechanism::scram_sha_256)->stored_key; }

Outcome add(Rig& rig, const crypto::LoginToken& token, const Bytes& proved, std::int64_t now = 0) {
    std::optional<Outcome> answer;
    bool done = false;
    rig.operations->add_token(romeo(), token, Mechanism::scram_sha_256, proved, now, [&](Outcome outcome) {
        answer = std::move(outcome);
        done = true;
    });
    rig.run_until(done);
    return *answer;
}

/// Their first bytes, in their order.
std::vector<int> numbers(Rig& rig) {
    std::vector<int> out;
    for (const auto& one : rig.record(romeo()).tokens) out.push_back(one.check[0]);
    return out;
}

}  // namespace

TEST_SUITE("admin/login tokens") {
    TEST_CASE("a client has one, an account at most eight, and what is past its end goes") {
        Rig rig;
        REQUIRE(rig.add(romeo(), "pencil").has_value());
        const auto proved = stored_key(rig);
        for (std::uint8_t n = 1; n <= 8; ++n) REQUIRE(add(rig, token(n, n, 100 + n), proved).has_value());
        CHECK(numbers(rig) == std::vector{1, 2, 3, 4, 5, 6, 7, 8});
        REQUIRE(add(rig, token(9, 3, 200), proved).has_value());
        CHECK(numbers(rig) == std::vector{1, 2, 4, 5, 6, 7, 8, 9});
        REQUIRE(add(rig, token(10, 10, 200), proved).has_value());
        CHECK(numbers(rig) == std::vector{2, 4, 5, 6, 7, 8, 9, 10});
        REQUIRE(add(rig, token(11, 11, 300), proved, 108).has_value());
        CHECK(numbers(rig) == std::vector{9, 10, 11});
    }

    TEST_CASE("one that its client ends is gone, and the others stay") {
        Rig rig;
        REQUIRE(rig.add(romeo(), "pencil").has_value());
        for (std::uint8_t n = 1; n <= 3; ++n) REQUIRE(add(rig, token(n, n, 100), stored_key(rig)).has_value());
        for (int again = 0; again < 2; ++again) {
            bool done = false;
            rig.operations->end_token(romeo(), token(2, 0, 0).check, [&](Outcome outcome) {
                CHECK(outcome.has_value());
                done = true;
            });
            rig.run_until(done);
            CHECK(numbers(rig) == std::vector{1, 3});
        }
    }

    TEST_CASE("a new password ends them, and one that was asked for with the old password does not come after it") {
        Rig rig;
        REQUIRE(rig.add(romeo(), "pencil").has_value());
        const auto proved = stored_key(rig);
        const auto secret = rig.login(romeo(), Mechanism::scram_sha_256, "pencil");
        REQUIRE(secret.has_value());
        REQUIRE(add(rig, token(1, 1, 100), proved).has_value());
        rig.operations->change_password(romeo(), *secret, test::quick("crayon"), [](Outcome outcome) { CHECK(outcome.has_value()); });
        const auto late = add(rig, token(2, 2, 100), proved);
        REQUIRE_FALSE(late.has_value());
        CHECK(late.error().text == "the account was changed meanwhile");
        CHECK(numbers(rig).empty());
        CHECK(add(rig, token(3, 3, 100), stored_key(rig)).has_value());
        bool done = false;
        rig.operations->reset(romeo(), test::quick("by the admin"), [&](Outcome outcome) {
            CHECK(outcome.has_value());
            done = true;
        });
        rig.run_until(done);
        CHECK(numbers(rig).empty());
    }
}
