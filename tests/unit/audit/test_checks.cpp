// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "retention/buckets.h"
#include "retention/catalogue.h"
#include "tools/audit/deadlines.h"
#include "tools/audit/even.h"
#include "tools/audit/logs.h"
#include "tools/audit/tree.h"

using namespace lethe;
using namespace lethe::audit;
using retention::Keep;
using store::BucketSpan;

namespace {

constexpr Time second = 1'000'000, hour = 3600 * second, day = 24 * hour;
constexpr Time now = 20'000 * day;

Keep keep(Time micros) { return {.micros = micros}; }
bool fine(const BucketSpan& span, const Keep& k, Time at = now) { return !span_fault(span, k, at); }

Bytes random_bytes(std::size_t size, unsigned seed) {
    std::mt19937 source(seed);
    Bytes out(size);
    for (auto& byte : out) byte = static_cast<std::uint8_t>(source());
    return out;
}

}  // namespace

TEST_SUITE("audit/deadlines") {
    TEST_CASE("an invitation is fine until its deadline, if the policy knows invitations and lets them last so long") {
        retention::Policy policy;
        policy.registration = "invite";
        policy.invitations = keep(7 * day);
        const auto good = [&](Time deadline) { return !invitation_fault(deadline, policy, now); };
        CHECK(good(now));
        CHECK(good(now + 7 * day));
        CHECK(good(now - grace));
        CHECK_FALSE(good(now - grace - 1));
        CHECK_FALSE(good(now + 7 * day + grace + 1));
        CHECK_FALSE(good(-1));
        CHECK_FALSE(good(INT64_MAX));
        policy.registration = "closed";
        CHECK_FALSE(good(now + day));
    }

    TEST_CASE("every span that the server makes is fine from its first moment to its deadline") {
        for (const Time r : {second, 20 * second, 30 * second, hour, day, 7 * day, 90 * day})
            for (const Time ago : {Time{0}, r / 2, r - r / 24 - second})
                if (ago >= 0) CHECK(fine(retention::span_at(keep(r), now - ago), keep(r)));
    }
    TEST_CASE("every span that a shorter policy leaves is fine, whenever the policy came") {
        for (const Time before : {hour, day, 30 * day})
            for (const Time after : {10 * second, hour / 2, hour - second, 20 * hour})
                for (const Time cut : {Time{0}, Time{1}, before / 48 + 1, before / 24}) {
                    if (after >= before) continue;
                    auto span = retention::span_at(keep(before), now - after / 2);
                    span.end = std::min(span.end, span.start + cut);
                    span.deadline = std::min(span.deadline, span.end + after);
                    if (span.deadline >= now && span.end <= now) CHECK(fine(span, keep(after)));
                }
    }
    TEST_CASE("a span made under a shorter policy is fine after it became longer") {
        CHECK(fine(retention::span_at(keep(hour), now), keep(day)));
    }
    TEST_CASE("a deadline later than its span and the policy allow is not fine") {
        const auto made = retention::span_at(keep(day), now);
        for (const Time by : {Time{1}, second, hour, 10 * day}) {
            auto span = made;
            span.deadline += by;
            CHECK_FALSE(fine(span, keep(day)));
        }
        auto moved = made;
        moved.start += 10 * day, moved.end += 10 * day, moved.deadline += 10 * day;
        CHECK_FALSE(fine(moved, keep(day)));
        auto endless = made;
        endless.deadline = store::no_deadline;
        CHECK_FALSE(fine(endless, keep(day)));
        CHECK(fine(endless, {.unlimited = true}));
    }
    TEST_CASE("while only a server's records tell the time, both what is overdue and what is too long are judged for the earliest and the latest it can be") {
        const auto span = retention::span_at(keep(hour), now);
        CHECK(fine(span, keep(hour)));
        CHECK_FALSE(fine(span, keep(hour), now - 5 * second * 60));
        CHECK_FALSE(span_fault(span, keep(hour), {now - 300 * second, now}));
        CHECK_FALSE(span_fault(span, keep(hour), {span.deadline, span.deadline + hour}));
        CHECK(span_fault(span, keep(hour), {span.deadline + grace + 1, span.deadline + hour}));
    }
    TEST_CASE("what a clock that ran ahead left behind is fine after it was put back and accepted, for a lifetime from then") {
        auto bucket = retention::span_at(keep(day), now + 1000 * day);
        CHECK_FALSE(fine(bucket, keep(day)));
        bucket.end = now;
        bucket.deadline = now + day;
        CHECK(fine(bucket, keep(day)));
        CHECK(fine(bucket, keep(day), now + hour));
        CHECK_FALSE(fine(bucket, keep(day), now - hour));
        bucket.deadline += 1;
        CHECK_FALSE(fine(bucket, keep(day), now + hour));
        auto log = retention::span_at(keep(day), now + 1000 * day);
        log.deadline = now + day;
        CHECK(fine(log, keep(day)));
        log.deadline += 11 * second;
        CHECK_FALSE(fine(log, keep(day)));
    }
    TEST_CASE("what is past its deadline is not fine, once the sweeper had its moment") {
        const auto span = retention::span_at(keep(hour), now);
        CHECK(fine(span, keep(hour), span.deadline));
        CHECK(fine(span, keep(hour), span.deadline + grace));
        CHECK_FALSE(fine(span, keep(hour), span.deadline + grace + 1));
        CHECK_FALSE(fine(span, {.unlimited = true}, span.deadline + grace + 1));
    }
    TEST_CASE("a class of which nothing is stored has no span") { CHECK_FALSE(fine(retention::span_at(keep(day), now), Keep{})); }
    TEST_CASE("numbers that are no times are said to be none, and do no harm") {
        constexpr Time most = INT64_MAX, least = INT64_MIN;
        for (const Time start : {least, Time{-1}, now, most})
            for (const Time end : {least, now - 1, most})
                for (const Time deadline : {least, Time{0}, most - 1, most}) CHECK_FALSE(fine({start, end, deadline}, keep(day)));
    }
}

