// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include <filesystem>

#include "tests/unit/retention/world.h"

using namespace lethe;
using namespace lethe::retention;
using namespace lethe::retention::test;
using crypto::ClassId;
namespace fs = std::filesystem;

TEST_SUITE("retention/buckets") {
    TEST_CASE("a class that stores nothing has no bucket") {
        World w(keeps("0", "1h", "0"));
        CHECK_FALSE(w.buckets->current(ClassId::archive));
        CHECK(w.buckets->current(ClassId::letterbox));
        CHECK_FALSE(w.buckets->current(ClassId::subscriptions));
        CHECK_FALSE(w.buckets->serves(ClassId::archive, w.clock.time));
        CHECK(w.buckets->keep(ClassId::letterbox) == kept("1h"));
    }

    TEST_CASE(
        "what arrives in one span goes into one bucket, on the grid, and what arrives at its END into the "
        "next") {
        World w(keeps("24h"));
        w.clock.time = some_hour + 20 * minute;
        const auto first = w.buckets->current(ClassId::archive);
        REQUIRE(first);
        CHECK(first->span == BucketSpan{some_hour, some_hour + hour, some_hour + day});
        w.clock.time = some_hour + hour - 1;
        CHECK(w.buckets->current(ClassId::archive) == first);
        w.clock.time = some_hour + hour;
        const auto second_one = w.buckets->current(ClassId::archive);
        REQUIRE(second_one);
        CHECK(second_one->id.number == first->id.number + 1);
        CHECK(second_one->span.start == some_hour + hour);
        w.settle();
        CHECK(w.on_disk(first->id) == first->span);
        CHECK(w.readable() == std::vector{first->id, second_one->id});
    }

    TEST_CASE("a write queued right after the bucket was asked for finds it") {
        World w(keeps("24h"));
        const auto open = w.buckets->current(ClassId::archive);
        store::Batch batch;
        const auto prefix = crypto::log_prefix(*open->key, {});
        batch.append(prefix,
                     {{ClassId::archive, open->id.number, 1, 0}, crypto::Sealed::from_disk(Bytes(64, 7))});
        bool done = false, good = false;
        w.store->write(std::move(batch), [&](store::Result r) { done = true, good = r.has_value(); });
        w.loop.run_until(done);
        CHECK(good);
        CHECK(w.store->entries(open->id, prefix, 1, 0, 10)->size() == 1);
    }

    TEST_CASE("classes do not share buckets") {
        World w(keeps("24h", "48h", "unlimited"));
        const BucketId archive = w.make(ClassId::archive), letterbox = w.make(ClassId::letterbox),
                       subs = w.make(ClassId::subscriptions);
        CHECK(w.readable(ClassId::archive) == std::vector{archive});
        CHECK(w.readable(ClassId::letterbox) == std::vector{letterbox});
        CHECK(w.readable(ClassId::subscriptions) == std::vector{subs});
        CHECK(w.buckets->next_deadline() == some_hour + day);
        CHECK(w.on_disk(subs).deadline == store::no_deadline);
    }

    TEST_CASE("a bucket is readable until its deadline and not at it, whether the sweeper came or not") {
        for (const Time offset : {Time{-1}, Time{0}, Time{1}}) {
            CAPTURE(offset);
            World w(keeps("24h"));
            const BucketId id = w.make();
            w.clock.time = some_hour + day + offset;
            const bool alive = offset < 0;
            CHECK(w.readable().size() == (alive ? 1 : 0));
            CHECK((w.buckets->find(id) != nullptr) == alive);
            CHECK(w.store->bucket_key(id).has_value());
            CHECK(w.buckets->next_deadline() == some_hour + day);
            CHECK(w.sweep() == (alive ? 0 : 1));
            CHECK(w.store->bucket_key(id).has_value() == alive);
            CHECK(w.buckets->next_deadline() == (alive ? some_hour + day : store::no_deadline));
        }
    }

    TEST_CASE("data is served until its own receipt plus R and not at it") {
        World w(keeps("24h", "unlimited"));
        for (const Time offset : {Time{-1}, Time{0}, Time{1}}) {
            CAPTURE(offset);
            CHECK(w.buckets->serves(ClassId::archive, w.clock.time - day - offset) == (offset < 0));
        }
        CHECK(w.buckets->serves(ClassId::archive, w.clock.time));
        CHECK(w.buckets->serves(ClassId::letterbox, 0));
    }

    TEST_CASE("a sweep destroys what is due and nothing else, and is over when the keys are dead") {
        World w(keeps("24h"));
        std::vector<BucketId> made;
        for (int i = 0; i < 5; ++i) {
            made.push_back(w.make());
            w.clock.time += hour;
        }
        w.clock.time = some_hour + day + 2 * hour;
        CHECK(w.readable() == std::vector{made[3], made[4]});
        CHECK(w.sweep() == 3);
        CHECK(w.readable() == std::vector{made[3], made[4]});
        for (int i = 0; i < 5; ++i)
            CHECK(w.store->bucket_key(made[static_cast<std::size_t>(i)]).has_value() == (i >= 3));
        w.wait_for([&] { return !fs::exists(w.file(made[2])); });
        CHECK(fs::exists(w.file(made[3])));
        CHECK(w.buckets->next_deadline() == some_hour + day + 3 * hour);
        CHECK(w.sweep() == 0);
        CHECK(w.alarms.empty());
    }

    TEST_CASE("two sweeps at once destroy each bucket once") {
        World w(keeps("24h"));
        w.make();
        w.clock.time += day;
        std::size_t first = 0, second_count = 0;
        bool one = false, two = false;
        w.buckets->sweep([&](std::size_t n) { first = n, one = true; });
        CHECK(w.buckets->next_deadline() == store::no_deadline);
        w.buckets->sweep([&](std::size_t n) { second_count = n, two = true; });
        w.loop.run_until(one);
        w.loop.run_until(two);
        CHECK(first == 1);
        CHECK(second_count == 0);
    }

    TEST_CASE(
        "a new process reads what earlier ones wrote, and writes into buckets of its own in the same span") {
        World w(keeps("24h"));
        const BucketId old = w.make();
        w.clock.time += minute;
        w.restart(keeps("24h"));
        CHECK(w.readable() == std::vector{old});
        const BucketId fresh = w.make();
        CHECK(fresh != old);
        CHECK(w.on_disk(fresh) == w.on_disk(old));
        CHECK(w.readable() == std::vector{old, fresh});
        w.clock.time = some_hour + day;
        CHECK(w.sweep() == 2);
    }

    TEST_CASE("what came due while no process ran is not read, and goes with the first sweep") {
        World w(keeps("24h"));
        const BucketId old = w.make();
        w.stop();
        w.clock.time = some_hour + day;
        w.start(keeps("24h"));
        CHECK(w.readable().empty());
        CHECK_FALSE(w.buckets->find(old));
        CHECK(w.buckets->next_deadline() <= w.clock.time);
        CHECK(w.sweep() == 1);
    }

    TEST_CASE("numbers are never used again, not even those of destroyed buckets") {
        World w(keeps("1s"));
        const BucketId first = w.make();
        w.clock.time += second;
        REQUIRE(w.sweep() == 1);
        w.restart(keeps("1s"));
        CHECK(w.make().number > first.number);
    }

    TEST_CASE("completions that arrive after its end do nothing") {
        World w(keeps("1s"));
        w.buckets->current(ClassId::archive);
        w.clock.time += second;
        w.buckets->sweep([](std::size_t) { FAIL("nobody is there to hear this"); });
        w.buckets.reset();
        w.settle();
        CHECK(w.alarms.empty());
    }
}

