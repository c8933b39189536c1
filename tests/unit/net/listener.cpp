// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/net/listener.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <asio/connect.hpp>

#include "tests/unit/net/net_fixture.h"

using namespace lethe;
using asio::ip::tcp;

TEST_SUITE_BEGIN("net/listener");

namespace {

std::string refusal(const std::string& address) {
    asio::io_context io;
    auto opened = net::Listener::open(io, address);
    return opened ? "opened" : opened.error();
}

tcp::socket connect_to(asio::io_context& io, const char* address, std::uint16_t port) {
    tcp::socket socket(io);
    socket.connect({asio::ip::make_address(address), port});
    return socket;
}

/// The descriptor limit at which not one more can be had, until the end of the scope.
class NoMoreDescriptors {
public:
    NoMoreDescriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const int next = ::fcntl(0, F_DUPFD, 0);
        ::close(next);
        rlimit none = before_;
        none.rlim_cur = static_cast<rlim_t>(next);
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    }
    ~NoMoreDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

}  // namespace

TEST_CASE("[::] takes IPv6 and IPv4, and a mapped address is told as the IPv4 address it is") {
    asio::io_context io;
    auto listener = net::Listener::open(io, "[::]:0");
    REQUIRE(listener.has_value());
    std::vector<std::optional<net::PeerAddress>> peers;
    (*listener)->start([&](tcp::socket socket) { peers.push_back(net::Stream(std::move(socket)).peer()); });
    auto four = connect_to(io, "127.0.0.1", (*listener)->port());
    while (peers.empty()) io.run_one();
    REQUIRE(peers[0].has_value());
    CHECK(!peers[0]->v6);
    CHECK(peers[0]->ip == std::array<std::uint8_t, 16>{127, 0, 0, 1});
    if ((*listener)->ipv4_only()) return;
    auto six = connect_to(io, "::1", (*listener)->port());
    while (peers.size() < 2) io.run_one();
    REQUIRE(peers[1].has_value());
    CHECK(peers[1]->v6);
    CHECK(peers[1]->ip == std::array<std::uint8_t, 16>{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
}

TEST_CASE("where the kernel has no IPv6, [::] means every IPv4 address, and only [::] does") {
    const pid_t child = ::fork();
    if (child == 0) {
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_INET6));
        if (seccomp_load(filter) != 0) ::_exit(2);
        asio::io_context io;
        auto all = net::Listener::open(io, "[::]:0");
        auto one = net::Listener::open(io, "[::1]:0");
        ::_exit(all && (*all)->ipv4_only() && (*all)->port() != 0 && !one ? 0 : 1);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("running out of descriptors pauses accepting, and the waiting connection is taken when there are some again") {
    asio::io_context io;
    auto listener = net::Listener::open(io, "127.0.0.1:0");
    REQUIRE(listener.has_value());
    int accepted = 0;
    (*listener)->start([&](tcp::socket) { ++accepted; });
    auto first = connect_to(io, "127.0.0.1", (*listener)->port());
    {
        const NoMoreDescriptors none;
        io.run_one();  // the attempt that fails
        io.run_one();  // the pause
        io.run_one();  // an attempt that fails again
        CHECK(accepted == 0);
    }
    while (accepted == 0) io.run_one();
    auto second = connect_to(io, "127.0.0.1", (*listener)->port());
    while (accepted == 1) io.run_one();
    CHECK(accepted == 2);
}

TEST_CASE("after stop() nothing is accepted, and nothing keeps the loop running") {
    asio::io_context io;
    auto listener = net::Listener::open(io, "127.0.0.1:0");
    REQUIRE(listener.has_value());
    int accepted = 0;
    (*listener)->start([&](tcp::socket) { ++accepted; });
    auto waiting = connect_to(io, "127.0.0.1", (*listener)->port());
    (*listener)->stop();
    io.run();
    CHECK(accepted == 0);
}

TEST_CASE("an address that cannot be had is refused with the address and the remedy") {
    asio::io_context io;
    auto taken = net::Listener::open(io, "127.0.0.1:0");
    REQUIRE(taken.has_value());
    const std::string address = "127.0.0.1:" + std::to_string((*taken)->port());
    CHECK(refusal(address) == "Cannot listen on " + address + ": another program does already; stop it or choose another port.");
    CHECK(refusal("192.0.2.1:5222") == "Cannot listen on 192.0.2.1:5222: this machine has no such address; correct it under [listen] in lethe.toml.");
    for (const std::string bad : {"5222", "localhost:5222", "::1:5222", "[127.0.0.1]:5222", "127.0.0.1:", "127.0.0.1:70000", "127.0.0.1:-1", ":5222", ""}) {
        CAPTURE(bad);
        CHECK(refusal(bad) == "\"" + bad + "\" is no address to listen on: write IPV4:PORT or [IPV6]:PORT, for example [::]:5222.");
    }
}

TEST_SUITE_END();
