// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include "tests/unit/retention/ledger_support.h"
#include "tools/audit/even.h"
#include "tools/audit/ledger.h"
#include "tools/audit/search.h"

using namespace lethe;
using namespace lethe::audit;
using namespace lethe::retention::test;
using retention::PolicyStanding;

namespace {

constexpr Time began = 20'000 * day;

retention::Policy policy_file(const std::string& archive) {
    const auto policy = retention::parse_policy(R"([service]
name = "n"
operator = "o"
contact = ["mailto:a@chat.example"]
jurisdiction = "none"
languages = ["en"]
[archive]
keep = ")" + archive + R"("
[letterbox]
keep = "0"
[subscriptions]
keep = "0"
[accounts]
registration = "closed"
[log]
keep = "0"
address = "none"
account = "none"
peer = "none"
client = "none"
[change]
notice = "7d"
)",
                                                "policy.toml");
    if (!policy) FAIL_CHECK(policy.error().front().to_string());
    REQUIRE(policy.has_value());
    return *policy;
}

/// What a server wrote that started, and ran for some hours; cut after so many lines.
struct Written {
    retention::Policy policy = policy_file("24h");
    std::vector<std::string> lines;

    Written() {
        Directory dir;
        FakeClock clock;
        clock.time = began;
        {
            const auto ledger = ledger_at(dir / "ledger", clock);
            ledger->append(retention::ServerStart{});
            ledger->append(retention::PolicyInForce{retention::digest_of(policy.text)});
            for (int i = 1; i <= 10; ++i) {
                settle(*ledger);
                clock.time = began + i * hour;
                ledger->append(swept("archive", clock.time));
            }
            settle(*ledger);
        }
        lines = lines_of(contents(dir / "ledger"));
    }
    LedgerSeen cut(std::size_t left) const {
        return read_ledger(joined({lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(left)}));
    }
    Traces traces() const {
        return {.standing = PolicyStanding::first(policy),
                .used = true,
                .latest = began + 10 * hour,
                .latest_place = "clock"};
    }
};

std::size_t found(const LedgerSeen& seen, const Traces& traces, bool live = false) {
    Report report;
    report.live = live;
    check_ledger_end(seen, traces, report);
    for (const auto& finding : report.findings.list()) CHECK(finding.place == "ledger.jsonl");
    return report.findings.list().size();
}
std::size_t noted(const LedgerSeen& seen, const Traces& traces) {
    Report report;
    check_ledger_end(seen, traces, report);
    return report.notes.size();
}

