// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <thread>
#include <vector>

#include "retention/log.h"
#include "retention/log_files.h"
#include "retention/log_format.h"
#include "store/store.h"
#include "tests/unit/retention/fake.h"

using namespace lethe;
using namespace lethe::retention;
using namespace lethe::retention::test;
namespace fs = std::filesystem;

namespace {

const xmpp::BareJid account = *xmpp::BareJid::parse("canary-account@canary-domain.example");
const xmpp::Jid peer = *xmpp::Jid::parse("canary-peer@canary-other.example/canary-resource");
const Address address{.ip = {203, 0, 113, 77}};
const Address address6{
    .ip = {0x20, 0x01, 0x0d, 0xb8, 0xca, 0xfe, 0xba, 0xbe, 0xde, 0xad, 0, 0, 0, 0, 0, 0x77}, .v6 = true};

std::unique_ptr<Log> opened(const fs::path& directory, const Policy& policy, const Clock& clock,
                            bool to_stderr = false) {
    auto log = Log::open(directory, policy, clock, to_stderr);
    if (!log) FAIL_CHECK(log.error());
    REQUIRE(log.has_value());
    return std::move(*log);
}

std::vector<LogFile> files(const fs::path& directory) {
    auto out = list_log_files(directory).value();
    std::ranges::sort(out, {}, &LogFile::number);
    return out;
}

std::string everything(const fs::path& directory) {
    std::string out;
    for (const auto& file : files(directory)) out += contents(directory / file.name());
    return out;
}

void write_all(Log& log) {
    log.write(Event::login, {address, Account{account}, Word("SCRAM-SHA-1")});
    log.write(Event::login_failed, {address6, Account{account}, Word("not-authorized")});
    log.write(Event::letterbox_full, {Account{account}, Peer{peer}, Word("messages")});
    log.write(Event::password_changed, {Account{account}, address});
    log.write(Event::account_created,
              {Account{account}, Peer{peer}, address, address6});  // peer and addresses do not belong here
}

/// Standard error goes to a file for as long as this lives.
class CapturedStderr {
public:
    explicit CapturedStderr(const fs::path& path) : saved_(::dup(STDERR_FILENO)) {
        const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        ::dup2(fd, STDERR_FILENO);
        ::close(fd);
    }
    ~CapturedStderr() {
        ::dup2(saved_, STDERR_FILENO);
        ::close(saved_);
    }

private:
    int saved_;
};

}  // namespace

