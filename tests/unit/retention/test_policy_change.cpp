// SPDX-License-Identifier: AGPL-3.0-or-later
// What is in force, what waits for the end of its notice, and who is still to be told.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "retention/policy_change.h"
#include "tests/unit/retention/fake.h"

using namespace lethe;
using namespace lethe::retention;
using namespace lethe::retention::test;

namespace {

using Outcome = PolicyStanding::Outcome;

Policy file(const std::string& archive, const std::string& letterbox = "7d", const std::string& notice = "14d", const std::string& comment = "") {
    auto policy = parse_policy("# " + comment + "\n[service]\nname = \"A\"\noperator = \"B\"\ncontact = [\"xmpp:b\"]\n[archive]\nkeep = \"" + archive +
                                   "\"\n[letterbox]\nkeep = \"" + letterbox + "\"\n[log]\nkeep = \"0\"\n[change]\nnotice = \"" + notice + "\"\n",
                               "policy.toml");
    REQUIRE(policy.has_value());
    return std::move(*policy);
}

std::string archive(const PolicyStanding& standing) { return to_string(standing.in_force().archive); }
std::string letterbox(const PolicyStanding& standing) { return to_string(standing.in_force().letterbox); }

/// What a restart finds.
PolicyStanding reread(const PolicyStanding& standing) {
    auto read = PolicyStanding::decode(standing.encode());
    REQUIRE_MESSAGE(read.has_value(), (read ? "" : read.error()));
    CHECK(read->encode() == standing.encode());
    return std::move(*read);
}

/// The only change there is to tell.
KeyChange one_of(const std::optional<PolicyStanding::News>& news) {
    REQUIRE(news);
    REQUIRE(news->changes.size() == 1);
    return news->changes[0].change;
}

constexpr Time t0 = some_hour;

}  // namespace