Bytes bytes(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace

TEST_SUITE("audit/ledger") {
    TEST_CASE("a whole ledger fits, and so does one that lacks the last line or two") {
        const Written w;
        for (const std::size_t left : {13UL, 12UL, 11UL}) CHECK(found(w.cut(left), w.traces()) == 0);
    }
    TEST_CASE(
        "one that was cut does not fit what stands in state.mdb, or the time until which a server ran") {
        const Written w;
        for (std::size_t left = 1; left < 10; ++left) {
            CAPTURE(left);
            CHECK(found(w.cut(left), w.traces()) >= 1);
        }
        auto without_clock = w.traces();
        without_clock.latest = 0;
        CHECK(found(w.cut(1), without_clock) == 1);
        CHECK(found(w.cut(2), without_clock) == 1);
        CHECK(found(w.cut(3), without_clock) == 0);
    }
    TEST_CASE("what was never used has no line that could be missing") {
        const Written w;
        CHECK(found(w.cut(1), Traces{}) == 0);
    }
    TEST_CASE(
        "a kill may come before the line about a policy, and then it is a note; of a running server it is a "
        "finding") {
        const Written w;
        auto traces = w.traces();
        traces.standing = PolicyStanding::first(policy_file("12h"));
        CHECK(found(w.cut(13), traces) == 1);
        traces.cut_short = true;
        CHECK(found(w.cut(13), traces) == 0);
        CHECK(noted(w.cut(13), traces) == 1);
        CHECK(found(w.cut(13), traces, true) == 1);
        CHECK(found(w.cut(2), traces) >= 1);  // a server that was used had written that it had a policy
    }
    TEST_CASE("another policy in force at the end of the ledger than in state.mdb") {
        const Written w;
        auto seen = w.cut(13);
        seen.last_in_force = policy_b;
        CHECK(found(seen, w.traces()) == 1);
    }
    TEST_CASE("an announced policy has its line") {
        const Written w;
        auto traces = w.traces();
        traces.standing->offer(policy_file("48h"), began + 10 * hour + 17);
        REQUIRE(traces.standing->announced());
        auto seen = w.cut(13);
        CHECK(found(seen, traces) == 1);
        const auto effective = traces.standing->announced()->effective_at;
        seen.announced.insert(effective - effective % second);
        CHECK(found(seen, traces) == 0);
    }
    TEST_CASE("what a wrong clock showed says nothing") {
        const Written w;
        auto traces = w.traces();
        traces.latest = began + 100 * day;
        auto seen = w.cut(13);
        CHECK(found(seen, traces) == 1);
        seen.before_accepted = traces.latest;
        CHECK(found(seen, traces) == 0);
        seen.before_accepted = 0;
        seen.doubtful_clock = true;
        CHECK(found(seen, traces) == 0);
    }
    TEST_CASE("the alarm that the clock jumped stands until something was swept or the clock was accepted") {
        Directory dir;
        FakeClock clock;
        clock.time = began;
        const auto ledger = ledger_at(dir / "ledger", clock);
        ledger->append(retention::LedgerAlarm(retention::Word("clock_jumped")));
        ledger->append(retention::ServerStart{});
        settle(*ledger);
        CHECK(read_ledger(contents(dir / "ledger")).doubtful_clock);
        SUBCASE("swept") { ledger->append(swept("archive", began)); }
        SUBCASE("accepted") { ledger->append(retention::ClockAccepted{began}); }
        settle(*ledger);
        CHECK_FALSE(read_ledger(contents(dir / "ledger")).doubtful_clock);
    }
}

TEST_SUITE("audit/search") {
    /// As it would stand in a page, some way behind its beginning.
    bool policy_text(const std::string& before, const std::string& text) {
        const auto all = bytes(std::string(100, '\0') + before + text + std::string(100, '\0'));
        const auto at = find_text(ByteView(all));
        REQUIRE(at);
        return may_be_policy(all, *at, 4096 + 1000);
    }

    TEST_CASE("the lines of a policy file are its own, whatever length stands before them") {
        const std::string length("\0\0\x0a#", 4);
        for (const std::string& before : {std::string("\x01\0\0\0\0", 5), length, std::string("\0\0\0Z", 4),
                                          std::string("\0\0AZ", 4), std::string("\0\0\x0a\xc3", 4)})
            for (const std::string line :
                 {"# A server of the neighbourhood, see the notice board\n",
                  "contact = [\"xmpp:admin@chat.example\"]\n",
                  "# f\xc3\xbcr alle, die admin@chat.example schreiben m\xc3\xb6gen\n",
                  "\nwelcome = \"\"\"\nWrite to admin@chat.example whenever you like.\n\"\"\"\n",
                  "[log.login_failed]\naddress = \"none\" # and nothing else about you\n"})
                CHECK(policy_text(before, line));
    }
    TEST_CASE("other text is not") {
        for (const std::string& before :
             {std::string(1, '\0'), std::string("\x01\0\0\0\0", 5), std::string("name = \"n\"\n")})
            for (const std::string text : {"<message to='bob@chat.example'><body>hello</body></message>",
                                           "alice@chat.example talks to bob@chat.example",
                                           "Friends of alice: bob, carol, and nobody else"})
                CHECK_FALSE(policy_text(before, text));
    }
    TEST_CASE("what may have lost its beginning at the edge of a page is taken for a policy's") {
        const auto all = bytes("min@chat.example, if you want to know more about it\n");
        CHECK(may_be_policy(all, 0, 8192));
        const auto whole = bytes(std::string(100, 'x') + "\x01" + std::string(40, 'y'));
        CHECK_FALSE(may_be_policy(whole, 101, 5000));
        CHECK(may_be_policy(whole, 101, 4096));
        CHECK(may_be_policy(whole, 101, 4096 - 101));
    }
}
