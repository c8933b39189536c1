// SPDX-License-Identifier: AGPL-3.0-or-later
// Slots: once, for a while, within a day's quota of each account.
#include "server/core/uploads.h"

#include <doctest/doctest.h>

using namespace lethe;
using core::Uploads;
using Refusal = Uploads::Refusal;

namespace {

const xmpp::BareJid romeo = *xmpp::BareJid::parse("romeo@chat.example"), juliet = *xmpp::BareJid::parse("juliet@chat.example");
const bool ready = crypto::initialise().has_value();
constexpr std::uint64_t kib = 1024;
constexpr Uploads::Limits limits{.max_size = 100 * kib, .quota_per_day = 250 * kib};
const Uploads::Clock::time_point start{std::chrono::hours(1000)};

std::string put_of(Uploads& uploads, const xmpp::BareJid& who, std::uint64_t size, Uploads::Clock::time_point now) {
    REQUIRE(ready);
    const auto tokens = uploads.issue(who, size, "text/plain", limits, now);
    REQUIRE(tokens.has_value());
    return tokens->put;
}

}  // namespace

TEST_SUITE("core/uploads") {
    TEST_CASE("a slot is found until its time, taken once, and gives the other token's text") {
        Uploads uploads;
        const auto tokens = uploads.issue(romeo, 7, "text/plain", limits, start);
        REQUIRE(tokens.has_value());
        CHECK(tokens->put != tokens->get);
        CHECK(uploads.find(tokens->get, start) == nullptr);
        const auto* slot = uploads.find(tokens->put, start + Uploads::slot_time - std::chrono::seconds(1));
        REQUIRE(slot != nullptr);
        CHECK(slot->size == 7);
        CHECK(slot->type == "text/plain");
        CHECK(uploads.find(tokens->put, start + Uploads::slot_time) == nullptr);
        CHECK(to_text(uploads.take(tokens->put).token) == tokens->get);
        CHECK(uploads.find(tokens->put, start) == nullptr);
    }

    TEST_CASE("a file has a largest size and a day a quota, of each account") {
        Uploads uploads;
        CHECK(uploads.issue(romeo, 100 * kib + 1, "", limits, start).error() == Refusal::too_large);
        put_of(uploads, romeo, 100 * kib, start);
        put_of(uploads, romeo, 100 * kib, start);
        CHECK(uploads.issue(romeo, 50 * kib + 1, "", limits, start).error() == Refusal::quota);
        put_of(uploads, romeo, 50 * kib, start);
        const auto refused = uploads.issue(romeo, 1, "", limits, start + std::chrono::hours(23)).error();
        CHECK(refused == Refusal::quota);
        CHECK(refused.retry_in == std::chrono::hours(1));
        put_of(uploads, juliet, 100 * kib, start);
        put_of(uploads, romeo, 100 * kib, start + std::chrono::hours(24));
    }

    TEST_CASE("a quota that shrank below what was used is used up") {
        Uploads uploads;
        put_of(uploads, romeo, 100 * kib, start);
        CHECK(uploads.issue(romeo, 1, "", {.max_size = 100 * kib, .quota_per_day = 50 * kib}, start).error() == Refusal::quota);
    }

    TEST_CASE("so many slots may wait, and those that ran out wait no longer") {
        Uploads uploads;
        for (std::size_t i = 0; i < Uploads::most_slots_per_account; ++i) put_of(uploads, romeo, 1, start);
        CHECK(uploads.issue(romeo, 1, "", limits, start).error() == Refusal::too_many);
        put_of(uploads, juliet, 1, start);
        put_of(uploads, romeo, 1, start + Uploads::slot_time);
    }

    TEST_CASE("an account that is gone has no slot, and the next one of its name begins anew") {
        Uploads uploads;
        std::vector<std::string> gone;
        for (std::size_t i = 0; i < Uploads::most_slots_per_account; ++i) gone.push_back(put_of(uploads, romeo, 1, start));
        const auto kept = put_of(uploads, juliet, 1, start);
        uploads.forget(romeo);
        for (const auto& put : gone) CHECK(uploads.find(put, start) == nullptr);
        CHECK(uploads.find(kept, start) != nullptr);
        put_of(uploads, romeo, 100 * kib, start);
        put_of(uploads, romeo, 100 * kib, start);
        // The old ones' time comes, and takes away no new one's.
        put_of(uploads, juliet, 1, start + Uploads::slot_time);
    }

    TEST_CASE("a small file counts as what it takes at least; a quota below that is for one of them") {
        Uploads uploads;
        const Uploads::Limits two{.max_size = 100, .quota_per_day = 2 * Uploads::least_charge}, less{.max_size = 100, .quota_per_day = 100};
        CHECK(uploads.issue(romeo, 1, "", two, start).has_value());
        CHECK(uploads.issue(romeo, 1, "", two, start).has_value());
        CHECK(uploads.issue(romeo, 1, "", two, start).error() == Refusal::quota);
        CHECK(uploads.issue(juliet, 1, "", less, start).has_value());
        CHECK(uploads.issue(juliet, 1, "", less, start).error() == Refusal::quota);
    }

    TEST_CASE("all accounts together may wait with so many slots, and a slot that was used is no more one of them") {
        Uploads uploads;
        const auto account = [](std::size_t i) { return *xmpp::BareJid::parse("user" + std::to_string(i) + "@chat.example"); };
        std::string last;
        for (std::size_t i = 0; i < Uploads::most_slots; ++i) last = put_of(uploads, account(i / Uploads::most_slots_per_account), 1, start);
        CHECK(uploads.issue(juliet, 1, "", limits, start).error() == Refusal::too_many);
        uploads.take(last);
        put_of(uploads, juliet, 1, start);
        CHECK(uploads.issue(romeo, 1, "", limits, start).error() == Refusal::too_many);
        // Taking one again when its time comes must take away no other's.
        put_of(uploads, romeo, 1, start + Uploads::slot_time);
    }
}
