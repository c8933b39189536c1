// SPDX-License-Identifier: AGPL-3.0-or-later
// What must not start does not, and says in one sentence which file and what to do; what is damaged in a
// bucket stays in that bucket.
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

constexpr BucketId archive_2{ClassId::archive, 2};
constexpr BucketSpan month{3'000'000, 4'000'000, 8'000'000};

/// An account with rows, and two archive buckets with entries.
void fill(const TemporaryDirectory& dir, std::size_t entries = 40) {
    const auto store = fresh(dir);
    REQUIRE(make_account(*store, 1, 11, "record"));
    REQUIRE(make_bucket(*store, archive_1, 7));
    REQUIRE(make_bucket(*store, archive_2, 8, month));
    for (const auto& id : {archive_1, archive_2}) {
        Batch batch;
        batch.put_header(id, prefix(9), 1, sealed("header"));
        for (std::size_t i = 0; i < entries; ++i) {
            batch.append(prefix(9), entry(id, 1, static_cast<std::uint16_t>(i), std::string(1'100, 'e')));
        }
        for (std::uint8_t n = 1; n <= 20; ++n)
            batch.put(Table::roster, account_id(1), blind_key(n), sealed(std::string(300, 'r')));
        REQUIRE(write(*store, std::move(batch)));
    }
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// Writes a row behind the store's back.
void put_raw(const fs::path& file, const Layout& layout, std::size_t table, ByteView key, ByteView value) {
    const auto env = Environment::open(file, layout, Access::existing);
    REQUIRE(env);
    WriteTransaction txn(**env);
    REQUIRE(txn.code() == 0);
    REQUIRE(txn.put(table, key, value) == 0);
    REQUIRE(txn.commit() == 0);
}

/// The other bucket is untouched by whatever happened to the first.
void check_second_bucket(const Store& store) {
    CHECK(byte_of(*store.bucket_key(archive_2)) == 8);
    CHECK(store.usage(archive_2, prefix(9))->entries == 40);
}

}  // namespace

TEST_SUITE("store/open") {
    TEST_CASE("a data directory is made once, in an empty or a new place") {
        const TemporaryDirectory dir;
        REQUIRE(Store::create(dir.data(), node_keys()));
        const auto again = Store::create(dir.data(), node_keys());
        REQUIRE(!again);
        CHECK(again.error().text ==
              dir.data().string() + " is not empty: name a directory that does not exist yet");
        const auto nowhere = Store::create(dir.path() / "no" / "data", node_keys());
        REQUIRE(!nowhere);
        CHECK(has(nowhere.error().text, "cannot be made"));
        fs::create_directory(dir.path() / "empty");
        ::chmod((dir.path() / "empty").c_str(), 0700);
        CHECK(Store::create(dir.path() / "empty", node_keys()));
    }

    TEST_CASE("every file is 0600 and every directory 0700, and nothing else is accepted") {
        const TemporaryDirectory dir;
        fill(dir);
        for (const auto& found : fs::recursive_directory_iterator(dir.data())) {
            const auto path = found.path();
            CAPTURE(path.string());
            const bool directory = found.is_directory();
            struct stat st {};
            REQUIRE(::stat(path.c_str(), &st) == 0);
            CHECK((st.st_mode & 07777) == (directory ? 0700 : 0600));
            REQUIRE(::chmod(path.c_str(), directory ? 0750 : 0640) == 0);
            const auto problem = problem_of(dir.data());
            CHECK(has(problem, path.string() + " must have mode"));
            CHECK(has(problem, (directory ? "chmod 700 " : "chmod 600 ") + path.string()));
            REQUIRE(::chmod(path.c_str(), directory ? 0700 : 0600) == 0);
        }
        REQUIRE(::chmod(dir.data().c_str(), 0755) == 0);
        CHECK(has(problem_of(dir.data()), "chmod 700 " + dir.data().string()));
        REQUIRE(::chmod(dir.data().c_str(), 0700) == 0);
        CHECK(problem_of(dir.data()).empty());
    }

    TEST_CASE("another user's file is refused") {
        if (::geteuid() != 0) return;  // only root can give a file away
        const TemporaryDirectory dir;
        fill(dir);
        REQUIRE(::chown((dir.data() / "keyring").c_str(), 65534, 65534) == 0);
        CHECK(has(problem_of(dir.data()),
                  (dir.data() / "keyring").string() + " belongs to another user: chown"));
    }

    TEST_CASE("a link or a directory in the place of a file is refused") {
        const TemporaryDirectory dir;
        fill(dir);
        fs::rename(dir.data() / "keyring", dir.path() / "elsewhere");
        fs::create_symlink(dir.path() / "elsewhere", dir.data() / "keyring");
        CHECK(has(problem_of(dir.data()), "keyring is not a regular file"));
    }

    TEST_CASE("a missing directory, a missing state.mdb and a missing keyring are each named") {
        const TemporaryDirectory dir;
        CHECK(has(problem_of(dir.data()), dir.data().string()));
        fill(dir);
        fs::rename(dir.data() / "keyring", dir.path() / "keyring");
        CHECK(has(problem_of(dir.data()), (dir.data() / "keyring").string()));
        fs::rename(dir.path() / "keyring", dir.data() / "keyring");
        fs::remove(dir.data() / "state.mdb");
        CHECK(has(problem_of(dir.data()), dir.data().string() + " holds no state.mdb"));
    }

    TEST_CASE("another node key is refused before anything is changed") {
        const TemporaryDirectory dir;
        fill(dir);
        const auto keyring = contents(dir.data() / "keyring");
        CHECK(has(problem_of(dir.data(), other_node_keys()), "does not open under this node key"));
        CHECK(contents(dir.data() / "keyring") == keyring);
        CHECK(problem_of(dir.data()).empty());
    }

    TEST_CASE("another format version and another address normalisation are refused") {
        const TemporaryDirectory dir;
        fill(dir);
        const auto state = dir.data() / "state.mdb";
        put_raw(state, state_layout(), format::meta, as_bytes("format"), format::encode_u32(2));
        CHECK(has(problem_of(dir.data()),
                  state.string() + " has format version 2, this program reads 1: use the program version"));
        put_raw(state, state_layout(), format::meta, as_bytes("format"), format::encode_u32(1));
        put_raw(state, state_layout(), format::meta, as_bytes("jid_normalisation_version"),
                format::encode_u32(77));
        CHECK(has(problem_of(dir.data()), state.string() + " has address normalisation version 77"));
        put_raw(state, state_layout(), format::meta, as_bytes("jid_normalisation_version"), as_bytes("x"));
        CHECK(has(problem_of(dir.data()), "does not say its address normalisation version"));
    }

    TEST_CASE("one process at a time") {
        const TemporaryDirectory dir;
        CHECK(!Store::in_use(dir.data()));
        auto store = fresh(dir);
        CHECK(Store::in_use(dir.data()));
        CHECK(has(problem_of(dir.data()), "lock is held by another process: stop the server"));
        const int other = faults::in_child(
            [&] { return has(problem_of(dir.data()), "is held by another process") ? 0 : 1; });
        CHECK(other == 0);
        // The child that was refused, and the look itself, have left the lock alone.
        CHECK(Store::in_use(dir.data()));
        store.reset();
        CHECK(!Store::in_use(dir.data()));
        CHECK(problem_of(dir.data()).empty());
    }

    TEST_CASE("the lock file tells a clean end from a crash") {
        const TemporaryDirectory dir;
        auto store = fresh(dir);
        CHECK(contents(dir.data() / "lock") == "running\n");
        store.reset();
        CHECK(contents(dir.data() / "lock") == "closed.\n");
        REQUIRE(faults::in_child([&] {
                    auto left_open = open(dir.data());
                    ::_exit(7);
                    return 0;
                }) == 7);
        CHECK(contents(dir.data() / "lock") == "running\n");
    }

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
                    format::encode_info({.version = 2, .id = archive_1, .span = day}));
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
        CHECK(store->quarantined_spans()[0].span == day);
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

    TEST_CASE("a bucket whose slot does not open is quarantined and long overdue") {
        const TemporaryDirectory dir;
        fill(dir);
        auto keyring = contents(dir.data() / "keyring");
        keyring[2 * format::block_size + format::slot_sealed] =
            static_cast<char>(keyring[2 * format::block_size + format::slot_sealed] ^ 1);
        overwrite(dir.data() / "keyring", keyring);
        const auto store = open(dir.data());
        REQUIRE(store->quarantined_spans().size() == 1);
        CHECK(store->quarantined_spans()[0].id == archive_1);
        CHECK(store->quarantined_spans()[0].span.deadline == 0);
        check_second_bucket(*store);
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
}
