// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <thread>
#include <vector>

#include "retention/log_format.h"
#include "store/store.h"
#include "tests/unit/retention/log_support.h"

using namespace lethe;
using namespace lethe::retention;
using namespace lethe::retention::test;
namespace fs = std::filesystem;

TEST_SUITE("retention/log files in trouble") {
    TEST_CASE("a log that cannot be written loses lines, counts them and recovers") {
        Directory dir;
        FakeClock clock;
        auto log = opened(dir / "log", with_log("keep = \"24h\"\n"), clock);
        fs::rename(dir / "log", dir / "elsewhere");
        log->write(Event::login);
        log->write(Event::login);
        CHECK(log->trouble().lines_lost == 2);
        fs::rename(dir / "elsewhere", dir / "log");
        log->write(Event::login);
        CHECK(log->trouble().lines_lost == 2);
        CHECK(everything(dir / "log") == "2026-11-22T18:00:00Z login\n");
    }

    TEST_CASE("half a line is taken back") {
        Directory dir;
        const LogFile file{.span = {.start = 1, .end = 2, .deadline = 3}, .number = 1};
        REQUIRE(make_log_directory(dir / "log").has_value());
        const int fd = create_log_file(dir / "log", file).value();
        std::uint64_t size = 0;
        REQUIRE(append_line(fd, size, "whole\n"));
        CHECK(size == 6);
        CHECK(create_log_file(dir / "log", file).error() == EEXIST);
        ::close(fd);
        CHECK_FALSE(append_line(fd, size, "lost\n"));
        CHECK(size == 6);
        CHECK(contents(dir / "log" / file.name().c_str()) == "whole\n");
    }

    TEST_CASE("a file that cannot be destroyed is counted and tried again after a minute") {
        Directory dir;
        FakeClock clock;
        auto log = opened(dir / "log", with_log("keep = \"24h\"\n"), clock);
        log->write(Event::login);
        const auto path = dir / "log" / files(dir / "log").at(0).name();
        fs::rename(path, dir / "aside");
        fs::create_directory(path);
        clock.time = some_hour + day;
        log->sweep();
        CHECK(log->trouble().files_overdue == 1);
        CHECK(log->next_deadline() == clock.time + minute);
        fs::remove(path);
        fs::rename(dir / "aside", path);
        clock.time += minute;
        log->sweep();
        CHECK(log->trouble().files_overdue == 0);
        CHECK(files(dir / "log").empty());
        CHECK(log->next_deadline() == store::no_deadline);
    }

    TEST_CASE("a reader of standard error that stopped reading or went away does not stop the log") {
        Directory dir;
        FakeClock clock;
        const int saved = ::dup(STDERR_FILENO);
        int ends[2];
        REQUIRE(::pipe(ends) == 0);
        ::dup2(ends[1], STDERR_FILENO);
        auto log = opened(dir / "log", with_log("keep = \"24h\"\n"), clock, Echo::everything);
        SUBCASE("stopped reading") {
            for (int i = 0; i < 5000; ++i) log->write(Event::login);
            CHECK(everything(dir / "log").size() ==
                  5000 * std::string("2026-11-22T18:00:00Z login\n").size());
        }
        SUBCASE("went away") {
            ::close(ends[0]);
            log->write(Event::login);
            log->write(Event::login);
            CHECK(everything(dir / "log").size() == 2 * std::string("2026-11-22T18:00:00Z login\n").size());
        }
        ::dup2(saved, STDERR_FILENO);
        for (const int fd : {saved, ends[0], ends[1]}) ::close(fd);
    }

    TEST_CASE("many threads write whole lines while others sweep") {
        Directory dir;
        FakeClock clock;
        auto log = opened(dir / "log", with_log("keep = \"24h\"\naccount = \"pseudonym\"\n"), clock);
        {
            std::vector<std::jthread> threads;
            for (int t = 0; t < 4; ++t)
                threads.emplace_back([&] {
                    for (int i = 0; i < 500; ++i) log->write(Event::login, {Account{account}, Word("PLAIN")});
                });
            threads.emplace_back([&] {
                for (int i = 0; i < 50; ++i) log->sweep();
            });
        }
        const std::string text = everything(dir / "log");
        std::size_t lines = 0;
        for (std::size_t at = 0; at < text.size(); ++lines) {
            const std::size_t end = text.find('\n', at);
            REQUIRE(end != std::string::npos);
            CHECK(parse_log_line(std::string_view(text).substr(at, end - at)).has_value());
            at = end + 1;
        }
        CHECK(lines == 2000);
    }

    TEST_CASE("a directory that is not ours alone is refused with the remedy") {
        Directory dir;
        FakeClock clock;
        const auto policy = with_log("keep = \"24h\"\n");
        fs::create_directory(dir / "open");
        ::chmod((dir / "open").c_str(), 0750);
        auto log = Log::open(dir / "open", policy, clock, Echo::nothing);
        REQUIRE_FALSE(log.has_value());
        CHECK(log.error() == (dir / "open").string() + " is open to others; run chmod 700 on it");
        std::ofstream(dir / "file") << "x";
        CHECK_FALSE(Log::open(dir / "file", policy, clock, Echo::nothing).has_value());
        CHECK_FALSE(Log::open(dir / "missing" / "log", policy, clock, Echo::nothing).has_value());
        REQUIRE(Log::open(dir / "new", policy, clock, Echo::nothing).has_value());
        CHECK(fs::status(dir / "new").permissions() == fs::perms::owner_all);
    }
}
