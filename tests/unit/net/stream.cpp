// SPDX-License-Identifier: AGPL-3.0-or-later
// Reading, writing and above all ending: close() at every moment.
#include "server/net/stream.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <asio/post.hpp>
#include <latch>

#include "tests/unit/net/net_fixture.h"

using namespace lethe;
using namespace lethe::test;
using net::NetError;

TEST_SUITE_BEGIN("net/stream");

namespace {

/// More than the kernel buffers between two ends of a connection.
const std::string& flood() {
    static const std::string bytes(32 << 20, 'f');
    return bytes;
}

std::string client_hello() {
    const std::string hex = peer(0, "hello");
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    return bytes;
}

}  // namespace

TEST_CASE("plain: what arrives is read, and the end of the stream ends reading but not writing") {
    asio::io_context io;
    Pair pair(io);
    pair.send("<stream>");
    std::array<char, 64> buffer{};
    Outcome<std::size_t> first, second, third;
    spawn(io, pair.stream->read(buffer), first);
    finish(io, first);
    REQUIRE(first.ok());
    CHECK(std::string_view(buffer.data(), **first.value) == "<stream>");

    ::shutdown(pair.fd, SHUT_WR);
    spawn(io, pair.stream->read(buffer), second);
    finish(io, second);
    CHECK(second.is(NetError::closed));
    spawn(io, pair.stream->read(buffer), third);
    settle(io);
    CHECK(third.is(NetError::closed));

    Outcome<void> farewell;
    spawn(io, pair.stream->write("</stream>"), farewell);
    finish(io, farewell);
    CHECK(farewell.ok());
    CHECK(pair.receive(9) == "</stream>");
}

TEST_CASE("plain: wait_readable() ends when something is there, and a second time while it is unread") {
    asio::io_context io;
    Pair pair(io);
    Outcome<void> readable, again;
    spawn(io, pair.stream->wait_readable(), readable);
    settle(io);
    CHECK(readable.pending());
    pair.send("x");
    finish(io, readable);
    CHECK(readable.ok());
    spawn(io, pair.stream->wait_readable(), again);
    finish(io, again);
    CHECK(again.ok());
}

TEST_CASE("a write that the peer does not take waits, and arrives whole once the peer reads") {
    asio::io_context io;
    Pair pair(io);
    Outcome<void> written;
    spawn(io, pair.stream->write(flood()), written);
    settle(io);
    CHECK(written.pending());
    std::thread reader([&] { CHECK(pair.receive(flood().size()) == flood()); });
    finish(io, written);
    reader.join();
    CHECK(written.ok());
}

TEST_CASE("close() ends a waiting read, wait and write with closed, and so does everything after it") {
    asio::io_context io;
    Pair reading(io), waiting(io);
    std::array<char, 64> buffer{};
    Outcome<std::size_t> read, read_after;
    Outcome<void> written, waited, written_after, tls_after;
    spawn(io, reading.stream->read(buffer), read);
    spawn(io, reading.stream->write(flood()), written);
    spawn(io, waiting.stream->wait_readable(), waited);
    settle(io);
    CHECK((read.pending() && written.pending() && waited.pending()));
    reading.stream->close();
    waiting.stream->close();
    waiting.stream->close();
    settle(io);
    CHECK(read.is(NetError::closed));
    CHECK(written.is(NetError::closed));
    CHECK(waited.is(NetError::closed));

    asio::thread_pool pool(1);
    spawn(io, reading.stream->read(buffer), read_after);
    spawn(io, reading.stream->write("x"), written_after);
    spawn(io, reading.stream->start_tls(context(), pool), tls_after);
    settle(io);
    CHECK(read_after.is(NetError::closed));
    CHECK(written_after.is(NetError::closed));
    CHECK(tls_after.is(NetError::closed));
}

