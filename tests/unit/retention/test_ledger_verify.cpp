// SPDX-License-Identifier: AGPL-3.0-or-later
#include <algorithm>

#include "retention/ledger_watch.h"
#include "tests/unit/retention/ledger_support.h"

using namespace lethe;
using namespace lethe::retention;
using namespace lethe::retention::test;
using enum LedgerFault;
using Faults = std::vector<LedgerFault>;

namespace {

/// A ledger in memory.
struct Chain {
    std::vector<std::string> lines;
    Time time = some_hour;
    std::uint8_t key = 0;
    Chain& add(LedgerEvent event) {
        const auto previous = lines.empty() ? Digest{} : digest_of(lines.back());
        lines.push_back(encode({.number = lines.size(), .previous = previous, .time = time, .event = std::move(event)}, ledger_key(key)));
        return *this;
    }
    std::string text() const { return joined(lines); }
};

Chain good() {
    Chain c;
    c.add(LedgerBegin{ledger_key().public_key()}).add(PolicyInForce{policy_a}).add(swept("archive", some_hour));
    c.time += hour;
    c.add(swept("archive", some_hour + hour)).add(LedgerAlarm(Word("file_not_removed"))).add(ServerStart{});
    return c;
}

LedgerLook look(const std::string& text, const std::optional<LedgerMark>& last, Time now) {
    return look_at_ledger(text, ledger_key().public_key(), last, now);
}

}  // namespace

