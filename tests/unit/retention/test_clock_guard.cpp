// SPDX-License-Identifier: AGPL-3.0-or-later
#include "retention/clock_guard.h"

#include <fstream>

#include "retention/promises.h"
#include "tests/unit/retention/ledger_support.h"
#include "tests/unit/retention/log_support.h"
#include "tests/unit/retention/world.h"

using namespace lethe;
using namespace lethe::retention;
using namespace lethe::retention::test;
using crypto::ClassId;

namespace {

/// A machine whose clocks are set by hand.
struct Machine final : TimeSource {
    Time time = some_hour, up = 5 * day;
    std::string name = "11111111-2222-3333-4444-555555555555";
    bool in_step = true;
    Time wall() const override { return time; }
    Time since_boot() const override { return up; }
    std::string boot() const override { return name; }
    bool synchronised() const override { return in_step; }
    void pass(Time span) { time += span, up += span; }
    void reboot() { name[0] = '9', up = 0; }
};

/// A server's view of the clock over restarts.
struct Desk {
    Directory dir;
    Machine machine;
    std::unique_ptr<SystemClock> clock;
    std::unique_ptr<ClockGuard> guard;
    Desk() { start(); }
    void start(Time known = 0) {
        guard.reset();
        clock = std::make_unique<SystemClock>(machine);
        guard = std::make_unique<ClockGuard>(dir / "", *clock, known, machine);
    }
    /// What the server does every second.
    ClockState tick() {
        const auto state = guard->check();
        if (const auto record = guard->due_record()) REQUIRE(ClockGuard::write_record(dir / "", *record) == 0);
        return state;
    }
    std::string record() { return contents(dir / "clock"); }
};

}  // namespace

TEST_SUITE("retention/clock guard") {
    TEST_CASE("a clock that runs is good, through restarts of server and machine") {
        Desk d;
        for (int i = 0; i < 5; ++i) {
            CHECK(d.tick() == ClockState::good);
            d.machine.pass(9 * minute);
        }
        d.start();
        CHECK(d.tick() == ClockState::good);
        d.machine.time += 30 * day;  // switched off for a month
        d.machine.reboot();
        d.start();
        CHECK(d.tick() == ClockState::good);
    }

    TEST_CASE("the record shows the last ten minutes that began, and changes with nothing else") {
        Desk d;
        d.tick();
        const auto first = d.record();
        CHECK(first.size() == 79);
        CHECK(first.starts_with("00001795370400000000 "));
        CHECK(first.ends_with(" 11111111-2222-3333-4444-555555555555\n"));
        d.machine.pass(10 * minute - 1);
        d.tick();
        CHECK(d.record() == first);
        d.machine.pass(1);
        d.tick();
        CHECK(d.record().starts_with("00001795371000000000 "));
    }

    TEST_CASE("a step back of up to an hour holds time still until it has caught up") {
        Desk d;
        d.tick();
        const Time before = d.clock->now();
        d.machine.time -= hour;
        CHECK(d.tick() == ClockState::good);
        CHECK(d.clock->now() == before);
        d.machine.pass(hour + second);
        CHECK(d.clock->now() == before + second);
        SUBCASE("over a restart too") {
            d.machine.time = some_hour - 30 * minute;
            d.start();
            CHECK(d.tick() == ClockState::good);
            CHECK(d.clock->now() == some_hour + 0);
        }
    }

    TEST_CASE("a step back of more than an hour is in doubt until it is accepted or has come right") {
        Desk d;
        d.tick();
        d.machine.time -= hour + 1;
        CHECK(d.tick() == ClockState::went_back);
        SUBCASE("accepted: time is the machine's, also for the next start") {
            d.guard->accept();
            CHECK(d.tick() == ClockState::good);
            CHECK(d.clock->now() == d.machine.time);
            d.start();
            CHECK(d.tick() == ClockState::good);
            CHECK(d.clock->now() == d.machine.time);
        }
        SUBCASE("come right by itself") {
            d.machine.time += hour;
            CHECK(d.tick() == ClockState::good);
        }
        SUBCASE("seen by the next start, of the server and of the machine") {
            d.machine.time = some_hour - 3 * hour;
            d.start();
            CHECK(d.tick() == ClockState::went_back);
            d.machine.reboot();
            d.start();
            CHECK(d.tick() == ClockState::went_back);
            CHECK(d.guard->latest() == some_hour);
        }
    }

    TEST_CASE("other traces of time count like the record, and a damaged record says nothing") {
        Desk d;
        d.tick();
        for (const char* damage : {"", "x", "00001795370400000000 00001795370400000000 11111111-2222-3333-4444-55555555555x"}) {
            std::ofstream(d.dir / "clock", std::ios::trunc) << damage;
            d.machine.time = some_hour - 2 * day;
            d.start();
            CHECK(d.guard->check() == ClockState::good);
            d.start(some_hour);
            CHECK(d.guard->check() == ClockState::went_back);
        }
    }

    TEST_CASE("a jump of more than a day against the time since the machine's start is in doubt, and not recorded") {
        Desk d;
        d.tick();
        const auto record = d.record();
        d.machine.time += day;
        CHECK(d.tick() == ClockState::good);
        d.machine.time += 1;
        CHECK(d.tick() == ClockState::jumped);
        CHECK(d.record() != record);  // a day was within the limit
        const auto last_good = d.record();
        d.machine.pass(hour);
        CHECK(d.tick() == ClockState::jumped);
        CHECK(d.record() == last_good);
        SUBCASE("the server started again in the same boot of the machine still doubts") {
            d.machine.time += day;
            d.start();
            CHECK(d.tick() == ClockState::jumped);
        }
        SUBCASE("accepted") {
            d.guard->accept();
            CHECK(d.tick() == ClockState::good);
            CHECK(d.record() != last_good);
        }
        SUBCASE("undone: time has been later, so it counts as a step back") {
            d.machine.time -= 2 * day;
            CHECK(d.tick() == ClockState::went_back);
        }
    }
}