TEST_CASE("a stream that is destroyed while its operations wait ends them with closed") {
    asio::io_context io;
    Pair pair(io);
    std::array<char, 64> buffer{};
    Outcome<std::size_t> read;
    Outcome<void> written;
    spawn(io, pair.stream->read(buffer), read);
    spawn(io, pair.stream->write(flood()), written);
    settle(io);
    pair.stream.reset();
    settle(io);
    CHECK(read.is(NetError::closed));
    CHECK(written.is(NetError::closed));
}

TEST_CASE("handshake: close() before, in the middle of and after the ClientHello ends it with closed") {
    const std::string hello = client_hello();
    for (const std::size_t sent : {std::size_t{0}, std::size_t{3}, hello.size() / 2, hello.size()}) {
        CAPTURE(sent);
        asio::io_context io;
        asio::thread_pool pool(1);
        Pair pair(io);
        pair.send(hello.substr(0, sent));
        Outcome<void> shaken;
        spawn(io, pair.stream->start_tls(context(), pool), shaken);
        // Whole: until the server's answer is here, so that it waits for the client's next flight.
        char seen = 0;
        while (sent == hello.size() && ::recv(pair.fd, &seen, 1, MSG_PEEK | MSG_DONTWAIT) < 0) io.run_one();
        settle(io);
        CHECK(shaken.pending());
        pair.stream->close();
        finish(io, shaken);
        CHECK(shaken.is(NetError::closed));
        CHECK(!pair.stream->encrypted());
        pool.join();
    }
}

TEST_CASE("handshake: close() and destruction while the pool computes end it with closed") {
    const std::string hello = client_hello();
    for (const bool destroy : {false, true}) {
        CAPTURE(destroy);
        asio::io_context io;
        asio::thread_pool pool(1);
        std::latch release(1);
        asio::post(pool, [&] { release.wait(); });  // the step queues behind this
        Pair pair(io);
        pair.send(hello);
        Outcome<void> shaken;
        spawn(io, pair.stream->start_tls(context(), pool), shaken);
        settle(io);
        CHECK(shaken.pending());
        if (destroy)
            pair.stream.reset();
        else
            pair.stream->close();
        settle(io);
        CHECK(shaken.pending());
        release.count_down();
        finish(io, shaken);
        CHECK(shaken.is(NetError::closed));
        pool.join();
    }
}

TEST_CASE("handshake: garbage fails it, a peer that hangs up closes it, and both for good") {
    using namespace std::string_literals;
    // Long enough for what mbedTLS 3 takes for a record's length before it looks at the rest.
    const std::array garbages{"<?xml version='1.0'?><stream:stream xmlns='jabber:client'>"s,
                              "GET / HTTP/1.1\r\nHost: "s + std::string(9000, 'a'),
                              "\x16\x03\x01\xff\xff"s + std::string(40, '\1'), "\x15\x03\x01\x00\x02\x02\x28"s};
    for (const std::string& garbage : garbages) {
        CAPTURE(garbage);
        asio::io_context io;
        asio::thread_pool pool(1);
        Pair pair(io);
        pair.send(garbage);
        Outcome<void> shaken, written;
        spawn(io, pair.stream->start_tls(context(), pool), shaken);
        finish(io, shaken);
        CHECK(shaken.is(NetError::tls_failed));
        CHECK(!pair.stream->encrypted());
        spawn(io, pair.stream->write("in clear"), written);
        settle(io);
        CHECK(written.is(NetError::tls_failed));
        pair.stream->close();
        pool.join();
    }
    for (const std::string& start : {std::string(), client_hello().substr(0, 9)}) {
        asio::io_context io;
        asio::thread_pool pool(1);
        Pair pair(io);
        pair.send(start);
        pair.hang_up();
        Outcome<void> shaken;
        spawn(io, pair.stream->start_tls(context(), pool), shaken);
        finish(io, shaken);
        CHECK(shaken.is(NetError::closed));
        pool.join();
    }
}

