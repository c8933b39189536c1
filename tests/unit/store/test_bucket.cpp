// SPDX-License-Identifier: AGPL-3.0-or-later
// The life of a bucket, and what is left of it.
#include <algorithm>

#include "store/format.h"
#include "tests/unit/store/faults.h"
#include "tests/unit/store/support.h"

using namespace lethe;
using namespace lethe::store;
using namespace lethe::store::test;
namespace fs = std::filesystem;

namespace {

constexpr BucketId archive_3{ClassId::archive, 3};

Result destroy(Store& store, const BucketId& id) {
    return wait([&](Completion done) { store.destroy_bucket(id, {}, std::move(done)); });
}

Result append(Store& store, const BucketId& id, std::uint16_t index, std::string_view text) {
    Batch batch;
    batch.append(prefix(9), entry(id, 1, index, text));
    return write(store, std::move(batch));
}

/// The 128 bytes of the bucket's slot as they lie on disk.
std::string slot_of(const fs::path& data, const BucketId& id) {
    const auto file = contents(data / "keyring");
    const auto owner = format::owner_of(id);
    for (std::size_t at = format::block_size; at < file.size(); at += format::block_size) {
        const bool own =
            std::equal(owner.begin(), owner.end(), file.begin() + static_cast<long>(at + format::slot_owner),
                       [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); });
        if (file[at] == 2 && own) return file.substr(at, format::slot_end);
    }
    FAIL("no slot");
    return {};
}

}  // namespace

