// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <random>

#include "crypto/primitives.h"
#include "store/format.h"
#include "tests/unit/retention/world.h"

using namespace lethe;
using namespace lethe::retention;
using namespace lethe::retention::test;
using crypto::ClassId;
using Alarm = Buckets::Alarm;
namespace fs = std::filesystem;

TEST_SUITE("retention/buckets in trouble") {
    TEST_CASE(
        "when a key cannot be overwritten its class neither accepts nor serves until it can, and the others "
        "go on") {
        World w(keeps("24h", "48h"));
        const BucketId due = w.make(ClassId::archive), letterbox = w.make(ClassId::letterbox);
        w.clock.time = some_hour + 23 * hour;
        const BucketId later = w.make(ClassId::archive);
        w.clock.time = some_hour + day - 1;
        CHECK(w.readable() == std::vector{due, later});
        w.clock.time = some_hour + day;
        const auto before = w.buckets->current(ClassId::archive);
        w.settle();
        {
            const BrokenDisk broken;
            CHECK(w.sweep() == 0);
        }
        REQUIRE(w.alarmed(Alarm::key_not_destroyed, due));
        CHECK(w.buckets->stuck() == 1);
        CHECK_FALSE(w.buckets->current(ClassId::archive));
        CHECK(w.readable().empty());
        CHECK_FALSE(w.buckets->find(later));
        CHECK_FALSE(w.buckets->serves(ClassId::archive, w.clock.time));
        CHECK(w.readable(ClassId::letterbox) == std::vector{letterbox});
        CHECK(w.buckets->current(ClassId::letterbox));
        CHECK(w.buckets->next_deadline() == w.clock.time + minute);

        w.clock.time += minute;
        CHECK(w.sweep() == 1);
        CHECK_FALSE(w.store->bucket_key(due).has_value());
        const auto after = w.buckets->current(ClassId::archive);
        REQUIRE(after);
        CHECK(after->id > before->id);  // what its writers knew of the one before may be forgotten
        CHECK(w.readable() == std::vector{later, before->id, after->id});
        CHECK(w.buckets->serves(ClassId::archive, w.clock.time));
        CHECK(w.alarms.size() == 1);
    }

    TEST_CASE("a key that fails again and again is said again and again") {
        World w(keeps("1s"));
        const BucketId due = w.make();
        w.clock.time += second;
        {
            const BrokenDisk broken;
            CHECK(w.sweep() == 0);
            CHECK(w.sweep() == 0);
        }
        CHECK(w.alarms.size() == 2);
        CHECK(w.sweep() == 1);
        CHECK(w.buckets->current(ClassId::archive));
        CHECK_FALSE(w.buckets->find(due));
    }

    TEST_CASE("when only the file cannot be removed there is an alarm and a retry, and the class goes on") {
        World w(keeps("24h"));
        const BucketId due = w.make();
        fs::rename(w.file(due), w.dir / "aside");
        fs::create_directory(w.file(due));
        w.clock.time += day;
        CHECK(w.sweep() == 1);
        w.wait_for([&] { return !w.alarms.empty(); });
        CHECK(w.alarmed(Alarm::file_not_removed, due));
        CHECK_FALSE(w.store->bucket_key(due).has_value());
        CHECK(w.buckets->current(ClassId::archive));
        CHECK(w.buckets->next_deadline() == w.clock.time + minute);
        fs::remove(w.file(due));
        fs::rename(w.dir / "aside", w.file(due));
        w.clock.time += minute;
        CHECK(w.sweep() == 0);
        w.wait_for([&] { return !fs::exists(w.file(due)); });
        const Time next = w.buckets->find(w.readable().at(0))->span.deadline;
        w.wait_for([&] { return w.buckets->next_deadline() == next; });
        CHECK(w.alarms.size() == 1);
    }

    TEST_CASE(
        "a creation that fails is said once, is not readable, and is tried again with the next message") {
        World w(keeps("24h"));
        BucketId failed;
        {
            const BrokenDisk broken;
            failed = w.buckets->current(ClassId::archive)->id;
            w.settle();
            CHECK_FALSE(w.buckets->find(failed));
            w.buckets->current(ClassId::archive);
            w.settle();
        }
        REQUIRE(w.alarms.size() == 1);
        CHECK(w.alarms[0] == std::pair{Alarm::create_failed, failed});
        CHECK(w.readable().empty());
        const BucketId good = w.make();
        CHECK(w.readable() == std::vector{good});
        CHECK(w.store->bucket_key(good).has_value());
        w.clock.time += hour;
        {
            const BrokenDisk broken;
            w.buckets->current(ClassId::archive);
            w.settle();
        }
        CHECK(w.alarms.size() == 2);
        CHECK(w.buckets->next_deadline() == some_hour + day);
    }

    TEST_CASE(
        "a shortened deadline holds even if the disk does not take it, and is written with the next sweep") {
        World w(keeps("24h"));
        const BucketId id = w.make();
        w.clock.time += hour;
        w.stop();
        w.start(keeps("24h"));
        {
            const BrokenDisk broken;
            w.buckets =
                std::make_unique<Buckets>(*w.store, keeps("2h"), w.clock,
                                          [&](Alarm alarm, BucketId b) { w.alarms.emplace_back(alarm, b); });
            w.settle();
        }
        CHECK(w.alarmed(Alarm::deadline_not_recorded, id));
        CHECK(w.on_disk(id).deadline == some_hour + day);
        CHECK(w.buckets->next_deadline() == some_hour + 3 * hour);
        w.sweep();
        w.settle();
        CHECK(w.on_disk(id).deadline == some_hour + 3 * hour);
        CHECK(w.alarms.size() == 1);
    }

    TEST_CASE("a damaged bucket is said, not read, and destroyed at its deadline") {
        World w(keeps("24h"));
        const BucketId damaged = w.make();
        w.clock.time += hour;
        const BucketId sound = w.make();
        w.stop();
        const auto size = fs::file_size(w.file(damaged));
        std::ofstream(w.file(damaged), std::ios::binary) << std::string(size, 'x');
        w.start(keeps("24h"));
        CHECK(w.alarmed(Alarm::bucket_unreadable, damaged));
        CHECK(w.readable() == std::vector{sound});
        CHECK(w.buckets->next_deadline() == some_hour + day);
        w.clock.time = some_hour + day - 1;
        CHECK(w.sweep() == 0);
        w.clock.time = some_hour + day;
        CHECK(w.sweep() == 1);
        w.wait_for([&] { return !fs::exists(w.file(damaged)); });
        CHECK(w.readable() == std::vector{sound});
    }

    TEST_CASE("a bucket with data and without a key is said and left alone before its deadline; after it, it goes silently") {
        World w(keeps("24h"));
        const BucketId robbed = w.make();
        store::Batch batch;
        batch.put_header(robbed, {}, 1, crypto::SealedAccess::make(Bytes(64, 7)));
        w.store->write(std::move(batch), {});
        w.settle();
        w.stop();
        fs::resize_file(w.data() / "keyring", store::format::block_size);
        SUBCASE("before its deadline") {
            w.start(keeps("24h"));
            CHECK(w.alarmed(Alarm::bucket_without_key, robbed));
            CHECK(w.alarms.size() == 1);
            CHECK(w.readable().empty());
            CHECK(w.buckets->next_deadline() == some_hour + day);
            w.clock.time = some_hour + day - 1;
            CHECK(w.sweep() == 0);
            w.settle();
            CHECK(fs::exists(w.file(robbed)));
            CHECK(w.buckets->swept_to(ClassId::archive) == w.clock.time);
            w.clock.time = some_hour + day;
            CHECK(w.buckets->swept_to(ClassId::archive) < w.clock.time);
            CHECK(w.sweep() == 1);
            w.wait_for([&] { return !fs::exists(w.file(robbed)); });
        }
        const auto vanishes = [&] {
            CHECK(w.alarms.empty());
            CHECK(w.buckets->next_deadline() <= w.clock.time);
            CHECK(w.buckets->swept_to(ClassId::archive) < w.clock.time);
            CHECK(w.sweep() == 0);
            w.wait_for([&] { return !fs::exists(w.file(robbed)); });
            w.wait_for([&] { return w.buckets->swept_to(ClassId::archive) == w.clock.time; });
            CHECK(w.buckets->next_deadline() == store::no_deadline);
        };
        SUBCASE("after it") {
            w.clock.time = some_hour + day;
            w.start(keeps("24h"));
            vanishes();
        }
        SUBCASE("after the one that a tighter policy leaves") {
            w.clock.time = some_hour + 3 * hour;
            w.start(keeps("1h"));
            vanishes();
        }
    }
}