namespace {

struct Ends {
    Outcome<void> started, written, waited;
    Outcome<std::size_t> read;
    std::promise<void> over;
};

/// Starts TLS, then lets a write and a read wait, then closes under them.
asio::awaitable<void> close_under_both(std::shared_ptr<net::Stream> stream, Server* server, Ends* ends, std::array<char, 64>* buffer) {
    auto starting = into(stream->start_tls(context(), server->pool), &ends->started);
    co_await std::move(starting);
    spawn(server->io, stream->write(flood()), ends->written);
    spawn(server->io, stream->read(*buffer), ends->read);
    // Both have run up to where they wait once what is posted after them runs.
    asio::post(server->io, [stream, server, ends] {
        stream->close();
        asio::post(server->io, [ends] { ends->over.set_value(); });
    });
}

}  // namespace

TEST_CASE("TLS: close() under a waiting write and a waiting read ends both with closed") {
    Ends ends;
    std::array<char, 64> buffer{};
    auto over = ends.over.get_future();
    {
        Server server([&](std::shared_ptr<net::Stream> stream, Server* own) { return close_under_both(stream, own, &ends, &buffer); });
        Process client(peer_command(server.port(), "unread"));
        CHECK(client.line() == "1");
        over.wait();
    }
    CHECK(ends.started.ok());
    CHECK(ends.written.is(NetError::closed));
    CHECK(ends.read.is(NetError::closed));
}

namespace {

/// As much as the client sends goes back at the same time, from a second coroutine.
asio::awaitable<void> send_pattern(std::shared_ptr<net::Stream> stream, const std::string* bytes, bool* whole) {
    auto writing = stream->write(*bytes);
    const auto written = co_await std::move(writing);
    *whole = written.has_value();
}

asio::awaitable<void> both_ways(std::shared_ptr<net::Stream> stream, Server* server, std::shared_ptr<net::TlsContext> tls,
                                const std::string* bytes, std::string* got, bool* whole) {
    auto starting = stream->start_tls(tls, server->pool);
    static_cast<void>(co_await std::move(starting));
    asio::co_spawn(server->io, send_pattern(stream, bytes, whole), asio::detached);
    std::array<char, 10000> buffer{};
    while (got->size() < bytes->size()) {
        auto reading = stream->read(buffer);
        const auto n = co_await std::move(reading);
        if (!n) break;
        got->append(buffer.data(), *n);
    }
}

asio::awaitable<void> say_goodbye(std::shared_ptr<net::Stream> stream, Server* server, std::shared_ptr<net::TlsContext> tls) {
    auto starting = stream->start_tls(tls, server->pool);
    static_cast<void>(co_await std::move(starting));
    auto waiting = stream->wait_readable();
    static_cast<void>(co_await std::move(waiting));
    auto writing = stream->write("goodbye");
    static_cast<void>(co_await std::move(writing));
    auto finishing = stream->finish(10 << 20);
    co_await std::move(finishing);
}

}  // namespace

TEST_CASE("TLS: large writes go both ways at once") {
    std::string bytes;
    for (int i = 0; i < (4 << 20); ++i) bytes.push_back(static_cast<char>(i));
    for (const std::string& version : versions()) {
        CAPTURE(version);
        std::string got;
        bool whole = false;
        {
            auto tls = context();
            Server server([&](std::shared_ptr<net::Stream> stream, Server* own) {
                return both_ways(stream, own, tls, &bytes, &got, &whole);
            });
            CHECK(peer(server.port(), "duplex " + std::to_string(bytes.size()), version) == "equal");
        }
        CHECK(whole);
        CHECK((got == bytes));
    }
}

TEST_CASE("TLS: finish() brings the last words and an orderly end to a peer that was still sending") {
    auto tls = context();
    Server server([&](std::shared_ptr<net::Stream> stream, Server* own) { return say_goodbye(stream, own, tls); });
    for (const std::string& version : versions()) CHECK(peer(server.port(), "closing", version) == "goodbye, then close_notify");
}

TEST_SUITE_END();