TEST_SUITE("audit/even") {
    TEST_CASE("random bytes are even and hold no text") {
        for (unsigned seed = 0; seed < 300; ++seed) {
            const auto bytes = random_bytes(20'000, seed);
            Histogram histogram;
            histogram.add(bytes);
            CHECK(looks_even(histogram));
            CHECK_FALSE(find_text(bytes));
        }
    }
    TEST_CASE("text, base64, a code without its top bit and zeros are not even") {
        for (const unsigned mask : {0x7fU, 0x3fU, 0xfeU, 0U}) {
            auto bytes = random_bytes(20'000, mask);
            for (auto& byte : bytes) byte = static_cast<std::uint8_t>(byte & mask);
            Histogram histogram;
            histogram.add(bytes);
            CHECK_FALSE(looks_even(histogram));
        }
    }
    TEST_CASE("a run of 32 printable characters is found wherever it stands, one of 31 is not") {
        for (const std::size_t at : {0UL, 1UL, 500UL, 1000UL - 32}) {
            Bytes bytes(1000, 0x80);
            std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), 31, std::uint8_t{'a'});
            CHECK_FALSE(find_text(bytes));
            bytes[at + 31] = 'b';
            CHECK(find_text(bytes) == at);
        }
    }
    TEST_CASE("too few bytes say nothing") {
        Histogram histogram;
        histogram.add(Bytes(least_bytes - 1, 0));
        CHECK(looks_even(histogram));
        histogram.add(Bytes(1, 0));
        CHECK_FALSE(looks_even(histogram));
    }
}

