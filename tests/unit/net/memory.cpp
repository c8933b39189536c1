// SPDX-License-Identifier: AGPL-3.0-or-later
// What an idle TLS session costs. (Under a sanitizer the figures are the sanitizer's, so the case is left out.)
#include <doctest/doctest.h>
#include <malloc.h>
#include <unistd.h>

#include <fstream>

#include "tests/unit/net/net_fixture.h"

using namespace lethe;
using namespace lethe::test;

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
namespace {

std::size_t resident_kib() {
    std::size_t total = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> total >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) / 1024;
}

}  // namespace

TEST_CASE("net/memory: an idle session that has moved large records keeps less than the half of mbedTLS's two buffers") {
    constexpr std::size_t sessions = 300;
    Server server(echo_with(context()));
    Process warm(peer_command(server.port(), "idle 20")), many(peer_command(server.port(), "idle " + std::to_string(sessions)));
    REQUIRE(warm.line() == "start");
    warm.say("\n");
    REQUIRE(warm.line() == "open");
    REQUIRE(many.line() == "start");
    const std::size_t before = resident_kib();
    many.say("\n");
    REQUIRE(many.line() == "open");
    const std::size_t each = (resident_kib() - before) / sessions;
    MESSAGE("KiB resident for each idle session: ", each);
    CHECK(each < 16);
}
#endif