TEST_SUITE("retention/ledger verify") {
    TEST_CASE("a ledger that holds tells what it says") {
        const auto report = verify_ledger(good().text(), ledger_key().public_key());
        CHECK(report.holds());
        CHECK(report.lines == 6);
        CHECK(report.swept_to == std::map<std::string, Time, std::less<>>{{"archive", some_hour + hour}});
        CHECK(report.alarms == std::vector<std::string>{"file_not_removed"});
        CHECK(report.policy == policy_a);
        CHECK(report.last_time == some_hour + hour);
        CHECK(report.head == digest_of(good().lines.back()));
    }

    TEST_CASE("each way to tamper is found where it was done") {
        auto c = good();
        SUBCASE("a line dropped") {
            c.lines.erase(c.lines.begin() + 2);
            CHECK(faults(c.text()) == Faults{wrong_number});
            const auto report = verify_ledger(c.text(), ledger_key().public_key());
            CHECK(report.findings_in_all == 1);
            CHECK(report.findings[0].line == 3);
            CHECK(report.findings[0].text == "one line is missing before it");
        }
        SUBCASE("lines dropped in two places") {
            c.lines.erase(c.lines.begin() + 4);
            c.lines.erase(c.lines.begin() + 1, c.lines.begin() + 3);
            CHECK(faults(c.text()) == Faults{wrong_number, wrong_number});
            CHECK(verify_ledger(c.text(), ledger_key().public_key()).findings[0].text ==
                  "2 lines are missing before it");
        }
        SUBCASE("a line dropped, and one behind it edited") {
            c.lines[4].replace(c.lines[4].find("T19:00"), 6, "T18:59");
            c.lines.erase(c.lines.begin() + 2);
            CHECK(faults(c.text()) == Faults{wrong_number, bad_signature, broken_chain});
        }
        SUBCASE("a line put in twice") {
            c.lines.insert(c.lines.begin() + 2, c.lines[2]);
            CHECK(faults(c.text()) == Faults{wrong_number});
        }
        SUBCASE("two lines exchanged") {
            std::swap(c.lines[4], c.lines[5]);
            CHECK_FALSE(faults(c.text()).empty());
        }
        SUBCASE("a time edited") {
            c.lines[2].replace(c.lines[2].find("T18:00"), 6, "T17:00");
            CHECK(faults(c.text()) == Faults{bad_signature, broken_chain});
        }
        SUBCASE("a line signed by another key") {
            c.key = 1;
            c.add(ServerStart{});
            CHECK(faults(c.text()) == Faults{bad_signature});
        }
        SUBCASE("the end cut inside a line") {
            const auto text = c.text();
            CHECK(faults(text.substr(0, text.size() - 1)) == Faults{torn_end});
        }
        SUBCASE("a line that is none") {
            c.lines[3] = "{}";
            CHECK(faults(c.text()) == Faults{not_a_line, broken_chain});
        }
        SUBCASE("the beginning cut off") {
            c.lines.erase(c.lines.begin());
            CHECK(faults(c.text()) == Faults{wrong_number, not_begun});
        }
        SUBCASE("a second beginning") {
            c.add(LedgerBegin{ledger_key().public_key()});
            CHECK(faults(c.text()) == Faults{not_begun});
        }
    }

    TEST_CASE("the key's holder cannot go back in time or ahead of it unseen") {
        auto c = good();
        SUBCASE("an earlier time") {
            c.time -= hour;
            c.add(ServerStart{});
            CHECK(faults(c.text()) == Faults{back_dated});
        }
        SUBCASE("an earlier time in a clock_accepted line") {
            c.time -= hour;
            c.add(ClockAccepted{some_hour + hour}).add(ServerStart{});
            CHECK(faults(c.text()).empty());
        }
        SUBCASE("a sweep of what is still to come") {
            c.add(swept("letterbox", c.time + minute));
            CHECK(faults(c.text()) == Faults{swept_wrong});
        }
        SUBCASE("the line's own minute is not over") {
            c.add(swept("letterbox", c.time + 59 * second));
            CHECK(faults(c.text()).empty());
        }
    }

    TEST_CASE("a wrong key is one finding, and so is a file that is no ledger") {
        const auto text = good().text();
        for (const auto& of : {text, text + "torn"}) {
            const auto report = verify_ledger(of, ledger_key(1).public_key());
            REQUIRE(report.findings.size() == 1);
            CHECK(report.findings_in_all == 1);
            CHECK(report.findings[0].line == 0);
            CHECK(report.findings[0].fault == other_key);
            CHECK(report.findings[0].text ==
                  "is not signed by this key: the ledger begins with key " + crypto::to_string(ledger_key().public_key()));
        }
        const auto other = verify_ledger("a\nb\nc\n", ledger_key().public_key());
        REQUIRE(other.findings.size() == 1);
        CHECK(other.findings[0].line == 0);
        CHECK(other.findings[0].fault == not_a_line);
    }

    TEST_CASE("what the key did sign is never hidden behind another key's beginning") {
        Chain c;
        c.key = 1;
        c.add(LedgerBegin{ledger_key(1).public_key()});
        c.key = 0;
        c.add(ServerStart{});
        CHECK(faults(c.text()) == Faults{bad_signature});
        // Nor does a first line that names another key, which did not sign it, count as a beginning.
        auto edited = good();
        edited.lines[0].replace(edited.lines[0].find("\"key\":\"") + 7, 64, crypto::to_string(ledger_key(1).public_key()));
        CHECK(faults(edited.text()) == Faults{bad_signature, broken_chain});
    }

    TEST_CASE("hostile text ends in findings, and not in many") {
        for (const std::string& text : {std::string("\n"), std::string(5000, '\n'), std::string(100'000, '{'), std::string("\0\n\0", 3), std::string("no")}) {
            const auto report = verify_ledger(text, ledger_key().public_key());
            CHECK_FALSE(report.holds());
            CHECK(report.findings.size() <= LedgerReport::most_findings);
            CHECK_FALSE(key_in_ledger(text));
        }
        CHECK(verify_ledger("", ledger_key().public_key()).lines == 0);
        auto stolen = good().lines.front();
        stolen.replace(stolen.find("\"key\":\"") + 7, 64, crypto::to_string(ledger_key(1).public_key()));
        CHECK_FALSE(key_in_ledger(stolen + '\n'));
    }
}

TEST_SUITE("retention/ledger watch") {
    TEST_CASE("the first look takes the ledger as it is, a later one counts what is new") {
        auto c = good();
        const auto first = look(c.text(), {}, c.time);
        CHECK(first.findings.empty());
        CHECK(first.new_lines == 6);
        CHECK(parse_mark(to_text(first.mark)).has_value());
        c.time += day;
        c.add(swept("archive", some_hour + day));
        const auto second_look = look(c.text() + "{\"v\":1,\"n\":", parse_mark(to_text(first.mark)), c.time);
        CHECK(second_look.findings.empty());
        CHECK(second_look.new_lines == 1);
        CHECK(look(c.text(), second_look.mark, c.time).new_lines == 0);
    }

    TEST_CASE("what was cut, rewritten or slipped in is reported at every look from then on") {
        auto c = good();
        const auto seen = look(c.text(), {}, c.time).mark;
        std::string said;
        SUBCASE("cut") {
            c.lines.pop_back();
            said = "cut";
        }
        SUBCASE("rewritten from some line on, by the key's holder") {
            c.lines.resize(4);
            c.add(ServerStart{}).add(ServerStart{}).add(ServerStart{});
            said = "rewritten";
        }
        SUBCASE("begun anew") {
            c = Chain{.time = c.time + day};
            c.add(LedgerBegin{ledger_key().public_key()});
            for (int i = 0; i < 9; ++i) c.add(ServerStart{});
            said = "rewritten";
        }
        SUBCASE("back-dated after the last look") {
            c.add(swept("archive", c.time));
            said = "back-dated";
        }
        const Time later = c.time + 2 * day;
        const auto mark = said == "back-dated" ? LedgerMark{.key = seen.key, .lines = seen.lines, .head = seen.head, .looked = later} : seen;
        const auto found = look(c.text(), mark, later);
        REQUIRE(found.findings.size() == 1);
        CHECK_MESSAGE(found.findings[0].find(said) != std::string::npos, found.findings[0]);
        CHECK(look(c.text(), found.mark, later).findings == found.findings);
    }

    TEST_CASE("a look with another key says that and nothing else, and keeps nothing") {
        auto c = good();
        c.add(ClockAccepted{some_hour + hour});
        const auto mark = look(c.text(), {}, c.time).mark;
        for (const auto& last : {std::optional<LedgerMark>{}, std::optional(mark)}) {
            const auto found = look_at_ledger(c.text(), ledger_key(1).public_key(), last, c.time);
            REQUIRE(found.findings.size() == 1);
            CHECK(found.findings[0].starts_with("it is not signed by this key: the ledger begins with key "));
            CHECK(found.notes.empty());
            if (last) CHECK(to_text(found.mark) == to_text(*last));
        }
    }

    TEST_CASE("an accepted clock explains earlier times, and is told") {
        auto c = good();
        auto seen = look(c.text(), {}, c.time).mark;
        seen.looked = c.time + day;
        c.time -= 30 * day;
        c.add(ClockAccepted{some_hour + hour}).add(ServerStart{});
        const auto found = look(c.text(), seen, some_hour);
        CHECK(found.findings.empty());
        CHECK(std::ranges::any_of(found.notes, [](const auto& n) { return n.find("clock") != n.npos; }));
    }

    TEST_CASE("what a look left is read strictly") {
        const auto text = to_text(look(good().text(), {}, some_hour).mark);
        for (const auto& bad : {text.substr(1), text + ' ', std::string("{}"), std::string(), std::string("null")}) CHECK_FALSE(parse_mark(bad));
    }
}
