// SPDX-License-Identifier: AGPL-3.0-or-later
#include <sys/stat.h>

#include <fstream>

#include "tests/unit/retention/ledger_support.h"
#include "tests/unit/retention/world.h"

using namespace lethe;
using namespace lethe::retention;
using namespace lethe::retention::test;
namespace fs = std::filesystem;
using Names = std::vector<std::string>;

namespace {

void put(const fs::path& path, std::string_view text) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out << text;
}

struct Record {
    Directory dir;
    FakeClock clock;
    fs::path path = dir / "ledger.jsonl";
    std::unique_ptr<Ledger> ledger = ledger_at(path, clock);
    std::string text() {
        settle(*ledger);
        return contents(path);
    }
    void reopen() {
        ledger.reset();
        ledger = ledger_at(path, clock);
    }
};

}  // namespace

TEST_SUITE("retention/ledger") {
    TEST_CASE("a new ledger begins with its key, is private, and holds after every line") {
        Record r;
        CHECK(faults(r.text()).empty());
        CHECK(key_in_ledger(r.text()) == ledger_key().public_key());
        CHECK(r.ledger->public_key() == ledger_key().public_key());
        struct stat info {};
        REQUIRE(::stat(r.path.c_str(), &info) == 0);
        CHECK((info.st_mode & 07777) == 0600);
        r.ledger->append(ServerStart{});
        r.ledger->append(PolicyInForce{policy_a});
        r.ledger->append(swept("archive", some_hour));
        CHECK(faults(r.text()).empty());
        CHECK(events(r.path) == Names{"begin", "server_start", "policy_in_force", "swept archive"});
    }

    TEST_CASE("it goes on where it ended, over restarts") {
        Record r;
        r.ledger->append(swept("archive", some_hour));
        r.ledger->append(PolicyInForce{policy_a});
        r.clock.time += 2 * hour;
        r.ledger->append(ServerStart{});
        r.reopen();
        CHECK(r.ledger->last_time() == some_hour + 2 * hour);
        CHECK(r.ledger->swept_to("archive") == some_hour);
        CHECK_FALSE(r.ledger->swept_to("letterbox"));
        CHECK(r.ledger->policy_in_force() == policy_a);
        r.ledger->append(swept("archive", some_hour + hour));
        CHECK(faults(r.text()).empty());
        CHECK(events(r.path) == Names{"begin", "swept archive", "policy_in_force", "server_start", "swept archive"});
    }

    TEST_CASE("what it says already is not said again") {
        Record r;
        for (int i = 0; i < 3; ++i) {
            r.ledger->append(PolicyInForce{policy_a});
            r.ledger->append(swept("archive", some_hour));
            r.ledger->append(swept("archive", some_hour - hour));
            r.ledger->append(LedgerAlarm(Word("file_not_removed")));
            settle(*r.ledger);
            if (i == 1) r.reopen();
        }
        CHECK(events(r.path) == Names{"begin", "policy_in_force", "swept archive", "alarm file_not_removed"});
        r.clock.time += hour;
        r.ledger->append(LedgerAlarm(Word("file_not_removed")));
        r.ledger->append(PolicyInForce{policy_b});
        r.ledger->append(PolicyInForce{policy_a});
        CHECK(faults(r.text()).empty());
        CHECK(events(r.path).size() == 7);
    }

    TEST_CASE("an announcement is said once, however far back it stands, and again only if it is another") {
        Record r;
        const PolicyAnnounced first{policy_a, some_hour + 400 * hour + 250'000};  // lines hold whole seconds
        r.ledger->append(first);
        r.ledger->append(first);
        for (int i = 0; i < 400; ++i)
            r.ledger->append(swept(("class-" + std::to_string(i)).c_str(), some_hour));
        REQUIRE(r.text().size() > 3 * 65'536 / 2);
        const auto said = events(r.path).size();
        for (int i = 0; i < 2; ++i) {
            r.reopen();
            r.ledger->append(first);
            settle(*r.ledger);
            CHECK(events(r.path).size() == said);
        }
        r.ledger->append(PolicyAnnounced{policy_a, first.effective + hour});
        r.ledger->append(PolicyAnnounced{policy_b, first.effective + hour});
        r.ledger->append(first);
        CHECK(faults(r.text()).empty());
        CHECK(events(r.path).size() == said + 3);
    }

    TEST_CASE("what it says of policies is known over restarts, however far back it stands") {
        Record r;
        const Time first = r.clock.time;
        r.ledger->append(PolicyInForce{policy_a});
        settle(*r.ledger);
        r.clock.time += hour;
        const PolicyAnnounced announced{.policy = policy_b, .effective = some_hour};
        r.ledger->append(announced);
        settle(*r.ledger);
        const auto known = r.ledger->policies();
        REQUIRE(known.size() == 2);
        CHECK((known[0].policy == policy_a && !known[0].effective && known[0].time / (60 * second) == first / (60 * second)));
        CHECK((known[1].policy == policy_b && known[1].effective == some_hour));
        for (int i = 0; i < 300; ++i) {  // beyond what is understood of the end
            r.clock.time += hour;
            r.ledger->append(swept("archive", some_hour + i * hour));
            settle(*r.ledger);
        }
        r.reopen();
        const auto again = r.ledger->policies();
        REQUIRE(again.size() == 2);
        CHECK(again[0].policy == policy_a);
        CHECK(again[1].effective == known[1].effective);
        for (std::uint8_t i = 0; i < 100; ++i) r.ledger->append(PolicyInForce{i % 2 == 0 ? policy_b : policy_a});
        settle(*r.ledger);
        CHECK(r.ledger->policies().size() == 64);
        r.reopen();
        CHECK(r.ledger->policies().size() == 64);
    }

    TEST_CASE("an announcement that somebody else wrote into the file counts as not said") {
        Record r;
        r.ledger->append(ServerStart{});
        const std::string whole = r.text();
        const PolicyAnnounced forged{policy_a, some_hour};
        r.ledger.reset();
        const auto line = encode(
            {.number = 2, .previous = digest_of(lines_of(whole).back()), .time = some_hour, .event = forged},
            ledger_key(1));
        put(r.path, whole + line + '\n');
        r.ledger = ledger_at(r.path, r.clock);
        r.ledger->append(forged);
        r.text();
        CHECK(events(r.path) ==
              Names{"begin", "server_start", "policy_announced", "alarm ledger_damaged", "policy_announced"});
    }

    TEST_CASE("a clock put back goes with a clock_accepted line, and nothing else does") {
        Record r;
        r.ledger->append(swept("archive", some_hour));
        settle(*r.ledger);
        r.clock.time -= 5 * hour;
        SUBCASE("accepted") {
            r.ledger->append(ClockAccepted{some_hour});
            r.ledger->append(swept("archive", some_hour - 5 * hour));
            CHECK(faults(r.text()).empty());
            CHECK(events(r.path) == Names{"begin", "swept archive", "clock_accepted", "swept archive"});
            CHECK(verify_ledger(r.text(), ledger_key().public_key()).last_time == some_hour - 5 * hour);
            r.reopen();
            CHECK(r.ledger->last_time() == some_hour - 5 * hour);
        }
        SUBCASE("not accepted: the line gets the time of the last one") {
            r.ledger->append(ServerStart{});
            CHECK(faults(r.text()).empty());
            CHECK(parse_ledger_line(lines_of(r.text()).back())->time == some_hour);
        }
    }

    TEST_CASE("a torn last line is cut off, and a line says so") {
        Record r;
        r.ledger->append(ServerStart{});
        const std::string whole = r.text();
        r.ledger.reset();
        put(r.path, whole + "{\"v\":1,\"n\":2,\"prev");
        r.ledger = ledger_at(r.path, r.clock);
        r.ledger->append(PolicyInForce{policy_a});
        CHECK(r.text().starts_with(whole));
        CHECK(faults(r.text()).empty());
        CHECK(events(r.path) == Names{"begin", "server_start", "repaired 18", "policy_in_force"});
    }

    TEST_CASE("a signed line that lacks nothing but its end is kept") {
        Record r;
        r.ledger->append(ServerStart{});
        const std::string whole = r.text();
        r.ledger.reset();
        put(r.path, whole.substr(0, whole.size() - 1));
        r.ledger = ledger_at(r.path, r.clock);
        CHECK(r.text() == whole);
        r.ledger->append(PolicyInForce{policy_a});
        CHECK(faults(r.text()).empty());
        CHECK(events(r.path) == Names{"begin", "server_start", "policy_in_force"});
    }

    TEST_CASE("wherever a crash cuts the last line, the ledger opens, holds, and nothing that was durable is missing") {
        Record r;
        r.ledger->append(PolicyInForce{policy_a});
        const std::string durable = r.text();
        r.ledger->append(swept("letterbox", some_hour));
        const std::string whole = r.text();
        r.ledger.reset();
        for (std::size_t cut = durable.size(); cut <= whole.size(); cut += 7) {
            put(r.path, whole.substr(0, cut));
            const auto ledger = ledger_at(r.path, r.clock);
            settle(*ledger);
            CHECK(contents(r.path).starts_with(durable));
            CHECK(faults(contents(r.path)).empty());
        }
    }

    TEST_CASE("a ledger that was tampered with stops nobody, and the place is found for ever") {
        Record r;
        for (int i = 0; i < 3; ++i) r.ledger->append(ServerStart{});
        auto lines = lines_of(r.text());
        r.ledger.reset();
        SUBCASE("last line edited") {
            lines.back().replace(lines.back().find("server_start"), 12, "server_stort");
            put(r.path, joined(lines));
            r.ledger = ledger_at(r.path, r.clock);
            CHECK(faults(r.text()) == std::vector{LedgerFault::not_a_line});
        }
        SUBCASE("last line replaced by garbage without end") {
            put(r.path, joined(lines) + std::string(300'000, 'x') + '\n');
            r.ledger = ledger_at(r.path, r.clock);
            CHECK(faults(r.text()) == std::vector{LedgerFault::not_a_line});
        }
        SUBCASE("a line dropped") {
            lines.erase(lines.begin() + 2);
            put(r.path, joined(lines));
            r.ledger = ledger_at(r.path, r.clock);
            CHECK(faults(r.text()) == std::vector{LedgerFault::wrong_number});
        }
        SUBCASE("another server's ledger") {
            put(r.path, "");
            ledger_at(r.path, r.clock, 1).reset();
            r.ledger = ledger_at(r.path, r.clock);
            CHECK(faults(r.text()).front() == LedgerFault::bad_signature);
        }
        CHECK(events(r.path).back() == "alarm ledger_damaged");
        r.ledger->append(PolicyInForce{policy_a});
        const auto found = faults(r.text()).size();
        r.reopen();
        r.ledger->append(PolicyInForce{policy_b});
        CHECK(faults(r.text()).size() == found);
    }

    TEST_CASE("a disk that takes nothing holds lines back and loses none; an alarm tells how it was") {
        Record r;
        settle(*r.ledger);
        const std::string before = contents(r.path);
        {
            BrokenDisk broken;
            r.ledger->append(ServerStart{});
            while (r.ledger->trouble().code == 0) std::this_thread::yield();
            CHECK(r.ledger->trouble().waiting >= 1);
            for (int i = 1; i <= 50; ++i) {
                r.clock.time += minute;
                r.ledger->append(swept("archive", some_hour + i * minute));
                r.ledger->append(swept("letterbox", some_hour + i * minute));
            }
            CHECK(r.ledger->trouble().waiting <= 5);
            CHECK(contents(r.path) == before);
        }
        CHECK(faults(r.text()).empty());
        CHECK(r.ledger->trouble().code == 0);
        auto names = events(r.path);
        std::ranges::sort(names);
        CHECK(names == Names{"alarm ledger_delayed", "begin", "server_start", "swept archive", "swept letterbox"});
        CHECK(verify_ledger(r.text(), ledger_key().public_key()).swept_to.find("archive")->second == some_hour + 50 * minute);
    }

    TEST_CASE("what others could read or change is refused by name") {
        Record r;
        settle(*r.ledger);
        r.ledger.reset();
        REQUIRE(::chmod(r.path.c_str(), 0644) == 0);
        const auto refused = Ledger::open(r.path, ledger_key(), r.clock);
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().find("ledger.jsonl must have mode 0600") != std::string::npos);
        const auto nowhere = Ledger::open(r.dir / "no" / "ledger.jsonl", ledger_key(), r.clock);
        REQUIRE_FALSE(nowhere.has_value());
    }
}
