// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <random>

#include "server/xmpp/datetime.h"

using namespace lethe::xmpp;

TEST_SUITE("xmpp/datetime") {
    TEST_CASE("date-times are read to the microsecond, in any zone") {
        const std::pair<std::string_view, std::int64_t> rows[] = {
            {"1970-01-01T00:00:00Z", 0},
            {"1969-07-21T02:56:15Z", -14159025'000000},  // XEP-0082, example 1
            {"1969-07-20T21:56:15-05:00", -14159025'000000},
            {"2000-02-29T12:00:00Z", 951825600'000000},
            {"2024-02-29T23:59:59.999999Z", 1709251199'999999},
            {"2026-01-02T03:04:05.678Z", 1767323045'678000},
            {"2026-01-02T03:04:05.6Z", 1767323045'600000},
            {"2026-01-02T03:04:05.0000019Z", 1767323045'000001},
            {"2026-01-02T03:04:05.123456789012345Z", 1767323045'123456},
            {"2026-01-02T03:04:05+00:00", 1767323045'000000},
            {"2026-01-02T03:04:05-00:00", 1767323045'000000},
            {"2026-01-02T03:04:05+05:45", 1767302345'000000},
            {"2026-01-02T03:04:05+14:00", 1767272645'000000},
            {"2026-01-02T03:04:05-14:00", 1767373445'000000},
            {"0001-01-01T00:00:00Z", -62135596800'000000},
            {"9999-12-31T23:59:59.999999Z", 253402300799'999999},
        };
        for (const auto& [text, micros] : rows) {
            CAPTURE(text);
            CHECK(parse_datetime(text) == micros);
        }
    }

    TEST_CASE("what is no date-time is refused") {
        for (const char* bad : {"",
                                "2026",
                                "2026-01-02",
                                "2026-01-02T03:04:05",
                                "2026-01-02T03:04Z",
                                "2026-1-2T3:4:5Z",
                                "2026-01-02 03:04:05Z",
                                "2026-01-02t03:04:05Z",
                                "2026-01-02T03:04:05z",
                                "2026-01-02T03:04:05.Z",
                                "2026-01-02T03:04:05,5Z",
                                "2026-01-02T03:04:05ZZ",
                                " 2026-01-02T03:04:05Z",
                                "2026-01-02T03:04:05Z ",
                                "2026-01-02T03:04:05+0100",
                                "2026-01-02T03:04:05+1:00",
                                "2026-01-02T03:04:05+01",
                                "2026-01-02T03:04:05+14:01",
                                "2026-01-02T03:04:05+15:00",
                                "2026-01-02T03:04:05+01:60",
                                "2026-00-02T03:04:05Z",
                                "2026-13-02T03:04:05Z",
                                "2026-01-00T03:04:05Z",
                                "2026-01-32T03:04:05Z",
                                "2026-04-31T03:04:05Z",
                                "2026-02-29T03:04:05Z",
                                "1900-02-29T03:04:05Z",
                                "2100-02-29T00:00:00Z",
                                "2026-01-02T24:00:00Z",
                                "2026-01-02T03:60:05Z",
                                "2026-01-02T03:04:60Z",
                                "0000-01-01T00:00:00Z",
                                "-2026-01-02T03:04:05Z",
                                "12026-01-02T03:04:05Z",
                                "+2026-01-02T03:04:05Z",
                                "20260102T030405Z",
                                "2026-01-02T03:04:05.-5Z",
                                "2026-01-02T03:04:05.5.5Z",
                                "20 6-01-02T03:04:05Z",
                                "2026-01-02T03:04:0xZ",
                                "\u0662026-01-02T03:04:05Z"}) {
            CAPTURE(bad);
            CHECK_FALSE(parse_datetime(bad));
        }
    }

    TEST_CASE("times are written in UTC with six digits, before 1970 as well") {
        CHECK(format_datetime(0) == "1970-01-01T00:00:00.000000Z");
        CHECK(format_datetime(-1) == "1969-12-31T23:59:59.999999Z");
        CHECK(format_datetime(1767323045'678000) == "2026-01-02T03:04:05.678000Z");
        CHECK(format_datetime(1709251199'000001) == "2024-02-29T23:59:59.000001Z");
    }

    TEST_CASE("times the format cannot hold become its first or last") {
        CHECK(format_datetime(std::numeric_limits<std::int64_t>::min()) == "0001-01-01T00:00:00.000000Z");
        CHECK(format_datetime(std::numeric_limits<std::int64_t>::max()) == "9999-12-31T23:59:59.999999Z");
    }

    TEST_CASE("what is written reads back") {
        std::mt19937_64 random(82);
        std::uniform_int_distribution<std::int64_t> any(-62135596800'000000, 253402300799'999999);
        for (int i = 0; i < 20000; ++i) {
            const std::int64_t micros = any(random);
            REQUIRE(parse_datetime(format_datetime(micros)) == micros);
        }
    }
}
