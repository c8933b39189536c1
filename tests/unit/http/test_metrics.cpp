// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include "server/http/metrics.h"

using namespace lethe;
using namespace lethe::http;

TEST_SUITE("http/metrics") {
    TEST_CASE("counts are rounded down in steps, so that one more does not show") {
        for (const auto& [count, shown] : {std::pair<std::int64_t, std::int64_t>{0, 0}, {1, 0}, {9, 0}, {10, 10}, {11, 10}, {19, 10}, {20, 20}, {49, 20}, {50, 50}, {99, 50}, {100, 100}, {199, 100},
                                           {999, 500}, {123456, 100000}, {-1, 0}, {INT64_MAX, 5'000'000'000}})
            CHECK_MESSAGE(rounded_down(count) == shown, count);
    }

    TEST_CASE("only what is meant for anybody is told") {
        const admin::Facts status{{"accounts", std::int64_t{37}},          {"buckets_archive", std::int64_t{24}}, {"buckets_letterbox", std::int64_t{3}}, {"next_deadline", std::string("2026-12-06T18:00:00Z")},
                                  {"overdue", std::int64_t{0}},            {"quarantined", std::int64_t{1}},      {"sessions", std::int64_t{12}},         {"sessions_hibernating", std::int64_t{3}},
                                  {"policy_file", std::string("a secret")}, {"alarms", std::int64_t{2}}};
        const auto page = open_metrics(status, [](std::string_view cls) { return cls == "archive" ? std::optional<retention::Time>(1'700'000'000'000'000) : std::nullopt; });
        std::string samples;
        for (std::size_t at = 0; at < page.size(); at = page.find('\n', at) + 1)
            if (page[at] != '#') samples += page.substr(at, page.find('\n', at) + 1 - at);
        CHECK(samples == "lethe_accounts 20\nlethe_sessions 10\nlethe_buckets_overdue 0\nlethe_buckets_quarantined 1\nlethe_alarms 2\n"
                         "lethe_buckets{class=\"archive\"} 20\nlethe_buckets{class=\"letterbox\"} 0\nlethe_swept_to_timestamp_seconds{class=\"archive\"} 1700000000\n");
        CHECK(page.ends_with("# EOF\n"));
    }
}