namespace {

/// What one message was promised, computed for it alone.
struct Promise {
    BucketId bucket;
    Time received = 0, end = 0, deadline = 0;
};

Promise promised(const Keep& keep, Time now, const BucketId& bucket) {
    const Time width = std::max(second, keep.micros / 24);
    Time line = now / width * width;
    return {bucket, now, line + width, line + keep.micros};
}

}  // namespace

TEST_SUITE("retention/buckets against a model") {
    TEST_CASE(
        "through any times, policies, sweeps and restarts, a message is readable exactly until what it was "
        "promised is over") {
        for (const unsigned seed : {1u, 2u, 3u, 4u}) {
            CAPTURE(seed);
            std::mt19937_64 random(seed);
            const char* const policies[] = {"1s", "7s", "24s", "50s", "3min", "1h", "0"};
            Keep keep = kept("50s");
            World w(keeps("50s"));
            std::vector<Promise> promises;
            for (int step = 0; step < 120; ++step) {
                switch (random() % 8) {
                    case 0:
                        w.clock.time += static_cast<Time>(random() % 60) * second;
                        break;
                    case 1:
                        w.clock.time += static_cast<Time>(random() % 3'000'000);
                        break;
                    case 2:
                        w.sweep();
                        break;
                    case 3:  // to a boundary, or a microsecond from it
                        if (const Time next = w.buckets->next_deadline();
                            next != store::no_deadline && next > w.clock.time)
                            w.clock.time = std::max(w.clock.now(), next - 1 + static_cast<Time>(random() % 3));
                        break;
                    case 4: {
                        if (random() % 3 != 0) break;
                        const char* const next = policies[random() % std::size(policies)];
                        keep = kept(next);
                        w.restart(keeps(next));
                        for (Promise& p : promises) {
                            const Time end = std::min(p.end, w.clock.now());
                            const Time limit = keep.stored() ? end + keep.micros : w.clock.now();
                            if (limit < p.deadline) p.end = end, p.deadline = limit;
                        }
                        break;
                    }
                    default:
                        if (const auto open = w.buckets->current(ClassId::archive)) {
                            CHECK(keep.stored());
                            promises.push_back(promised(keep, w.clock.time, open->id));
                        } else {
                            CHECK_FALSE(keep.stored());
                        }
                }
                w.settle();
                std::map<BucketId, bool> readable;
                for (const BucketId& id : w.readable()) readable[id] = true;
                Time next = store::no_deadline;
                for (const Promise& p : promises) {
                    CAPTURE(p.bucket.number);
                    CAPTURE(p.received);
                    REQUIRE(readable.contains(p.bucket) == (p.deadline > w.clock.time));
                    if (p.deadline > w.clock.time) next = std::min(next, p.deadline);
                    // The bytes can be opened no longer than the sweeper needs.
                    if (!readable.contains(p.bucket) && w.store->bucket_key(p.bucket))
                        next = std::min(next, p.deadline);
                }
                REQUIRE(w.buckets->next_deadline() == next);
            }
            CHECK(w.alarms.empty());
            CHECK(promises.size() > 20);
        }
    }
}