TEST_SUITE("retention/promises after a wrong clock") {
    TEST_CASE("an accepted clock closes what is written to, and nothing lives longer than its lifetime from then") {
        World w(keeps("24h", "unlimited"));
        w.clock.time = some_hour + 1000 * day;  // wrong
        const auto archive = w.make(), letterbox = w.make(ClassId::letterbox);
        w.clock.time = some_hour + 30 * minute;
        w.buckets->clock_accepted();
        w.settle();
        CHECK(w.on_disk(archive).deadline <= some_hour + 30 * minute + day);
        CHECK(w.on_disk(archive).deadline == w.buckets->next_deadline());
        CHECK(w.on_disk(archive).end == some_hour + 30 * minute);
        CHECK(w.on_disk(letterbox).deadline == store::no_deadline);
        CHECK(w.make() != archive);
        CHECK(w.make(ClassId::letterbox) != letterbox);
        w.restart(keeps("24h", "unlimited"));
        CHECK(w.buckets->next_deadline() <= some_hour + 30 * minute + day);
        Directory other;
        const auto ledger = ledger_at(other / "ledger.jsonl", w.clock);
        CHECK(known_time(*ledger, *w.store) < some_hour + day);  // or the next start would doubt again
        w.clock.time = some_hour + 2 * day;
        CHECK(w.sweep() >= 1);
    }

    TEST_CASE("a shorter policy after an accepted clock counts from the moment at which buckets and log files of the wrong times were closed") {
        World w(keeps("24h", "unlimited"));
        Directory dir;
        w.clock.time = some_hour + 1000 * day;  // wrong
        const auto archive = w.make(), letterbox = w.make(ClassId::letterbox);
        const auto log = opened(dir / "log", with_log("keep = \"24h\"\n"), w.clock);
        log->write(Event::login);
        w.clock.time = some_hour + 30 * minute;
        w.buckets->clock_accepted();
        log->clock_accepted();
        w.settle();
        const auto lines_until = files(dir / "log").at(0).span.end;
        w.clock.time += minute;
        SUBCASE("in the running server") { w.buckets->apply(keeps("1h", "1h")); }
        SUBCASE("at its next start") { w.restart(keeps("1h", "1h")); }
        log->apply(with_log("keep = \"1h\"\n"));
        w.settle();
        for (const auto& id : {archive, letterbox}) CHECK(w.on_disk(id).deadline == some_hour + 30 * minute + hour);
        CHECK(files(dir / "log").at(0).span.deadline == some_hour + 31 * minute + hour);
        CHECK(files(dir / "log").at(0).span.end == lines_until);
    }

    TEST_CASE("a bucket of right times keeps its deadline") {
        World w(keeps("24h"));
        const auto id = w.make();
        const auto deadline = w.on_disk(id).deadline;
        w.clock.time += 3 * hour;
        w.buckets->clock_accepted();
        w.settle();
        CHECK(w.on_disk(id).deadline == deadline);
    }

    TEST_CASE("log files follow: none is written any more that was, and each ends a lifetime from then at the latest") {
        Directory dir;
        FakeClock clock;
        clock.time = some_hour + 1000 * day;
        const auto log = opened(dir / "log", with_log("keep = \"24h\"\n"), clock);
        log->write(Event::login);
        clock.time = some_hour + 30 * minute;
        log->clock_accepted();
        CHECK(files(dir / "log").at(0).span.deadline == some_hour + 30 * minute + day);
        log->write(Event::login);
        CHECK(files(dir / "log").size() == 2);
        clock.time = some_hour + 2 * day;
        log->sweep();
        CHECK(files(dir / "log").empty());
    }
}

