// SPDX-License-Identifier: AGPL-3.0-or-later
// Pages across the classes of an owner who changed the choice of retention, against a plain list in order of receipt.
#include "server/core/log_reader.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "retention/choice.h"
#include "server/core/logs.h"
#include "tests/unit/retention/world.h"

using namespace lethe;
using namespace lethe::core;
using namespace lethe::retention;
using namespace lethe::retention::test;
using crypto::ClassId;

namespace {

Policy with_choices(const char* archive = "7d") {
    Policy policy = keeps(archive);
    for (const char* choice : {"7d", "1d", "1h", "0"}) policy.archive_choices.push_back(kept(choice));
    return policy;
}

/// An account whose archive is written as its choice and the clock change.
struct Owner {
    World world{with_choices()};
    crypto::AccountId id{};
    crypto::VaultSecret secret = crypto::VaultSecret::generate();
    std::shared_ptr<const crypto::Vault> vault = std::make_shared<const crypto::Vault>(id, secret);
    Logs logs{*world.store, node_keys(), *world.buckets, world.clock};
    LogWriter writer;
    std::vector<crypto::ArchivePlace> written;  ///< in order of receipt

    Owner() {
        writer.id = id;
        writer.owner = vault->public_key();
    }

    void writes(int count, const char* choice, Time apart = minute) {
        writer.archive_choice = recorded(kept(choice));
        for (int i = 0; i < count; ++i) {
            Change change;
            crypto::LogEntry entry;
            entry.received = logs.stamp(writer);
            entry.peer = "juliet@capulet.example";
            entry.stanza = std::to_string(written.size());
            const auto place = logs.archive(change, writer, entry);
            REQUIRE(place.has_value());
            written.push_back({*place, entry.received});
            world.store->write(std::move(change.batch), [headers = std::move(change.headers)](store::Result result) {
                CHECK(result.has_value());
                for (const auto& confirmed : headers) *confirmed = true;
            });
            world.clock.time += apart;
        }
        world.settle();
    }

    LogQuery query(bool backwards, std::size_t limit) const {
        LogQuery q{.vault = vault, .backwards = backwards, .limit = limit};
        for (const ClassId cls : world.buckets->classes())
            if (auto buckets = world.buckets->readable(cls); crypto::is_archive(cls) && !buckets.empty())
                q.sources.push_back({.cls = cls, .buckets = std::move(buckets)});
        return q;
    }
    void start_at(LogQuery& q, const crypto::ArchivePlace& from) const {
        q.from = from;
        for (auto& source : q.sources)
            if (source.cls == from.place.cls) (q.backwards ? source.before : source.after) = from.place;
    }
    std::vector<std::string> read(const LogQuery& q) const {
        const LogPage page = read_log(*world.store, q);
        CHECK_FALSE(page.failed);
        CHECK(page.unreadable == 0);
        std::vector<std::string> out;
        for (const auto& item : page.items) out.push_back(item.entry.stanza);
        return out;
    }
    /// The numbers first, first + step, … of `count` entries.
    static std::vector<std::string> numbers(std::ptrdiff_t first, std::size_t count, int step) {
        std::vector<std::string> out;
        for (std::size_t i = 0; i < count; ++i) out.push_back(std::to_string(first + static_cast<std::ptrdiff_t>(i) * step));
        return out;
    }
};

struct Changed : Owner {
    Changed() {
        writes(5, "7d");
        writes(7, "1d");
        writes(3, "1h", second);
        writes(80, "1d", second);  // more than is read from the disk at once
        writes(4, "7d");
        writes(2, "1d");
    }
};

}  // namespace

