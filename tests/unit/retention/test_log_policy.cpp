// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include <fstream>
#include <thread>

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

    TEST_CASE("a running log obeys another policy at once: what it would not have written is due, the rest keeps the shorter promise") {
        Directory dir;
        FakeClock clock;
        const auto log = opened(dir / "log", with_log("keep = \"24h\"\naccount = \"full\"\n"), clock);
        log->write(Event::login, {Account{account}});
        clock.time += 10 * minute;
        SUBCASE("a field is not permitted any more") {
            log->apply(with_log("keep = \"24h\"\n"));
            CHECK(log->next_deadline() == clock.time);
            log->write(Event::login, {Account{account}});
            log->sweep();
            CHECK(files(dir / "log").size() == 1);
            CHECK(everything(dir / "log").find("canary") == std::string::npos);
        }
        SUBCASE("shorter") {
            log->apply(with_log("keep = \"2h\"\naccount = \"full\"\n"));
            CHECK(log->next_deadline() == some_hour + 10 * minute + 2 * hour);
            log->write(Event::login, {Account{account}});
            CHECK(files(dir / "log").size() == 2);
            CHECK(files(dir / "log").at(1).span.deadline <= clock.time + 2 * hour);
        }
        SUBCASE("longer: nothing is extended, what is new lives longer") {
            log->apply(with_log("keep = \"48h\"\naccount = \"full\"\n"));
            CHECK(log->next_deadline() == some_hour + day);
            log->write(Event::login);
            CHECK(files(dir / "log").at(1).span.deadline > some_hour + day);
        }
        SUBCASE("nothing is logged any more") {
            log->apply(with_log("keep = \"0\"\n"));
            log->write(Event::login);
            log->sweep();
            CHECK(files(dir / "log").empty());
        }
    }

    TEST_CASE("a new policy gives everybody a new pseudonym") {
        Directory dir;
        FakeClock clock;
        const auto policy = with_log("keep = \"24h\"\naccount = \"pseudonym\"\n");
        const auto log = opened(dir / "log", policy, clock);
        log->write(Event::login, {Account{account}});
        log->apply(policy);
        log->write(Event::login, {Account{account}});
        REQUIRE(files(dir / "log").size() == 2);
        CHECK(contents(dir / "log" / files(dir / "log")[0].name()) != contents(dir / "log" / files(dir / "log")[1].name()));
    }

    TEST_CASE("writing, sweeping and new policies at the same time lose no line and leave nothing overdue") {
        Directory dir;
        FakeClock clock;
        const auto log = opened(dir / "log", with_log("keep = \"24h\"\n"), clock);
        constexpr int lines = 500;
        {
            std::jthread writer([&] {
                for (int i = 0; i < lines; ++i) log->write(Event::login);
            });
            std::jthread changer([&] {
                for (int i = 0; i < 20; ++i) log->apply(with_log(i % 2 ? "keep = \"24h\"\n" : "keep = \"48h\"\n"));
            });
            for (int i = 0; i < 20; ++i) log->sweep();
        }
        CHECK(log->trouble().lines_lost == 0);
        CHECK(std::ranges::count(everything(dir / "log"), '\n') == lines);
        clock.time += 10 * day;
        log->sweep();
        CHECK(files(dir / "log").empty());
        CHECK(log->trouble().files_overdue == 0);
    }

    TEST_CASE("a file that cannot be renamed to its new deadline is destroyed at that deadline all the same") {
        Directory dir;
        FakeClock clock;
        const auto log = opened(dir / "log", with_log("keep = \"24h\"\n"), clock);
        log->write(Event::login);
        LogFile shorter = files(dir / "log").at(0);
        shorter.span.end = clock.time;
        shorter.span.deadline = clock.time + 2 * hour;
        fs::create_directory(dir / "log" / shorter.name());  // stands where the new name would
        log->apply(with_log("keep = \"2h\"\n"));
        CHECK(files(dir / "log").size() == 2);
        fs::remove(dir / "log" / shorter.name());
        clock.time += 5 * hour;
        log->sweep();
        CHECK(files(dir / "log").empty());
    }
}