TEST_SUITE("retention/what may be signed") {
    TEST_CASE("the log is swept up to the last deadline of its grid, and not beyond a file that is still there") {
        Directory dir;
        FakeClock clock;
        clock.time = some_hour;
        const auto log = opened(dir / "log", with_log("keep = \"24h\"\n[log.login]\nkeep = \"1h\"\n"), clock);
        CHECK(sweep_mark(*log, clock.time) == some_hour);
        log->write(Event::login);
        log->write(Event::server_started);
        clock.time = some_hour + 2 * hour;
        CHECK(sweep_mark(*log, clock.time) == some_hour);  // the file of an hour was to be gone after one
        log->sweep();
        CHECK(sweep_mark(*log, clock.time) == some_hour + 2 * hour);
        clock.time = some_hour + 30 * hour;
        CHECK(sweep_mark(*log, clock.time) == some_hour + 23 * hour);
        log->sweep();
        CHECK(sweep_mark(*log, clock.time) == some_hour + 30 * hour);
        log->apply(with_log("keep = \"0\"\n"));
        CHECK(sweep_mark(*log, clock.time) % day == 0);
    }

    TEST_CASE("a class is swept up to the last deadline of its grid, the same whether there was a bucket or not") {
        for (const bool used : {false, true}) {
            World w(keeps("24h"));
            if (used) w.make();
            w.clock.time = some_hour + 24 * hour - 1;
            CHECK(sweep_mark(*w.buckets, ClassId::archive, w.clock.time) == some_hour + 23 * hour);
            w.clock.time = some_hour + 24 * hour + minute;
            w.sweep();
            w.wait_for([&] { return w.buckets->swept_to(ClassId::archive) == w.clock.time; });
            CHECK(sweep_mark(*w.buckets, ClassId::archive, w.clock.time) == some_hour + 24 * hour);
        }
    }

    TEST_CASE("nothing is signed past a bucket that is still there") {
        World w(keeps("24h"));
        w.make();
        w.clock.time = some_hour + 30 * hour;
        CHECK(w.buckets->swept_to(ClassId::archive) == some_hour + 24 * hour - 1);
        CHECK(sweep_mark(*w.buckets, ClassId::archive, w.clock.time) == some_hour + 23 * hour);
    }

    TEST_CASE("a class without deadlines has a grid of days") {
        World w(keeps("unlimited", "0"));
        w.clock.time = some_hour + 7 * hour;
        for (const auto cls : {ClassId::archive, ClassId::letterbox})
            CHECK(sweep_mark(*w.buckets, cls, some_hour + 7 * hour) == some_hour + 6 * hour);
    }

    TEST_CASE("whole seconds only, and never ahead of what was swept") {
        World w(keeps("100s"));
        const Time mark = sweep_mark(*w.buckets, ClassId::archive, some_hour + 17);
        CHECK(mark % second == 0);
        CHECK(mark <= some_hour);
        CHECK(mark > some_hour - 6 * second);
    }

    TEST_CASE("what a message sets off is no alarm of the ledger") {
        CHECK_FALSE(ledger_alarm(Buckets::Alarm::create_failed));
        for (const auto alarm : {Buckets::Alarm::key_not_destroyed, Buckets::Alarm::file_not_removed, Buckets::Alarm::bucket_unreadable,
                                 Buckets::Alarm::bucket_without_key, Buckets::Alarm::deadline_not_recorded})
            CHECK(ledger_alarm(alarm).has_value());
    }

    TEST_CASE("a refusal names both times and both remedies") {
        const auto text = refusal(ClockState::went_back, some_hour, some_hour - 2 * hour);
        for (const char* part : {"2026-11-22T18:00:00Z", "2026-11-22T16:00:00Z", "set the clock right", "lethectl clock accept"})
            CHECK(text.find(part) != std::string::npos);
        CHECK(refusal(ClockState::good, 0, 0).empty());
    }
}
