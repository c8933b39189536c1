// SPDX-License-Identifier: AGPL-3.0-or-later
// Waiting one's turn, without a clock.
#include "server/core/turns.h"

#include <doctest/doctest.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <string>

using namespace lethe::core;

namespace {

asio::awaitable<void> job(asio::io_context& io, std::shared_ptr<Turns> turns, std::string& said, char name) {
    auto entering = turns->enter();
    co_await std::move(entering);
    const Turn turn(turns);
    said += name;
    for (int i = 0; i < 5; ++i) {
        auto elsewhere = asio::post(io, asio::use_awaitable);
        co_await std::move(elsewhere);
    }
    said += name;
}

}  // namespace

TEST_SUITE("core/turns") {
    TEST_CASE("turns are given one at a time, in the order they were asked for, and no more may wait than was said") {
        asio::io_context io;
        const auto turns = std::make_shared<Turns>(io, 2);
        std::string said;
        for (const char name : {'a', 'b'}) asio::co_spawn(io, job(io, turns, said, name), asio::detached);
        io.poll_one();
        CHECK_FALSE(turns->full());
        asio::co_spawn(io, job(io, turns, said, 'c'), asio::detached);
        while (!turns->full() && said.size() < 2) io.poll_one();
        CHECK(turns->full());
        io.run();
        CHECK(said == "aabbcc");
        CHECK_FALSE(turns->full());
        asio::co_spawn(io, job(io, turns, said, 'd'), asio::detached);
        io.restart();
        io.run();
        CHECK(said == "aabbccdd");
    }
    TEST_CASE("who waits when all ends is let go") {
        asio::io_context io;
        std::string said;
        const auto turns = std::make_shared<Turns>(io, 2);
        for (const char name : {'a', 'b'}) asio::co_spawn(io, job(io, turns, said, name), asio::detached);
        for (int i = 0; i < 4; ++i) io.poll_one();
        CHECK(said == "a");
    }
}