TEST_SUITE("core/log_reader") {
    TEST_CASE("entries of several classes come in order of receipt, in both directions") {
        const Changed owner;
        const auto total = owner.written.size();
        CHECK(owner.query(false, 1).sources.size() == 3);
        CHECK(owner.read(owner.query(false, 1000)) == Owner::numbers(0, total, 1));
        CHECK(owner.read(owner.query(true, 1000)) == Owner::numbers(static_cast<std::ptrdiff_t>(total) - 1, total, -1));
    }

    TEST_CASE("after and before any entry comes exactly what lies there, whatever its class") {
        const Changed owner;
        const auto total = owner.written.size();
        for (std::size_t at = 0; at < total; ++at) {
            CAPTURE(at);
            auto onward = owner.query(false, 1000), back = owner.query(true, 1000);
            owner.start_at(onward, owner.written[at]);
            owner.start_at(back, owner.written[at]);
            CHECK(owner.read(onward) == Owner::numbers(static_cast<std::ptrdiff_t>(at) + 1, total - at - 1, 1));
            CHECK(owner.read(back) == Owner::numbers(static_cast<std::ptrdiff_t>(at) - 1, at, -1));
        }
    }

    TEST_CASE("jobs that go on from each other miss nothing and repeat nothing") {
        const Changed owner;
        const auto total = owner.written.size();
        for (const bool backwards : {false, true})
            for (const std::size_t limit : {1u, 2u, 7u, 64u})
                for (const std::size_t scan : {4u, 50000u}) {
                    CAPTURE(backwards);
                    CAPTURE(limit);
                    CAPTURE(scan);
                    auto query = owner.query(backwards, limit);
                    query.max_scan = scan;
                    std::vector<std::string> got;
                    for (bool ended = false; !ended;) {
                        const LogPage page = read_log(*owner.world.store, query);
                        for (const auto& item : page.items) got.push_back(item.entry.stanza);
                        ended = page.ended;
                        query.go_on_from(page.reached);
                        REQUIRE(got.size() <= total);
                    }
                    CHECK(got == (backwards ? Owner::numbers(static_cast<std::ptrdiff_t>(total) - 1, total, -1) : Owner::numbers(0, total, 1)));
                }
    }

    TEST_CASE("an id whose bucket is gone still tells what came after it and what before") {
        Changed owner;
        // The buckets of "1h" reach their deadline; entries 12 to 14 were in it.
        owner.world.clock.time += hour;
        CHECK(owner.world.sweep() >= 1);
        const auto total = owner.written.size();
        auto expected = Owner::numbers(0, total, 1);
        expected.erase(expected.begin() + 12, expected.begin() + 15);
        CHECK(owner.read(owner.query(false, 1000)) == expected);
        for (std::size_t at = 12; at < 15; ++at) {
            CAPTURE(at);
            auto onward = owner.query(false, 1000), back = owner.query(true, 1000);
            owner.start_at(onward, owner.written[at]);
            owner.start_at(back, owner.written[at]);
            CHECK(owner.read(onward) == Owner::numbers(15, total - 15, 1));
            CHECK(owner.read(back) == Owner::numbers(11, 12, -1));
        }
    }

    TEST_CASE("what is past its time in one class is left out of that class alone") {
        const Changed owner;
        auto query = owner.query(false, 1000);
        for (auto& source : query.sources)
            if (source.cls == crypto::choice_class(day).value()) source.received_after = owner.written[20].received;
        auto expected = Owner::numbers(0, 5, 1);
        for (const auto& one : Owner::numbers(12, 3, 1)) expected.push_back(one);
        for (const auto& one : Owner::numbers(21, owner.written.size() - 21, 1)) expected.push_back(one);
        CHECK(owner.read(query) == expected);
    }

    TEST_CASE("a policy that changes in the middle, either way, leaves the order as it was") {
        Owner owner;
        owner.writes(10, "7d");
        for (const char* keep : {"2d", "30d", "1d"}) {
            owner.world.buckets->apply(with_choices(keep));
            owner.writes(10, "7d");
            owner.writes(10, "1h", second);
        }
        const auto total = owner.written.size();
        CHECK(owner.read(owner.query(false, 1000)) == Owner::numbers(0, total, 1));
        CHECK(owner.read(owner.query(true, 1000)) == Owner::numbers(static_cast<std::ptrdiff_t>(total) - 1, total, -1));
    }

    TEST_CASE("nothing is archived for who wants nothing archived") {
        Owner owner;
        owner.writer.archive_choice = 0;
        Change change;
        crypto::LogEntry entry;
        entry.received = owner.logs.stamp(owner.writer);
        CHECK_FALSE(owner.logs.archive(change, owner.writer, entry).has_value());
        CHECK(change.empty());
    }
}
