// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include <fstream>

#include "store/store.h"
#include "tests/unit/retention/log_support.h"

using namespace lethe;
using namespace lethe::retention;
using namespace lethe::retention::test;
namespace fs = std::filesystem;

TEST_SUITE("retention/log files and a new policy") {
    TEST_CASE(
        "a shorter policy holds for what was logged before it, and a later longer one does not give it "
        "back") {
        Directory dir;
        FakeClock clock;
        opened(dir / "log", with_log("keep = \"24h\"\n"), clock)->write(Event::login);
        SUBCASE("before the span's end, its END is now") {
            clock.time += 10 * minute;
            CHECK(opened(dir / "log", with_log("keep = \"2h\"\n"), clock)->next_deadline() ==
                  some_hour + 10 * minute + 2 * hour);
            CHECK(files(dir / "log").at(0).span ==
                  store::BucketSpan{some_hour, some_hour + 10 * minute, some_hour + 10 * minute + 2 * hour});
        }
        SUBCASE("after it, it counts from END") {
            clock.time += 90 * minute;
            CHECK(opened(dir / "log", with_log("keep = \"2h\"\n"), clock)->next_deadline() ==
                  some_hour + 3 * hour);
        }
        SUBCASE("for one event in the file") {
            clock.time += 90 * minute;
            CHECK(opened(dir / "log", with_log("keep = \"24h\"\n[log.login]\nkeep = \"2h\"\n"), clock)
                      ->next_deadline() == some_hour + 3 * hour);
        }
        const Time shortened = files(dir / "log").at(0).span.deadline;
        CHECK(opened(dir / "log", with_log("keep = \"90d\"\n"), clock)->next_deadline() == shortened);
    }

    TEST_CASE("a longer policy extends nothing") {
        for (const char* longer : {"25h", "7d", "unlimited"}) {
            Directory dir;
            FakeClock clock;
            opened(dir / "log", with_log("keep = \"24h\"\n"), clock)->write(Event::login);
            clock.time += 10 * minute;
            CHECK(opened(dir / "log", with_log("keep = \"" + std::string(longer) + "\"\n"), clock)
                      ->next_deadline() == some_hour + day);
        }
    }

    TEST_CASE("a stricter policy for another event leaves a file alone") {
        Directory dir;
        FakeClock clock;
        opened(dir / "log", with_log("keep = \"24h\"\n"), clock)->write(Event::login);
        CHECK(opened(dir / "log", with_log("keep = \"24h\"\n[log.login_failed]\nkeep = \"0\"\n"), clock)
                  ->next_deadline() == some_hour + day);
    }

    TEST_CASE("what the policy does not keep or would not have written any more is due at once") {
        for (const char* stricter :
             {"keep = \"0\"\n", "keep = \"24h\"\n[log.login]\nkeep = \"0\"\n",
              "keep = \"24h\"\naddress = \"network\"\n", "keep = \"24h\"\naddress = \"none\"\n",
              "keep = \"24h\"\naddress = \"full\"\n[log.login]\naddress = \"pseudonym\"\n"}) {
            CAPTURE(stricter);
            Directory dir;
            FakeClock clock;
            opened(dir / "log", with_log("keep = \"24h\"\naddress = \"full\"\n"), clock)
                ->write(Event::login, {address});
            auto log = opened(dir / "log", with_log(stricter), clock);
            CHECK(log->next_deadline() == clock.time);
            log->sweep();
            CHECK(files(dir / "log").empty());
        }
    }

    TEST_CASE("a log without a limit becomes one with a limit") {
        Directory dir;
        FakeClock clock;
        auto log = opened(dir / "log", with_log("keep = \"unlimited\"\n"), clock);
        log->write(Event::login);
        CHECK(log->next_deadline() == store::no_deadline);
        clock.time += 365 * day;
        log->sweep();
        CHECK(files(dir / "log").size() == 1);
        const Time end = files(dir / "log").at(0).span.end;
        log = opened(dir / "log", with_log("keep = \"400d\"\n"), clock);
        CHECK(log->next_deadline() == end + 400 * day);
    }

    TEST_CASE("the half line of a crash is no reason to destroy the rest; an unknown line is") {
        Directory dir;
        FakeClock clock;
        const auto policy = with_log("keep = \"24h\"\n");
        opened(dir / "log", policy, clock)->write(Event::login);
        const auto path = dir / "log" / files(dir / "log").at(0).name();
        std::ofstream(path, std::ios::app) << "2026-11-22T18:00:00Z log";
        CHECK(opened(dir / "log", policy, clock)->next_deadline() == some_hour + day);
        std::ofstream(path, std::ios::app) << "ged\n";
        CHECK(opened(dir / "log", policy, clock)->next_deadline() == some_hour);
    }
}