TEST_SUITE("retention/policy_change") {
    TEST_CASE("the first policy is in force, byte for byte, and nobody has to be told") {
        const auto standing = reread(PolicyStanding::first(file("7d", "7d", "14d", "hello")));
        CHECK(standing.in_force().text == file("7d", "7d", "14d", "hello").text);
        CHECK_FALSE(standing.announced());
        CHECK(standing.serial() == 0);
        CHECK_FALSE(standing.news_since(0));
    }

    TEST_CASE("a tighter policy acts at once and is not announced") {
        auto standing = PolicyStanding::first(file("7d"));
        CHECK(standing.offer(file("1d"), t0) == Outcome::in_force);
        CHECK(archive(standing) == "1d");
        CHECK(standing.in_force().text == file("1d").text);
        CHECK_FALSE(standing.announced());
        CHECK_FALSE(standing.news_since(0));
        CHECK(standing.offer(file("1d"), t0) == Outcome::nothing);
    }

    TEST_CASE("a looser policy acts at the end of the notice, not a microsecond before") {
        auto standing = PolicyStanding::first(file("7d"));
        CHECK(standing.offer(file("30d"), t0) == Outcome::announced);
        REQUIRE(standing.announced());
        CHECK(standing.announced()->serial == 1);
        CHECK(standing.announced()->effective_at == t0 + 14 * day);
        CHECK(archive(standing) == "7d");
        CHECK(standing.in_force().text == file("7d").text);
        standing = reread(standing);
        CHECK_FALSE(standing.advance(t0 + 14 * day - 1));
        CHECK(archive(standing) == "7d");
        CHECK(standing.advance(t0 + 14 * day));
        CHECK(archive(standing) == "30d");
        CHECK(standing.in_force().text == file("30d").text);
        CHECK_FALSE(standing.announced());
        CHECK_FALSE(standing.advance(t0 + 15 * day));
        CHECK(archive(reread(standing)) == "30d");
    }

    TEST_CASE("of a mixed change the tighter part acts at once, and coming back from it is a loosening of its own") {
        auto standing = PolicyStanding::first(file("7d", "7d"));
        CHECK(standing.offer(file("30d", "1d"), t0) == Outcome::announced);
        CHECK(archive(standing) == "7d");
        CHECK(letterbox(standing) == "1d");
        standing = reread(standing);
        CHECK(standing.offer(file("7d", "7d"), t0 + day) == Outcome::announced);
        CHECK(letterbox(standing) == "1d");
        CHECK(standing.announced()->effective_at == t0 + 15 * day);
    }

    TEST_CASE("without notice a looser policy acts at once, and users are told all the same") {
        auto standing = PolicyStanding::first(file("7d", "7d", "0"));
        CHECK(standing.offer(file("30d", "7d", "0"), t0) == Outcome::in_force);
        CHECK(archive(standing) == "30d");
        CHECK_FALSE(standing.announced());
        REQUIRE(standing.news_since(0));
        CHECK(standing.news_since(0)->changes[0].effective_at == t0);
        CHECK_FALSE(standing.news_since(0)->changes[0].waits);
        CHECK_FALSE(reread(standing).news_since(1));
    }

    TEST_CASE("a file cannot shorten its own notice") {
        auto standing = PolicyStanding::first(file("7d", "7d", "14d"));
        CHECK(standing.offer(file("7d", "7d", "0"), t0) == Outcome::announced);
        CHECK(standing.offer(file("30d", "7d", "0"), t0 + day) == Outcome::announced);
        CHECK(standing.announced()->effective_at == t0 + 15 * day);
        CHECK(to_string(standing.in_force().change_notice) == "14d");
    }

    TEST_CASE("a longer notice holds for the next change, not for the one it comes with") {
        auto standing = PolicyStanding::first(file("7d", "7d", "1d"));
        CHECK(standing.offer(file("30d", "7d", "14d"), t0) == Outcome::announced);
        CHECK(standing.announced()->effective_at == t0 + day);
        CHECK(standing.offer(file("60d", "7d", "14d"), t0 + hour) == Outcome::announced);
        CHECK(standing.announced()->effective_at == t0 + hour + 14 * day);
    }

    TEST_CASE("a further loosening starts the notice again; taking part of it back keeps the date, and nobody is told again") {
        auto standing = PolicyStanding::first(file("7d"));
        standing.offer(file("30d"), t0);
        CHECK(standing.offer(file("20d"), t0 + day) == Outcome::announced);
        CHECK(standing.announced()->effective_at == t0 + 14 * day);
        CHECK(standing.announced()->serial == 1);
        CHECK_FALSE(standing.news_since(1));
        CHECK(one_of(standing.news_since(0)) == KeyChange{"archive.keep", "\"7d\"", "\"20d\"", Turn::looser});
        CHECK(standing.offer(file("40d"), t0 + 2 * day) == Outcome::announced);
        CHECK(standing.announced()->effective_at == t0 + 16 * day);
        CHECK(standing.announced()->serial == 2);
        // Somebody told of the first, or of nothing, learns the whole, against what held before all of them.
        for (const std::uint32_t told : {0u, 1u}) {
            const auto news = reread(standing).news_since(told);
            CHECK(one_of(news) == KeyChange{"archive.keep", "\"7d\"", "\"40d\"", Turn::looser});
            CHECK(news->changes[0].effective_at == t0 + 16 * day);
            CHECK(news->changes[0].waits);
            CHECK_FALSE(news->withdrawn);
        }
        CHECK_FALSE(standing.news_since(2));
        CHECK(archive(standing) == "7d");
    }

    TEST_CASE("what promises nothing, or becomes tighter, tells nobody anew while a change waits") {
        auto standing = PolicyStanding::first(file("7d", "7d"));
        standing.offer(file("30d", "7d"), t0);
        auto named = file("30d", "1d");
        named.service.name = "Another name";
        CHECK(standing.offer(std::move(named), t0 + day) == Outcome::announced);
        CHECK(standing.in_force().service.name == "Another name");
        CHECK(letterbox(standing) == "1d");
        CHECK(standing.serial() == 1);
        CHECK_FALSE(standing.news_since(1));
        CHECK(one_of(standing.news_since(0)).key == "archive.keep");
        standing.advance(t0 + 14 * day);
        CHECK(letterbox(standing) == "1d");
        CHECK(archive(standing) == "30d");
    }

    TEST_CASE("a change that is taken back during its notice never happens; only who was told of it is told of that") {
        auto standing = PolicyStanding::first(file("7d"));
        standing.offer(file("30d"), t0);
        CHECK(standing.news_since(0));
        CHECK(standing.offer(file("7d"), t0 + day) == Outcome::in_force);
        CHECK_FALSE(standing.announced());
        standing = reread(standing);
        CHECK_FALSE(standing.news_since(0));
        REQUIRE(standing.news_since(1));
        CHECK(standing.news_since(1)->withdrawn);
        CHECK(standing.news_since(1)->changes.empty());
        CHECK_FALSE(standing.news_since(standing.serial()));
        CHECK_FALSE(standing.advance(t0 + 30 * day));
        CHECK(archive(standing) == "7d");
        CHECK(standing.offer(file("30d"), t0 + 30 * day) == Outcome::announced);
        CHECK(standing.serial() == 3);  // a serial number is not used twice
        CHECK(standing.news_since(1)->withdrawn);
        CHECK(one_of(standing.news_since(1)).key == "archive.keep");
        CHECK_FALSE(standing.news_since(2)->withdrawn);
    }

    TEST_CASE("who was told of an announcement that another one took the place of learns of the withdrawal of that one") {
        auto standing = PolicyStanding::first(file("7d"));
        standing.offer(file("30d"), t0);
        standing.offer(file("40d"), t0);
        standing.offer(file("7d"), t0);
        CHECK_FALSE(standing.news_since(0));
        for (const std::uint32_t told : {1u, 2u}) CHECK(reread(standing).news_since(told)->withdrawn);
        CHECK_FALSE(standing.news_since(3));
    }

    TEST_CASE("what waits is told against what is in force, and an account made meanwhile is told of it") {
        auto standing = PolicyStanding::first(file("7d", "7d", "1d"));
        CHECK(standing.serial_for_new_accounts() == 0);
        standing.offer(file("30d", "7d", "1d"), t0);
        CHECK(one_of(standing.news_since(standing.serial_for_new_accounts())).to == "\"30d\"");
        standing.advance(t0 + day);
        CHECK_FALSE(standing.news_since(standing.serial_for_new_accounts()));
        standing.offer(file("60d", "7d", "1d"), t0 + 2 * day);
        const auto news = standing.news_since(0);
        REQUIRE(news);
        REQUIRE(news->changes.size() == 2);
        CHECK(news->changes[0].change == KeyChange{"archive.keep", "\"7d\"", "\"30d\"", Turn::looser});
        CHECK_FALSE(news->changes[0].waits);
        CHECK(news->changes[1].change == KeyChange{"archive.keep", "\"30d\"", "\"60d\"", Turn::looser});
        CHECK(news->changes[1].waits);
        CHECK(one_of(standing.news_since(standing.serial_for_new_accounts())).from == "\"30d\"");
    }

    TEST_CASE("what was loosened and then tightened again is no news, and each change has its own date") {
        auto standing = PolicyStanding::first(file("7d", "7d", "1d"));
        standing.offer(file("30d", "7d", "1d"), t0);
        standing.advance(t0 + day);
        standing.offer(file("30d", "30d", "1d"), t0 + 2 * day);
        const auto news = reread(standing).news_since(0);
        REQUIRE(news);
        REQUIRE(news->changes.size() == 2);
        CHECK(news->changes[0].effective_at == t0 + day);
        CHECK_FALSE(news->changes[0].waits);
        CHECK(news->changes[1].effective_at == t0 + 3 * day);
        CHECK(news->changes[1].waits);
        standing.offer(file("7d", "7d", "1d"), t0 + 2 * day + hour);
        CHECK_FALSE(standing.news_since(0));
        CHECK(standing.news_since(2)->withdrawn);
    }

    TEST_CASE("the same file, or the same in other words, is no new announcement") {
        auto standing = PolicyStanding::first(file("7d"));
        standing.offer(file("30d"), t0);
        CHECK(standing.offer(file("30d"), t0 + day) == Outcome::nothing);
        CHECK(standing.offer(file("30d", "7d", "14d", "said better"), t0 + day) == Outcome::nothing);
        CHECK(standing.announced()->serial == 1);
        CHECK(standing.announced()->effective_at == t0 + 14 * day);
        standing.advance(t0 + 14 * day);
        CHECK(standing.in_force().text == file("30d", "7d", "14d", "said better").text);
    }

    TEST_CASE("somebody who was away for two changes is told of both together") {
        auto standing = PolicyStanding::first(file("7d", "7d", "1d"));
        standing.offer(file("30d", "7d", "1d"), t0);
        standing.advance(t0 + day);
        standing.offer(file("30d", "30d", "1d"), t0 + 2 * day);
        const auto news = reread(standing).news_since(0);
        REQUIRE(news);
        CHECK(news->changes.size() == 2);
        CHECK(standing.news_since(1)->changes.size() == 1);
        // Everything taken back later by a tighter file: what was in force stays told, what never was is not.
        standing.offer(file("30d", "7d", "1d"), t0 + 2 * day + hour);
        CHECK(standing.news_since(0)->changes.size() == 1);
        CHECK_FALSE(standing.news_since(1));
    }

    TEST_CASE("whatever files come and go, nothing is ever looser than what the notice allows") {
        std::mt19937 random(3);
        const char* const keeps[] = {"0", "1d", "7d", "30d", "unlimited"};
        const char* const notices[] = {"0", "1h", "1d"};
        for (int run = 0; run < 200; ++run) {
            auto standing = PolicyStanding::first(file("7d", "7d", "1d"));
            Time now = t0;
            for (int i = 0; i < 12; ++i) {
                now += static_cast<Time>(random() % (20 * static_cast<unsigned>(3600))) * second;
                const Policy before = standing.in_force();
                const auto due = standing.announced();
                if (standing.advance(now)) CHECK(now >= due->effective_at);
                const Policy at = standing.in_force();
                const Policy next = file(keeps[random() % 5], keeps[random() % 5], notices[random() % 3]);
                const auto outcome = standing.offer(next, now);
                if (at.change_notice.stored()) CHECK_FALSE(loosens(changes(at, standing.in_force())));
                if (outcome == Outcome::announced) CHECK(standing.announced()->effective_at > now);
                if (standing.announced()) CHECK(loosens(changes(standing.in_force(), standing.announced()->policy)));
                if (standing.announced() && due && standing.announced()->effective_at < now + at.change_notice.micros)
                    CHECK_FALSE(loosens(changes(due->policy, standing.announced()->policy)));
                standing = reread(standing);
            }
        }
    }

    TEST_CASE("what is not a standing is refused") {
        auto standing = PolicyStanding::first(file("7d"));
        standing.offer(file("30d"), t0);
        const Bytes good = standing.encode();
        for (std::size_t size = 0; size < good.size(); ++size) CHECK_FALSE(PolicyStanding::decode(ByteView(good).first(size)).has_value());
        Bytes longer(good.size() + 1);  // g++ 14 takes push_back() on a copy for an overflow
        std::ranges::copy(good, longer.begin());
        CHECK_FALSE(PolicyStanding::decode(longer).has_value());
        Bytes other = good;
        other[0] = 1;
        CHECK(PolicyStanding::decode(other).error().find("another form") != std::string::npos);
        Bytes broken = good;
        broken[12] ^= 0x40;
        CHECK_FALSE(PolicyStanding::decode(broken).has_value());
    }
}
