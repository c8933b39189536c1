// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include <random>

#include "retention/buckets.h"
#include "tests/unit/retention/fake.h"

using namespace lethe;
using namespace lethe::retention;
using namespace lethe::retention::test;

TEST_SUITE("retention/span") {
    TEST_CASE("a span is a twenty-fourth of the time that is kept, and at least a second") {
        const auto width = [](const char* keep) {
            const auto span = span_at(kept(keep), some_hour);
            return span.end - span.start;
        };
        CHECK(width("1s") == second);
        CHECK(width("20s") == second);
        CHECK(width("24s") == second);
        CHECK(width("48s") == 2 * second);
        CHECK(width("24h") == hour);
        CHECK(width("7d") == 7 * hour);
        CHECK(width("90d") == 90 * hour);
    }

    TEST_CASE("without a limit spans are of 30 days and have no deadline") {
        const auto span = span_at(kept("unlimited"), some_hour);
        CHECK(span.end - span.start == 30 * day);
        CHECK(span.start % (30 * day) == 0);
        CHECK(span.deadline == store::no_deadline);
    }

    TEST_CASE("START belongs to its span and END to the next, to the microsecond") {
        const auto span = span_at(kept("24h"), some_hour);
        CHECK(span == store::BucketSpan{some_hour, some_hour + hour, some_hour + day});
        CHECK(span_at(kept("24h"), some_hour - 1) ==
              store::BucketSpan{some_hour - hour, some_hour, some_hour + 23 * hour});
        CHECK(span_at(kept("24h"), some_hour + 1) == span);
        CHECK(span_at(kept("24h"), some_hour + hour - 1) == span);
        CHECK(span_at(kept("24h"), some_hour + hour).start == some_hour + hour);
    }

    TEST_CASE("on any clock and for any time, the grid does not depend on when one asks") {
        std::mt19937_64 random(2);
        for (int i = 0; i < 20000; ++i) {
            const bool fine = i % 2 == 0;
            const Keep keep{.micros = static_cast<Time>(1 + random() % 4000) * (fine ? second : hour),
                            .unlimited = false};
            const Time now = static_cast<Time>(random() % (200 * 365)) * day - 50 * 365 * day +
                             static_cast<Time>(random() % static_cast<std::uint64_t>(day));
            CAPTURE(keep.micros);
            CAPTURE(now);
            const auto span = span_at(keep, now);
            const Time width = std::max(second, keep.micros / 24);
            REQUIRE(span.start <= now);
            REQUIRE(now < span.end);
            REQUIRE(span.end - span.start == width);
            REQUIRE(span.start % width == 0);
            REQUIRE(span.deadline == span.start + keep.micros);
            // Nothing lives longer than R, and nothing dies before R - w.
            REQUIRE(span.deadline - now <= keep.micros);
            REQUIRE(span.deadline - now > keep.micros - width);
            // Naively: the grid line that one meets going back, in steps no longer than it takes.
            const Time inside =
                now - static_cast<Time>(random() % static_cast<std::uint64_t>(now - span.start + 1));
            REQUIRE(span_at(keep, inside) == span);
            REQUIRE(span_at(keep, span.start) == span);
            REQUIRE(span_at(keep, span.end - 1) == span);
            REQUIRE(span_at(keep, span.end).start == span.end);
            REQUIRE(span_at(keep, span.start - 1).end == span.start);
        }
    }
}
