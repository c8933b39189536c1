// SPDX-License-Identifier: AGPL-3.0-or-later
// What one sender, and one domain, may leave for people who are not there.
#include "server/core/intake.h"

#include <doctest/doctest.h>

#include <string>

using namespace lethe;
using namespace lethe::core;

namespace {

constexpr std::int64_t second = 1'000'000;

xmpp::BareJid jid(const std::string& text) { return *xmpp::BareJid::parse(text); }

struct Bench {
    Intake intake{{.per_minute = 60, .percent = 25}, "here.example"};
    Intake::Quota quota{.owner = {}, .period = 1, .messages = 100, .bytes = 10'000};

    unsigned sends(const std::string& from, unsigned wanted, std::int64_t now) {
        unsigned done = 0;
        while (done < wanted && intake.may_send(jid(from), now)) ++done;
        return done;
    }
    /// How many messages of this size are kept of `wanted`.
    unsigned leaves(const std::string& from, unsigned wanted, std::uint64_t bytes, std::int64_t now = 0) {
        unsigned done = 0;
        for (; done < wanted && intake.has_share(jid(from), quota, now); ++done) intake.kept(jid(from), quota, bytes, now);
        return done;
    }
};

}  // namespace

TEST_SUITE("core/intake") {
    TEST_CASE("a sender may send a minute's worth at once, and then at the rate") {
        Bench b;
        CHECK(b.sends("a@here.example", 100, 0) == 60);
        CHECK(b.sends("a@here.example", 100, 0) == 0);
        CHECK(b.sends("b@here.example", 100, 0) == 60);
        CHECK(b.sends("a@here.example", 100, 10 * second) == 10);
        CHECK(b.sends("a@here.example", 100, 200 * second) == 60);
    }
    TEST_CASE("a bound of nothing is no bound") {
        Intake intake({.per_minute = 0, .percent = 100}, "here.example");
        for (int i = 0; i < 1000; ++i) REQUIRE(intake.may_send(jid("a@here.example"), 0));
    }
    TEST_CASE("a foreign domain has a rate of its own, whatever its senders call themselves; ours has none") {
        Bench b;
        unsigned foreign = 0, local = 0;
        for (int i = 0; i < 200; ++i) {
            foreign += b.sends("u" + std::to_string(i) + "@there.example", 60, 0);
            local += b.sends("u" + std::to_string(i) + "@here.example", 60, 0);
        }
        CHECK(foreign == 50 * 60);
        CHECK(local == 200 * 60);
        CHECK(b.sends("a@elsewhere.example", 60, 0) == 60);
    }
    TEST_CASE("a local sender holds at most a quarter of somebody's letterbox, in messages and in bytes") {
        Bench b;
        CHECK(b.leaves("a@here.example", 100, 10) == 25);
        CHECK(b.leaves("b@here.example", 100, 10) == 25);
        CHECK(b.leaves("large@here.example", 100, 1'000) == 3);  // the one that passes it is taken
    }
    TEST_CASE("no bound by domain applies to our own") {
        Bench b;
        unsigned kept = 0;
        for (int i = 0; i < 50; ++i) kept += b.leaves("u" + std::to_string(i) + "@here.example", 2, 10);
        CHECK(kept == 100);
    }
    TEST_CASE("all senders of a foreign domain together hold at most a quarter") {
        Bench b;
        unsigned kept = 0;
        for (int i = 0; i < 50; ++i) kept += b.leaves("u" + std::to_string(i) + "@there.example", 2, 10);
        CHECK(kept == 25);
        CHECK(b.leaves("a@elsewhere.example", 100, 10) == 25);
        CHECK(b.leaves("a@here.example", 100, 10) == 25);
    }
    TEST_CASE("a share is counted for each receiver, anew when something was taken out, and forgotten after a day") {
        Bench b;
        CHECK(b.leaves("a@here.example", 100, 10) == 25);
        auto other = b.quota;
        other.owner.bytes[0] = 1;
        CHECK(b.intake.has_share(jid("a@here.example"), other, 0));
        auto emptied = b.quota;
        emptied.period = 2;
        CHECK(b.intake.has_share(jid("a@here.example"), emptied, 0));
        CHECK_FALSE(b.intake.has_share(jid("a@here.example"), b.quota, 86'399 * second));
        CHECK(b.intake.has_share(jid("a@here.example"), b.quota, 86'400 * second));
    }
    TEST_CASE("requests that wait: a foreign domain holds at most a quarter, for one receiver") {
        Bench b;
        const crypto::AccountId owner{}, other{{1}};
        unsigned kept = 0;
        for (int i = 0; i < 1000; ++i) {
            const auto from = jid("u" + std::to_string(i) + "@there.example");
            if (!b.intake.has_share_of_subscriptions(from, owner, 100, 0)) continue;
            b.intake.kept_subscription(from, owner, 0);
            ++kept;
        }
        CHECK(kept == 25);
        CHECK(b.intake.has_share_of_subscriptions(jid("a@there.example"), other, 100, 0));
        CHECK(b.intake.has_share_of_subscriptions(jid("a@here.example"), owner, 100, 0));
        CHECK(b.intake.has_share_of_subscriptions(jid("a@elsewhere.example"), owner, 100, 0));
    }
}
