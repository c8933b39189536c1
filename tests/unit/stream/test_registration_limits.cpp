// SPDX-License-Identifier: AGPL-3.0-or-later
// Bounds on making accounts.
#include "server/stream/registration_limits.h"

#include <doctest/doctest.h>

using namespace lethe;
using namespace lethe::stream;

namespace {

constexpr std::int64_t minute = 60'000'000;

Network network(std::uint8_t a, std::uint8_t b, std::uint8_t c) {
    net::PeerAddress peer;
    peer.ip = {a, b, c, 7};
    return network_of(peer);
}

unsigned made(RegistrationLimits& limits, const Network& from, unsigned wanted, std::int64_t now) {
    unsigned done = 0;
    for (; done < wanted && limits.allows(from, now); ++done) limits.count(from, now);
    return done;
}

}  // namespace

TEST_SUITE("stream/registration_limits") {
    TEST_CASE("a network makes so many accounts in an hour, and goes on as the count drains") {
        RegistrationLimits limits({.per_network = 6, .in_all = 0});
        CHECK(made(limits, network(1, 1, 1), 100, 0) == 6);
        CHECK_FALSE(limits.allows(network(1, 1, 1), 0));
        CHECK(limits.allows(network(1, 1, 2), 0));
        CHECK(made(limits, network(1, 1, 1), 100, 10 * minute) == 1);
        CHECK(made(limits, network(1, 1, 1), 100, 180 * minute) == 6);
    }
    TEST_CASE("all networks together make so many") {
        RegistrationLimits limits({.per_network = 2, .in_all = 30});
        unsigned done = 0;
        for (std::uint8_t i = 0; i < 200; ++i) done += made(limits, network(1, 1, i), 5, 0);
        CHECK(done == 30);
        CHECK_FALSE(limits.allows(network(9, 9, 9), 0));
        CHECK(limits.allows(network(9, 9, 9), 3 * minute));
    }
    TEST_CASE("behind a proxy there is one bound, that of all") {
        RegistrationLimits limits({.per_network = 2, .in_all = 30});
        CHECK(made(limits, behind_proxy, 100, 0) == 30);
        CHECK_FALSE(limits.allows(network(1, 1, 1), 0));
    }
    TEST_CASE("bounds of nothing are no bounds") {
        RegistrationLimits limits({.per_network = 0, .in_all = 0});
        CHECK(made(limits, network(1, 1, 1), 1000, 0) == 1000);
    }
}