TEST_SUITE("retention/buckets and a new policy") {
    TEST_CASE("a shorter one: END is now if the span is not over, and DEADLINE counts from END") {
        World w(keeps("24h"));
        const BucketId id = w.make();
        Time end = some_hour + hour;
        SUBCASE("in the span") {
            w.clock.time = some_hour + 10 * minute;
            end = w.clock.time;
        }
        SUBCASE("at its END") { w.clock.time = some_hour + hour; }
        SUBCASE("after it") { w.clock.time = some_hour + 90 * minute; }
        w.restart(keeps("2h"));
        CHECK(w.buckets->next_deadline() == end + 2 * hour);
        CHECK(w.buckets->find(id)->span == BucketSpan{some_hour, end, end + 2 * hour});
        w.settle();
        CHECK(w.on_disk(id) == BucketSpan{some_hour, end, end + 2 * hour});
        // Going back to the longer one gives nothing back.
        w.restart(keeps("24h"));
        CHECK(w.buckets->next_deadline() == end + 2 * hour);
        w.clock.time = end + 2 * hour - 1;
        CHECK(w.readable() == std::vector{id});
        w.clock.time = end + 2 * hour;
        CHECK(w.readable().empty());
        CHECK(w.sweep() == 1);
    }

    TEST_CASE("a shorter one that the promise keeps anyway changes nothing") {
        World w(keeps("24h"));
        const BucketId id = w.make();
        const BucketSpan before = w.on_disk(id);
        w.clock.time = some_hour + 2 * hour;
        w.restart(keeps("23h"));  // END + 23 h is START + 24 h
        w.settle();
        CHECK(w.on_disk(id) == before);
    }

    TEST_CASE("under a shorter one, old data goes unserved at its own time, before its bucket does") {
        World w(keeps("24h"));
        const BucketId id = w.make();
        const Time received = some_hour + minute;
        w.clock.time = some_hour + 10 * minute;
        w.restart(keeps("2h"));
        w.clock.time = received + 2 * hour;
        CHECK(w.buckets->find(id));
        CHECK_FALSE(w.buckets->serves(ClassId::archive, received));
    }

    TEST_CASE("a longer one leaves every promise as it was") {
        for (const char* longer : {"25h", "7d", "unlimited"}) {
            CAPTURE(longer);
            World w(keeps("24h"));
            const BucketId id = w.make();
            w.clock.time = some_hour + 10 * minute;
            w.restart(keeps(longer));
            w.settle();
            CHECK(w.on_disk(id) == BucketSpan{some_hour, some_hour + hour, some_hour + day});
            CHECK(w.make() != id);
            w.clock.time = some_hour + day;
            CHECK(w.sweep() == 1);
        }
    }

    TEST_CASE("what is not stored any more is due at once") {
        World w(keeps("24h", "24h"));
        const BucketId archive = w.make(ClassId::archive), letterbox = w.make(ClassId::letterbox);
        w.restart(keeps("0", "24h"));
        CHECK(w.readable(ClassId::archive).empty());
        CHECK_FALSE(w.buckets->find(archive));
        CHECK(w.readable(ClassId::letterbox) == std::vector{letterbox});
        CHECK(w.buckets->next_deadline() == w.clock.time);
        CHECK(w.sweep() == 1);
        CHECK_FALSE(w.store->bucket_key(archive).has_value());
    }

    TEST_CASE("what had no limit gets one") {
        World w(keeps("unlimited"));
        const BucketId id = w.make();
        CHECK(w.buckets->next_deadline() == store::no_deadline);
        w.clock.time += 100 * day;
        CHECK(w.sweep() == 0);
        const Time end = w.on_disk(id).end;
        w.restart(keeps("90d"));
        CHECK(w.buckets->next_deadline() == end + 90 * day);
    }
}
