// SPDX-License-Identifier: AGPL-3.0-or-later
// What is damaged in a bucket or an account stays there; what is damaged in state.mdb or the head of the
// keyring is a problem.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <random>

#include "store/environment.h"
#include "store/format.h"
#include "tests/unit/store/faults.h"
#include "tests/unit/store/support.h"

using namespace lethe;
using namespace lethe::store;
using namespace lethe::store::test;
namespace fs = std::filesystem;

namespace {

/// The other bucket is untouched by whatever happened to the first.
void check_second_bucket(const Store& store) {
    CHECK(byte_of(*store.bucket_key(archive_2)) == 8);
    CHECK(store.usage(archive_2, prefix(9))->entries == 40);
}

}  // namespace

TEST_SUITE("store/damage") {
    TEST_CASE("a bucket's info row can shorten what its slot promises, and never prolong it") {
        const TemporaryDirectory dir;
        fill(dir);
        const auto file = dir.data() / "buckets/archive/1.mdb";
        const auto reopened_with = [&](const BucketSpan& row) {
            put_raw(file, bucket_layout(), format::info, as_bytes("bucket"),
                    format::encode_info({.id = archive_1, .span = row}));
            const auto store = open(dir.data());
            REQUIRE(store->buckets().size() == 2);
            return store->buckets()[0].span;
        };
        CHECK(reopened_with({day.start, day.end + 5, no_deadline}) == day);
        CHECK(reopened_with({day.start - 9, day.end - 5, day.deadline - 6}) ==
              BucketSpan{day.start, day.end - 5, day.deadline - 6});
    }

    TEST_CASE(
        "a bucket of another version, or that is another bucket, is quarantined with its deadline, and can "
        "be destroyed") {
        const TemporaryDirectory dir;
        fill(dir);
        const auto file = dir.data() / "buckets/archive/1.mdb";
        SUBCASE("another version") {
            put_raw(file, bucket_layout(), format::info, as_bytes("bucket"),
                    format::encode_info({.version = format::version + 1, .id = archive_1, .span = day}));
        }
        SUBCASE("another bucket") {
            fs::copy_file(dir.data() / "buckets/archive/2.mdb", file, fs::copy_options::overwrite_existing);
        }
        SUBCASE("no bucket at all") {
            fs::copy_file(dir.data() / "state.mdb", file, fs::copy_options::overwrite_existing);
        }
        SUBCASE("an empty file") { fs::resize_file(file, 0); }
        SUBCASE("a file of noise") { overwrite(file, std::string(20'000, '\x5a')); }
        SUBCASE("half of it") { fs::resize_file(file, fs::file_size(file) / 8192 * 4096); }
        SUBCASE("no file") { fs::remove(file); }
        const auto store = open(dir.data());
        CHECK(store->quarantined() == std::vector{archive_1});
        REQUIRE(store->quarantined_spans().size() == 1);
        CHECK(store->quarantined_spans()[0].bucket.span == day);
        CHECK(store->buckets().size() == 1);
        CHECK(store->bucket_key(archive_1).error().kind == ErrorKind::not_found);
        CHECK(store->entries(archive_1, prefix(9), 1, 0, 9).error().kind == ErrorKind::not_found);
        check_second_bucket(*store);
        CHECK(store->next_bucket_number(ClassId::archive) == 3);
        const auto slot = contents(dir.data() / "keyring").substr(2 * format::block_size, format::slot_end);
        REQUIRE(slot[0] == 2);
        CHECK(succeeds([&](Completion done) { store->destroy_bucket(archive_1, {}, std::move(done)); }));
        CHECK(store->quarantined().empty());
        CHECK(!fs::exists(file));
        CHECK(!has(contents(dir.data() / "keyring"), slot.substr(format::slot_nonce)));
        check_second_bucket(*store);
    }

    TEST_CASE("a bucket whose slot does not open is quarantined until the deadline in its file, if that can be read") {
        const TemporaryDirectory dir;
        fill(dir);
        auto keyring = contents(dir.data() / "keyring");
        keyring[2 * format::block_size + format::slot_sealed] =
            static_cast<char>(keyring[2 * format::block_size + format::slot_sealed] ^ 1);
        overwrite(dir.data() / "keyring", keyring);
        BucketSpan expected = day;
        SUBCASE("a sound file") {}
        SUBCASE("a damaged one") {
            overwrite(dir.data() / "buckets/archive/1.mdb", std::string(20'000, '\x5a'));
            expected = {0, 0, 0};
        }
        const auto store = open(dir.data());
        REQUIRE(store->quarantined_spans().size() == 1);
        CHECK(store->quarantined_spans()[0].bucket.id == archive_1);
        CHECK(store->quarantined_spans()[0].bucket.span == expected);
        CHECK(!store->quarantined_spans()[0].without_key);
        check_second_bucket(*store);
    }

    TEST_CASE("a bucket with data that lost its slot is left alone, comes back with the slot, and can be destroyed") {
        const TemporaryDirectory dir;
        fill(dir);
        const auto whole = contents(dir.data() / "keyring");
        const auto file = dir.data() / "buckets/archive/1.mdb";
        auto robbed = whole;
        SUBCASE("to zeros") { robbed.replace(2 * format::block_size, format::block_size, format::block_size, '\0'); }
        SUBCASE("to noise") { robbed[2 * format::block_size] = '\x5a'; }
        SUBCASE("to the cut end of the file") {
            // The other bucket's slot is the last one: both go.
            robbed.resize(2 * format::block_size);
            fs::resize_file(dir.data() / "keyring", robbed.size());
        }
        overwrite(dir.data() / "keyring", robbed);
        {
            const auto store = open(dir.data());
            const auto found = store->quarantined_spans();
            REQUIRE(!found.empty());
            CHECK(found[0].bucket.id == archive_1);
            CHECK(found[0].bucket.span == day);
            CHECK(found[0].without_key);
            CHECK(store->quarantined().size() == found.size());
            CHECK(store->orphans().empty());
            CHECK(store->bucket_key(archive_1).error().kind == ErrorKind::not_found);
            CHECK(store->next_bucket_number(ClassId::archive) == 3);
        }
        CHECK(fs::exists(file));
        overwrite(dir.data() / "keyring", whole);
        {
            const auto store = open(dir.data());
            CHECK(store->quarantined().empty());
            CHECK(store->usage(archive_1, prefix(9))->entries == 40);
            check_second_bucket(*store);
        }
        overwrite(dir.data() / "keyring", robbed);
        const auto store = open(dir.data());
        CHECK(succeeds([&](Completion done) { store->destroy_bucket(archive_1, {}, std::move(done)); }));
        CHECK(!fs::exists(file));
    }

    TEST_CASE("an account whose slot does not open is reported damaged, not gone, and can be erased") {
        const TemporaryDirectory dir;
        fill(dir);
        auto keyring = contents(dir.data() / "keyring");
        SUBCASE("the seal") { keyring[format::block_size + format::slot_sealed] ^= 1; }
        SUBCASE("the part") { keyring[format::block_size] = 9; }
        overwrite(dir.data() / "keyring", keyring);
        const auto store = open(dir.data());
        const auto account = store->account(account_id(1));
        REQUIRE(!account);
        CHECK(account.error().kind == ErrorKind::damaged);
        CHECK(make_account(*store, 1, 12, "again").error().kind == ErrorKind::exists);
        CHECK(succeeds([&](Completion done) { store->erase_account(account_id(1), std::move(done)); }));
        CHECK(!*store->account(account_id(1)));
        CHECK(make_account(*store, 1, 12, "again"));
    }

    TEST_CASE("files that are no bucket's are left alone; a bucket's file without a key is removed") {
        const TemporaryDirectory dir;
        fill(dir);
        const auto archive = dir.data() / "buckets/archive";
        std::ofstream(archive / "notes.txt") << "hello";
        std::ofstream(archive / "03.mdb") << "hello";
        fs::copy_file(archive / "1.mdb", archive / "17.mdb");
        fs::copy_file(archive / "1.mdb-lock", archive / "18.mdb-lock");
        ::chmod((archive / "17.mdb").c_str(), 0600);
        ::chmod((archive / "18.mdb-lock").c_str(), 0600);
        open(dir.data());
        CHECK(fs::exists(archive / "notes.txt"));
        CHECK(fs::exists(archive / "03.mdb"));
        CHECK(!fs::exists(archive / "17.mdb"));
        CHECK(!fs::exists(archive / "18.mdb-lock"));
        check_second_bucket(*open(dir.data()));
    }

    TEST_CASE("a damaged state.mdb is a problem, never a crash, wherever the damage lies") {
        const TemporaryDirectory dir;
        fill(dir);
        const auto path = dir.data() / "state.mdb";
        const auto good = contents(path);
        std::mt19937 random(1);
        int refused = 0;
        for (int round = 0; round < 60; ++round) {
            auto bad = good;
            const auto page = random() % (bad.size() / 4096);
            for (int i = 0; i < 40; ++i)
                bad[page * 4096 + random() % (i < 20 ? 64 : 4096)] = static_cast<char>(random());
            overwrite(path, bad);
            CAPTURE(round);
            CAPTURE(page);
            const int status = faults::in_child([&] {
                const auto problem = problem_of(dir.data());
                if (problem.empty()) return 0;
                return has(problem, path.string()) ? 1 : 2;
            });
            CHECK(status <= 1);
            refused += status;
            overwrite(path, good);
        }
        CHECK(refused > 20);
        fs::resize_file(path, 8192);
        CHECK(has(problem_of(dir.data()), path.string() + " is damaged"));
        fs::resize_file(path, 0);
        CHECK(has(problem_of(dir.data()), path.string() + " is damaged"));
    }

    TEST_CASE("a damaged bucket is quarantined or readable, never a crash, wherever the damage lies") {
        const TemporaryDirectory dir;
        fill(dir);
        const auto path = dir.data() / "buckets/archive/1.mdb";
        const auto good = contents(path);
        std::mt19937 random(2);
        int quarantined = 0;
        for (int round = 0; round < 60; ++round) {
            auto bad = good;
            const auto page = random() % (bad.size() / 4096);
            for (int i = 0; i < 40; ++i)
                bad[page * 4096 + random() % (i < 20 ? 64 : 4096)] = static_cast<char>(random());
            overwrite(path, bad);
            CAPTURE(round);
            CAPTURE(page);
            const int status = faults::in_child([&] {
                auto opened = Store::open({.data = dir.data(), .keys = &node_keys()});
                if (!opened) return 2;
                const auto& store = **opened;
                if (!store.bucket_key(archive_2)) return 3;
                if (!store.quarantined().empty()) return 1;
                static_cast<void>(store.headers(archive_1, prefix(9)));
                static_cast<void>(store.entries(archive_1, prefix(9), 1, 0, 1000));
                static_cast<void>(store.usage(archive_1, prefix(9)));
                return 0;
            });
            CHECK(status <= 1);
            quarantined += status;
            overwrite(path, good);
        }
        CHECK(quarantined > 20);
    }

    TEST_CASE("noise in the keyring never crashes an open") {
        const TemporaryDirectory dir;
        fill(dir);
        const auto path = dir.data() / "keyring";
        const auto good = contents(path);
        std::mt19937 random(3);
        for (int round = 0; round < 40; ++round) {
            auto bad = good;
            const auto block = random() % (bad.size() / 4096);
            for (int i = 0; i < 8; ++i)
                bad[block * 4096 + random() % format::slot_end] = static_cast<char>(random());
            const TemporaryDirectory copy;
            fs::copy(dir.data(), copy.data(), fs::copy_options::recursive);
            overwrite(copy.data() / "keyring", bad);
            const auto problem = problem_of(copy.data());
            CHECK((problem.empty() || has(problem, "keyring")));
        }
    }

    TEST_CASE("after a crash every page is walked, of large files too") {
        const TemporaryDirectory dir;
        fill(dir);
        const auto path = dir.data() / "buckets/archive/1.mdb";
        const auto grow = [&] {
            const auto store = open(dir.data());
            const std::string text(1'900, 'e');
            for (std::uint32_t segment = 2; segment < 42; ++segment) {
                Batch batch;
                for (std::uint16_t i = 0; i < 1024; ++i)
                    batch.append(prefix(9), entry(archive_1, segment, i, text));
                if (!write(*store, std::move(batch))) return 1;
            }
            ::_exit(0);  // without closing
        };
        REQUIRE(faults::in_child(grow) == 0);
        const auto good = contents(path);
        REQUIRE(good.size() > 70'000'000);
        CHECK(open(dir.data())->quarantined().empty());
        overwrite(path, good.substr(0, good.size() / 8192 * 4096) + std::string(4096, '\xff'));
        overwrite(dir.data() / "lock", "running\n");
        const auto store = open(dir.data());
        CHECK(store->quarantined() == std::vector{archive_1});
        check_second_bucket(*store);
    }
}