TEST_SUITE("store/bucket") {
    TEST_CASE("a destroyed bucket leaves no file, no slot, and no answer") {
        const TemporaryDirectory dir;
        const auto store = fresh(dir);
        REQUIRE(make_bucket(*store, archive_1));
        REQUIRE(append(*store, archive_1, 0, std::string(2'000, 'x')));
        const auto slot = slot_of(dir.data(), archive_1);
        CHECK(destroy(*store, archive_1));
        CHECK(fs::is_empty(dir.data() / "buckets/archive"));
        const auto keyring = contents(dir.data() / "keyring");
        CHECK(!has(keyring, slot.substr(format::slot_nonce, 24)));
        CHECK(!has(keyring, slot.substr(format::slot_sealed, 32)));
        CHECK(store->buckets().empty());
        CHECK(store->bucket_key(archive_1).error().kind == ErrorKind::not_found);
        CHECK(store->usage(archive_1, prefix(9)).error().kind == ErrorKind::not_found);
        CHECK(store->headers(archive_1, prefix(9)).error().kind == ErrorKind::not_found);
    }

    TEST_CASE(
        "the key is dead and synced before the file is touched, and the directory synced before it counts as "
        "gone") {
        const TemporaryDirectory dir;
        const auto store = fresh(dir);
        REQUIRE(make_bucket(*store, archive_1));
        REQUIRE(append(*store, archive_1, 0, "entry"));
        faults::arm(dir.data(), {});
        faults::record(true);
        std::promise<void> gone;
        store->destroy_bucket(
            archive_1, [](Result r) { faults::note(r ? "key dead" : "failed"); },
            [&](Result r) {
                faults::note(r ? "gone" : "failed");
                gone.set_value();
            });
        gone.get_future().wait();
        const auto events = faults::events();
        faults::record(false);
        faults::disarm();
        CHECK(events ==
              std::vector<std::string>{"write keyring", "sync keyring", "key dead",
                                       "truncate buckets/archive/1.mdb", "unlink buckets/archive/1.mdb",
                                       "unlink buckets/archive/1.mdb-lock", "sync buckets/archive", "gone"});
    }

    TEST_CASE("ciphertext brought back from a copy has no key any more") {
        const TemporaryDirectory dir;
        auto store = fresh(dir);
        REQUIRE(make_bucket(*store, archive_1));
        REQUIRE(append(*store, archive_1, 0, "entry"));
        store.reset();
        fs::copy_file(dir.data() / "buckets/archive/1.mdb", dir.path() / "copy.mdb");
        store = open(dir.data());
        REQUIRE(destroy(*store, archive_1));
        SUBCASE("while the server runs") {
            fs::copy_file(dir.path() / "copy.mdb", dir.data() / "buckets/archive/1.mdb");
            CHECK(!store->bucket_key(archive_1));
            CHECK(!store->entries(archive_1, prefix(9), 1, 0, 9));
        }
        SUBCASE("before the next start, which leaves its end to whoever knows the time") {
            store.reset();
            fs::copy_file(dir.path() / "copy.mdb", dir.data() / "buckets/archive/1.mdb");
            store = open(dir.data());
            CHECK(!store->bucket_key(archive_1));
            CHECK(store->buckets().empty());
            REQUIRE(store->quarantined_spans().size() == 1);
            CHECK(store->quarantined_spans()[0].without_key);
            CHECK(destroy(*store, archive_1));
            store.reset();
            CHECK(!fs::exists(dir.data() / "buckets/archive/1.mdb"));
        }
    }

    TEST_CASE("destroying is idempotent") {
        const TemporaryDirectory dir;
        const auto store = fresh(dir);
        REQUIRE(make_bucket(*store, archive_1));
        CHECK(destroy(*store, archive_1));
        CHECK(destroy(*store, archive_1));
        CHECK(destroy(*store, archive_2));  // never was
        REQUIRE(make_bucket(*store, archive_2));
        CHECK(store->bucket_key(archive_2));
    }

    TEST_CASE(
        "a key that cannot be overwritten is reported, closes the bucket, and dies at the next attempt") {
        const TemporaryDirectory dir;
        auto store = fresh(dir);
        REQUIRE(make_bucket(*store, archive_1));
        faults::arm(dir.data(), {faults::Kind::fail_on, 1, EIO});
        Result key_dead;
        const auto gone = wait([&](Completion done) {
            store->destroy_bucket(
                archive_1, [&](Result r) { key_dead = r; }, std::move(done));
        });
        REQUIRE(!key_dead);
        CHECK(key_dead.error().kind == ErrorKind::io);
        CHECK(!gone);
        CHECK(store->buckets().empty());
        CHECK(!store->bucket_key(archive_1));
        faults::disarm();
        CHECK(!append(*store, archive_1, 0, "entry"));
        CHECK(fs::exists(dir.data() / "buckets/archive/1.mdb"));
        SUBCASE("by asking again") { CHECK(destroy(*store, archive_1)); }
        SUBCASE("after another bucket has taken the freed slot") {
            REQUIRE(make_bucket(*store, archive_2, 8));
            CHECK(destroy(*store, archive_1));
            CHECK(byte_of(*store->bucket_key(archive_2)) == 8);
            REQUIRE(make_bucket(*store, archive_3, 9));
            CHECK(destroy(*store, archive_1));
            CHECK(byte_of(*store->bucket_key(archive_3)) == 9);
        }
        SUBCASE("by a restart, where the closing already overwrites it") {
            store.reset();
            store = open(dir.data());
            CHECK(store->buckets().empty());
            store.reset();
        }
        CHECK(!fs::exists(dir.data() / "buckets/archive/1.mdb"));
    }

    TEST_CASE(
        "a file that cannot be unlinked is reported, its key is dead all the same, and asking again removes "
        "it") {
        const TemporaryDirectory dir;
        const auto store = fresh(dir);
        REQUIRE(make_bucket(*store, archive_1));
        faults::arm(dir.data(), {faults::Kind::fail_on, 3, EROFS});  // after write and sync of the keyring
        Result key_dead = std::unexpected(Error{});
        const auto gone = wait([&](Completion done) {
            store->destroy_bucket(
                archive_1, [&](Result r) { key_dead = r; }, std::move(done));
        });
        faults::disarm();
        CHECK(key_dead);
        REQUIRE(!gone);
        CHECK(gone.error().code == EROFS);
        CHECK(fs::exists(dir.data() / "buckets/archive/1.mdb"));
        CHECK(!store->bucket_key(archive_1));
        CHECK(destroy(*store, archive_1));
        CHECK(!fs::exists(dir.data() / "buckets/archive/1.mdb"));
    }

    TEST_CASE("numbers are used once, destroyed and failed ones included, across restarts") {
        const TemporaryDirectory dir;
        auto store = fresh(dir);
        CHECK(store->next_bucket_number(ClassId::archive) == 1);
        REQUIRE(make_bucket(*store, BucketId{ClassId::archive, 5}));
        CHECK(store->next_bucket_number(ClassId::archive) == 6);
        CHECK(make_bucket(*store, BucketId{ClassId::archive, 5}).error().kind == ErrorKind::exists);
        CHECK(make_bucket(*store, BucketId{ClassId::archive, 4}).error().kind == ErrorKind::exists);
        REQUIRE(destroy(*store, BucketId{ClassId::archive, 5}));
        CHECK(make_bucket(*store, BucketId{ClassId::archive, 5}).error().kind == ErrorKind::exists);
        store.reset();
        store = open(dir.data());
        CHECK(store->next_bucket_number(ClassId::archive) == 6);
        CHECK(store->next_bucket_number(ClassId::letterbox) == 1);
        // As soon as a creation is queued its number is taken.
        store->create_bucket({ClassId::archive, 6}, day, key_of<crypto::BucketKey>(1), {});
        CHECK(store->next_bucket_number(ClassId::archive) == 7);
    }

    TEST_CASE("a bucket's span only ever gets shorter") {
        const TemporaryDirectory dir;
        auto store = fresh(dir);
        REQUIRE(make_bucket(*store, archive_1));
        const auto shorten = [&](std::int64_t end, std::int64_t deadline) {
            REQUIRE(succeeds([&](Completion done) {
                store->shorten_bucket(archive_1, {day.start, end, deadline}, std::move(done));
            }));
            return store->buckets()[0].span;
        };
        CHECK(shorten(day.end - 5, day.deadline) == BucketSpan{day.start, day.end - 5, day.deadline});
        CHECK(shorten(day.end, day.deadline - 7) == BucketSpan{day.start, day.end - 5, day.deadline - 7});
        CHECK(shorten(no_deadline, no_deadline) == BucketSpan{day.start, day.end - 5, day.deadline - 7});
        store.reset();
        store = open(dir.data());
        CHECK(store->buckets()[0].span == BucketSpan{day.start, day.end - 5, day.deadline - 7});
        CHECK(!succeeds([&](Completion done) { store->shorten_bucket(archive_2, day, std::move(done)); }));
    }

    TEST_CASE("entries of a bucket that an earlier process filled can be read and erased") {
        const TemporaryDirectory dir;
        auto store = fresh(dir);
        REQUIRE(make_bucket(*store, letterbox_1));
        for (std::uint16_t i = 0; i < 3; ++i) REQUIRE(append(*store, letterbox_1, i, "entry"));
        store.reset();
        store = open(dir.data());
        Batch batch;
        batch.erase_entry(prefix(9), {letterbox_1.cls, letterbox_1.number, 1, 1})
            .erase_entry(prefix(9), {letterbox_1.cls, letterbox_1.number, 1, 77});
        CHECK(write(*store, std::move(batch)));
        const auto left = store->entries(letterbox_1, prefix(9), 1, 0, 9);
        REQUIRE(left);
        REQUIRE(left->size() == 2);
        CHECK((*left)[1].index == 2);
    }

    TEST_CASE("many buckets are open in turn, and none of them is confused with another") {
        const TemporaryDirectory dir;
        auto store = fresh(dir);
        constexpr std::uint32_t many = 100;
        for (std::uint32_t n = 1; n <= many; ++n) {
            REQUIRE(make_bucket(*store, BucketId{ClassId::archive, n}, static_cast<std::uint8_t>(n)));
            REQUIRE(append(*store, {ClassId::archive, n}, 0, std::to_string(n)));
        }
        for (const bool reopened : {false, true}) {
            if (reopened) {
                store.reset();
                store = open(dir.data());
            }
            for (std::uint32_t n = 1; n <= many; ++n) {
                const BucketId id{ClassId::archive, (n * 37) % many + 1};
                const auto entries = store->entries(id, prefix(9), 1, 0, 9);
                REQUIRE(entries);
                REQUIRE(entries->size() == 1);
                CHECK(text((*entries)[0].bytes) == std::to_string(id.number));
                CHECK(byte_of(*store->bucket_key(id)) == static_cast<int>(id.number));
            }
        }
    }
}
