// SPDX-License-Identifier: AGPL-3.0-or-later
// Bounds on guessing passwords.
#include "server/stream/login_throttle.h"

#include <doctest/doctest.h>

#include <string>

using namespace lethe;
using namespace lethe::stream;

namespace {

constexpr std::int64_t second = 1'000'000;

Network network(std::uint8_t a, std::uint8_t b, std::uint8_t c) {
    net::PeerAddress peer;
    peer.ip = {a, b, c, 7};
    return network_of(peer);
}

/// Wrong tries from a network until it is refused; at most `wanted`.
unsigned guesses(LoginThrottle& throttle, const Network& from, const std::string& account, unsigned wanted, std::int64_t now) {
    unsigned done = 0;
    for (; done < wanted && throttle.allows(from, account, now); ++done) throttle.failed(from, account, now);
    return done;
}

}  // namespace

TEST_SUITE("stream/login_throttle") {
    TEST_CASE("a network is a /24 or a /48") {
        CHECK(network(192, 0, 2) == network_of({.ip = {192, 0, 2, 99}}));
        CHECK(network(192, 0, 2) != network(192, 0, 3));
        const net::PeerAddress one{.ip = {0x20, 1, 0xd, 0xb8, 0, 1, 9, 9}, .v6 = true}, same{.ip = {0x20, 1, 0xd, 0xb8, 0, 1, 7}, .v6 = true},
            other{.ip = {0x20, 1, 0xd, 0xb8, 0, 2}, .v6 = true};
        CHECK(network_of(one) == network_of(same));
        CHECK(network_of(one) != network_of(other));
        CHECK(network_of({.ip = {192, 0, 2}}) != network_of({.ip = {192, 0, 2}, .v6 = true}));
    }
    TEST_CASE("a network that guesses has to wait, whatever it guesses at, and may go on as the count drains") {
        LoginThrottle throttle({.per_network = 30, .per_account = 100});
        unsigned done = 0;
        for (int i = 0; i < 50; ++i) done += guesses(throttle, network(1, 1, 1), "a" + std::to_string(i) + "@x", 1, 0);
        CHECK(done == 30);
        CHECK_FALSE(throttle.allows(network(1, 1, 1), "never seen@x", 0));
        CHECK(guesses(throttle, network(1, 1, 1), "b@x", 100, 20 * second) == 1);
        CHECK(guesses(throttle, network(1, 1, 1), "b@x", 100, 300 * second) == 14);
        CHECK(guesses(throttle, network(1, 1, 1), "b@x", 100, 3000 * second) == 30);
    }
    TEST_CASE("an account under attack from many networks leaves each network one try, and its owner gets in from another one") {
        LoginThrottle throttle({.per_network = 30, .per_account = 100});
        unsigned done = 0;
        for (std::uint8_t i = 0; i < 200; ++i) done += guesses(throttle, network(1, 1, i), "a@x", 5, 0);
        CHECK(done == 100 + 180);  // 20 networks with 5 each until the account's bound, then one each
        CHECK_FALSE(throttle.allows(network(1, 1, 1), "a@x", 0));
        CHECK(throttle.allows(network(9, 9, 9), "a@x", 0));
        CHECK(throttle.allows(network(1, 1, 1), "b@x", 0));
    }
    TEST_CASE("many logins begun at once are counted before their proofs are checked") {
        LoginThrottle throttle({.per_network = 3, .per_account = 100});
        for (int i = 0; i < 10; ++i) CHECK(throttle.allows(network(1, 1, 1), "a@x", 0));  // begun
        CHECK(guesses(throttle, network(1, 1, 1), "a@x", 10, 0) == 3);                     // checked
    }
    TEST_CASE("behind a proxy a guesser at many accounts locks nobody out, and one at one account that account, there alone") {
        LoginThrottle throttle({.per_network = 30, .per_account = 100});
        for (int i = 0; i < 50; ++i) CHECK(guesses(throttle, behind_proxy, "a" + std::to_string(i) + "@x", 1, 0) == 1);
        CHECK(throttle.allows(behind_proxy, "never seen@x", 0));
        CHECK(guesses(throttle, behind_proxy, "b@x", 1000, 0) == 100);
        CHECK_FALSE(throttle.allows(behind_proxy, "b@x", 0));
        CHECK(throttle.allows(behind_proxy, "c@x", 0));
        CHECK(throttle.allows(network(9, 9, 9), "b@x", 0));
    }
    TEST_CASE("bounds of nothing are no bounds") {
        LoginThrottle throttle({.per_network = 0, .per_account = 0});
        CHECK(guesses(throttle, network(1, 1, 1), "a@x", 1000, 0) == 1000);
    }
}
