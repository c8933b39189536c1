// SPDX-License-Identifier: AGPL-3.0-or-later
// Counting under names that are not kept.
#include "server/core/tally.h"

#include <doctest/doctest.h>

#include <string>

using namespace lethe::core;

namespace {
constexpr std::int64_t second = 1'000'000;
}

TEST_SUITE("core/tally") {
    TEST_CASE("a level rises by what is added and drains with time, never below nothing") {
        Tally t({.names = 64, .drain_per_second = 2, .forget_after = 100 * second});
        const auto key = t.key({"romeo"});
        CHECK(t.level(key, 0) == 0);
        t.add(key, 5, 0);
        t.add(key, 5, second);
        CHECK(t.level(key, second) == 8);
        CHECK(t.level(key, 4 * second) == 2);
        CHECK(t.level(key, 9 * second) == 0);
        CHECK(t.level(t.key({"juliet"}), second) == 0);
    }
    TEST_CASE("a level is forgotten when nothing was added for a while") {
        Tally t({.names = 64, .forget_after = 10 * second});
        const auto key = t.key({"romeo"});
        t.add(key, 1, 0);
        t.add(key, 1, 9 * second);
        CHECK(t.level(key, 19 * second - 1) == 2);
        CHECK(t.level(key, 19 * second) == 0);
        t.add(key, 1, 20 * second);
        CHECK(t.level(key, 20 * second) == 1);
    }
    TEST_CASE("a clock that steps back drains nothing and breaks nothing") {
        Tally t({.names = 64, .drain_per_second = 1, .forget_after = 10 * second});
        const auto key = t.key({"romeo"});
        t.add(key, 3, 5 * second);
        CHECK(t.level(key, second) == 3);
    }
    TEST_CASE("names are told apart by their parts, and hashed differently in every table") {
        const Tally t({.names = 64, .forget_after = second}), other({.names = 64, .forget_after = second});
        CHECK(t.key({"ab", "c"}) != t.key({"a", "bc"}));
        CHECK(t.key({"ab", "c"}) == t.key({"ab", "c"}));
        CHECK(t.key({"ab"}) != other.key({"ab"}));
    }
    TEST_CASE("a flood of new names does not wash out a high level") {
        Tally t({.names = 64, .forget_after = 1000 * second});
        const auto key = t.key({"attacker"});
        t.add(key, 100, 0);
        for (int i = 0; i < 100'000; ++i) t.add(t.key({std::to_string(i)}), 1, second);
        CHECK(t.level(key, second) == 100);
    }
    TEST_CASE("what was taken off the table counts no more") {
        Tally t({.names = 8, .forget_after = second});
        const auto key = t.key({"romeo"});
        t.add(key, 1, 0);
        t.forget(key);
        CHECK(t.level(key, 0) == 0);
    }
}
