// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <regex>
#include <set>
#include <vector>

#include "retention/log_events.h"
#include "retention/log_words.h"
#include "store/store.h"
#include "tests/unit/retention/log_support.h"

using namespace lethe;
using namespace lethe::retention;
using namespace lethe::retention::test;
namespace fs = std::filesystem;

namespace {

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
                auto log = opened(dir / "log", policy, clock, Echo::everything);
                write_all(*log);
            }
            const std::string text = everything(dir / "log");
            CHECK(std::ranges::count(text, '\n') == 5);
            CHECK(contents(dir / "stderr") == text);
            // Sixteen random digits may spell one of the words.
            const std::string words = std::regex_replace(text, std::regex("~[0-9a-f]{16}"), "~");
            for (const char* canary : {"canary", "203.0.113.77", "babe", "dead", "::77"}) {
                CAPTURE(canary);
                CHECK(words.find(canary) == std::string::npos);
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

    TEST_CASE("alarms of the buckets are events with words and a number") {
        Directory dir;
        FakeClock clock;
        auto log = opened(dir / "log", with_log("keep = \"24h\"\n"), clock);
        write_alarm(*log, Buckets::Alarm::key_not_destroyed, {crypto::ClassId::letterbox, 7});
        log->write(Event::storage_alarm,
                   {word(store::ErrorKind::full), word(crypto::ClassId::archive), Count{28}});
        CHECK(everything(dir / "log") ==
              "2026-11-22T18:00:00Z sweep_alarm problem=key_not_destroyed class=letterbox bucket=7\n"
              "2026-11-22T18:00:00Z storage_alarm problem=full class=archive code=28\n");
    }

    TEST_CASE("alarms alone are echoed if nothing more is asked for, and no alarm has a field for a person") {
        Directory dir;
        FakeClock clock;
        {
            CapturedStderr captured(dir / "stderr");
            auto log =
                opened(dir / "log", with_log("keep = \"24h\"\naddress = \"full\"\naccount = \"full\"\n"),
                       clock, Echo::alarms);
            write_all(*log);
            write_alarm(*log, Buckets::Alarm::key_not_destroyed, {crypto::ClassId::letterbox, 7});
        }
        CHECK(contents(dir / "stderr") ==
              "2026-11-22T18:00:00Z sweep_alarm problem=key_not_destroyed class=letterbox bucket=7\n");
        CHECK(everything(dir / "log").find("canary-account") != std::string::npos);
        for (const EventSpec& event : event_table())
            if (is_alarm(event.event))
                for (const auto kind : {FieldKind::address, FieldKind::account, FieldKind::peer})
                    CHECK_FALSE(event.carries(kind));
    }

    TEST_CASE("a log that keeps nothing writes no file and prints nothing") {
        Directory dir;
        FakeClock clock;
        {
            CapturedStderr captured(dir / "stderr");
            auto log = opened(dir / "log", with_log("keep = \"0\"\n"), clock, Echo::everything);
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
}