TEST_SUITE("audit/logs") {
    constexpr std::string_view time = "2026-11-22T18:00:59Z ";
    const BucketSpan span{.start = 1'795'370'400 * second, .end = 1'795'374'000 * second, .deadline = store::no_deadline};

    TEST_CASE("a line that the server writes under the policy is fine") {
        retention::Policy policy;
        policy.log.keep = keep(day);
        policy.log.address = retention::Treatment::network;
        Keep found;
        for (const std::string line : {"server_started", "login address=192.0.2.0/24 mechanism=SCRAM-SHA-1", "bucket_destroyed buckets=3"})
            CHECK(line_fault(std::string(time) + line, policy, span, found) == std::nullopt);
        CHECK(found == keep(day));
    }
    TEST_CASE("what the policy does not permit is named without being repeated") {
        retention::Policy policy;
        policy.log.keep = keep(day);
        Keep found;
        for (const std::string line : {"login address=192.0.2.7", "login account=alice@chat.example", "alice came", "login reason=x", "login mechanism=",
                                       "bucket_destroyed buckets=alice", "session_closed reason=alice@chat.example", "session_closed reason=192.0.2.7"}) {
            const auto fault = line_fault(std::string(time) + line, policy, span, found);
            CHECK_MESSAGE(fault, line);
            if (fault) {
                CHECK(fault->find("alice") == std::string::npos);
                CHECK(fault->find("192") == std::string::npos);
            }
        }
        CHECK(line_fault("alice@chat.example.x server_started", policy, span, found));
        CHECK(line_fault("2026-02-30T18:00:59Z server_started", policy, span, found));
        CHECK(line_fault("2026-11-21T18:00:59Z server_started", policy, span, found));
    }
    TEST_CASE("an event that the policy does not keep is not fine") {
        retention::Policy policy;
        policy.log.keep = keep(day);
        policy.log_events.emplace_back("login", retention::LogRules{});
        Keep found;
        CHECK(line_fault(std::string(time) + "login mechanism=PLAIN", policy, span, found));
        CHECK_FALSE(line_fault(std::string(time) + "server_started", policy, span, found));
    }
}

TEST_SUITE("audit/tree") {
    Kind kind(std::string_view path) {
        crypto::ClassId cls{};
        std::uint32_t number = 0;
        return kind_of(path, cls, number);
    }
    TEST_CASE("every place below DATA that the catalogue names is known, and every place that is known stands in it") {
        std::string all;
        for (const auto& row : retention::catalogue({})) all += std::string(row.where) + '\n';
        for (const auto k : {Kind::lock, Kind::state, Kind::environment_lock, Kind::keyring, Kind::bucket, Kind::log_file, Kind::ledger, Kind::clock, Kind::control})
            CHECK_MESSAGE(all.find(catalogue_place(k)) != std::string::npos, catalogue_place(k));
        for (std::size_t at = all.find("DATA/"); at != std::string::npos; at = all.find("DATA/", at + 1)) {
            auto named = all.substr(at + 5, all.find_first_of(", \n", at) - at - 5);
            for (const auto& [sign, value] : {std::pair{"CLASS", "archive"}, {"NUMBER", "7"}, {"START", "1"}, {"END", "2"}, {"DEADLINE", "3"}})
                if (const auto found = named.find(sign); found != std::string::npos) named.replace(found, std::string_view(sign).size(), value);
            CHECK_MESSAGE(kind(named) != Kind::foreign, named);
        }
    }
    TEST_CASE("names that are almost right are foreign") {
        for (const auto* name : {"state.mdb2", "buckets/archive/01.mdb", "buckets/archive/1.mdb.bak", "buckets/archive/-1.mdb", "buckets/Archive",
                                 "buckets/archive/4294967296.mdb", "buckets/archive/1/2.mdb", "log/x.log", "log/1-2-3.log", "log/01-2-3-4.log", "run/other",
                                 "lock/x", "buckets/1.mdb", "../state.mdb", "buckets//1.mdb"})
            CHECK_MESSAGE(kind(name) == Kind::foreign, name);
        CHECK(kind("buckets/archive/0.mdb") == Kind::bucket);
        CHECK(kind("buckets/archive/12.mdb-lock") == Kind::environment_lock);
    }
}