TEST_SUITE("retention/log files") {
    TEST_CASE("a file's name says what it spans and when it must go, and nothing else is a log file") {
        const LogFile file{.span = {.start = 10, .end = 20, .deadline = 30}, .number = 7};
        CHECK(file.name() == "10-20-30-7.log");
        const LogFile lasting{.span = {.start = 10, .end = 20, .deadline = store::no_deadline}, .number = 8};
        CHECK(lasting.name() == "10-20-never-8.log");
        for (const LogFile& f : {file, lasting}) {
            const auto parsed = LogFile::parse(f.name());
            REQUIRE(parsed.has_value());
            CHECK(parsed->span == f.span);
            CHECK(parsed->number == f.number);
        }
        for (const char* name : {"", ".log", "10-20-30.log", "10-20-30-7.log~", "10-20-30-7-1.log",
                                 "010-20-30-7.log", "10-20-30-7.txt", "a-20-30-7.log",
                                 "10-20-30-99999999999.log", "10-20-Never-7.log", "10-20-30-+7.log"}) {
            CAPTURE(name);
            CHECK_FALSE(LogFile::parse(name).has_value());
        }
    }

    TEST_CASE(
        "no canary address or name survives none, network or pseudonym, in files or on standard error") {
        for (const char* treatment : {"none", "network", "pseudonym"}) {
            CAPTURE(treatment);
            Directory dir;
            FakeClock clock;
            const std::string jids = std::string(treatment) == "network" ? "none" : treatment;
            const auto policy = with_log("keep = \"1h\"\naddress = \"" + std::string(treatment) +
                                         "\"\naccount = \"" + jids + "\"\npeer = \"" + jids + "\"\n");
            {
                CapturedStderr captured(dir / "stderr");
                auto log = opened(dir / "log", policy, clock, true);
                write_all(*log);
            }
            const std::string text = everything(dir / "log");
            CHECK(std::ranges::count(text, '\n') == 5);
            CHECK(contents(dir / "stderr") == text);
            for (const char* canary : {"canary", "203.0.113.77", "babe", "dead", "::77"}) {
                CAPTURE(canary);
                CHECK(text.find(canary) == std::string::npos);
            }
        }
    }

    TEST_CASE("full writes them all, which shows that the search above can find them") {
        Directory dir;
        FakeClock clock;
        auto log = opened(
            dir / "log", with_log("keep = \"1h\"\naddress = \"full\"\naccount = \"full\"\npeer = \"full\"\n"),
            clock);
        write_all(*log);
        const std::string text = everything(dir / "log");
        for (const char* canary :
             {"canary-account@canary-domain.example", "canary-peer@canary-other.example/canary-resource",
              "203.0.113.77", "babe:dead::77"})
            CHECK_MESSAGE(text.find(canary) != std::string::npos, canary);
    }

    TEST_CASE("an event's own rules hold for that event alone") {
        Directory dir;
        FakeClock clock;
        auto log = opened(dir / "log",
                          with_log("keep = \"24h\"\naddress = \"none\"\n[log.login_failed]\nkeep = "
                                   "\"1h\"\naddress = \"network\"\n[log.session_closed]\nkeep = \"0\"\n"),
                          clock);
        log->write(Event::login, {address});
        log->write(Event::login_failed, {address});
        log->write(Event::session_closed, {address});
        const auto all = files(dir / "log");
        REQUIRE(all.size() == 2);
        CHECK(contents(dir / "log" / all[0].name()) == "2026-11-22T18:00:00Z login\n");
        CHECK(contents(dir / "log" / all[1].name()) ==
              "2026-11-22T18:00:00Z login_failed address=203.0.113.0/24\n");
        CHECK(all[0].span == store::BucketSpan{some_hour, some_hour + hour, some_hour + day});
        CHECK(all[1].span == store::BucketSpan{some_hour, some_hour + 150 * second, some_hour + hour});
    }

    TEST_CASE("a log that keeps nothing writes no file and prints nothing") {
        Directory dir;
        FakeClock clock;
        {
            CapturedStderr captured(dir / "stderr");
            auto log = opened(dir / "log", with_log("keep = \"0\"\n"), clock, true);
            write_all(*log);
            CHECK(log->next_deadline() == store::no_deadline);
            CHECK(log->trouble().lines_lost == 0);
        }
        CHECK(fs::is_empty(dir / "log"));
        CHECK(contents(dir / "stderr").empty());
    }

    TEST_CASE("a file takes lines from START to just before END") {
        Directory dir;
        FakeClock clock;
        auto log = opened(dir / "log", with_log("keep = \"24h\"\n"), clock);
        for (const Time offset : {Time{0}, Time{1}, hour - 1}) {
            clock.time = some_hour + offset;
            log->write(Event::login);
        }
        CHECK(files(dir / "log").size() == 1);
        clock.time = some_hour + hour;
        log->write(Event::login);
        const auto all = files(dir / "log");
        REQUIRE(all.size() == 2);
        CHECK(all[0].span == store::BucketSpan{some_hour, some_hour + hour, some_hour + day});
        CHECK(all[1].span ==
              store::BucketSpan{some_hour + hour, some_hour + 2 * hour, some_hour + day + hour});
    }

    TEST_CASE("a file goes at its deadline and not a microsecond before") {
        for (const Time offset : {Time{-1}, Time{0}, Time{1}}) {
            CAPTURE(offset);
            Directory dir;
            FakeClock clock;
            auto log = opened(dir / "log", with_log("keep = \"24h\"\n"), clock);
            log->write(Event::login);
            CHECK(log->next_deadline() == some_hour + day);
            clock.time = some_hour + day + offset;
            log->sweep();
            CHECK(files(dir / "log").size() == (offset < 0 ? 1 : 0));
            CHECK(log->next_deadline() == (offset < 0 ? some_hour + day : store::no_deadline));
        }
    }

    TEST_CASE("what goes is overwritten before it is unlinked") {
        Directory dir;
        FakeClock clock;
        auto log = opened(dir / "log", with_log("keep = \"24h\"\naccount = \"full\"\n"), clock);
        for (int i = 0; i < 3000; ++i)
            log->write(Event::login, {Account{account}});  // several of the blocks it is overwritten in
        const auto all = files(dir / "log");
        REQUIRE(all.size() == 1);
        const auto size = fs::file_size(dir / "log" / all[0].name());
        REQUIRE(size > 65536);
        fs::create_hard_link(dir / "log" / all[0].name(),
                             dir / "blocks");  // a second name shows what becomes of the blocks
        clock.time = some_hour + day;
        log->sweep();
        CHECK(files(dir / "log").empty());
        CHECK(contents(dir / "blocks") == std::string(size, '\0'));
    }

    TEST_CASE("pseudonyms of one person differ from file to file") {
        Directory dir;
        FakeClock clock;
        auto log = opened(dir / "log", with_log("keep = \"24h\"\naccount = \"pseudonym\"\n"), clock);
        std::set<std::string> names;
        for (int i = 0; i < 3; ++i) {
            log->write(Event::login, {Account{account}});
            log->write(Event::login, {Account{account}});
            clock.time += hour;
        }
        for (const auto& file : files(dir / "log")) {
            const std::string text = contents(dir / "log" / file.name());
            const std::string first = text.substr(0, text.find('\n'));
            CHECK(text == first + '\n' + first + '\n');
            names.insert(first.substr(first.find('~')));
        }
        CHECK(names.size() == 3);
    }

    TEST_CASE("a new process starts a new file in the same span, and sweeps those of earlier ones") {
        Directory dir;
        FakeClock clock;
        const auto policy = with_log("keep = \"24h\"\naccount = \"pseudonym\"\n");
        opened(dir / "log", policy, clock)->write(Event::login, {Account{account}});
        clock.time += minute;
        auto log = opened(dir / "log", policy, clock);
        log->write(Event::login, {Account{account}});
        const auto all = files(dir / "log");
        REQUIRE(all.size() == 2);
        CHECK(all[0].span == all[1].span);
        CHECK(all[0].number + 1 == all[1].number);
        CHECK(contents(dir / "log" / all[0].name()).substr(21) !=
              contents(dir / "log" / all[1].name()).substr(21));
        log.reset();
        clock.time = some_hour + day;
        log = opened(dir / "log", policy, clock);
        CHECK(log->next_deadline() <= clock.time);
        log->sweep();
        CHECK(files(dir / "log").empty());
    }

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
        auto log = opened(dir / "log", with_log("keep = \"24h\"\n"), clock, true);
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
        auto log = Log::open(dir / "open", policy, clock, false);
        REQUIRE_FALSE(log.has_value());
        CHECK(log.error() == (dir / "open").string() + " is open to others; run chmod 700 on it");
        std::ofstream(dir / "file") << "x";
        CHECK_FALSE(Log::open(dir / "file", policy, clock, false).has_value());
        CHECK_FALSE(Log::open(dir / "missing" / "log", policy, clock, false).has_value());
        REQUIRE(Log::open(dir / "new", policy, clock, false).has_value());
        CHECK(fs::status(dir / "new").permissions() == fs::perms::owner_all);
    }
}
