// SPDX-License-Identifier: AGPL-3.0-or-later
// Keys that the disk does not let us overwrite: who is told what, and that they go in the end.
#include "store/format.h"
#include "tests/unit/store/faults.h"
#include "tests/unit/store/support.h"

using namespace lethe;
using namespace lethe::store;
using namespace lethe::store::test;

namespace {

/// Account 1 with key 11 in slot 1 and one row.
struct Fixture {
    Fixture() : store(fresh(dir)) {
        REQUIRE(make_account(*store, 1, 11, "record"));
        Batch batch;
        batch.put(Table::roster, account_id(1), blind_key(1), sealed("row"));
        REQUIRE(write(*store, std::move(batch)));
        before = slot(1);
    }
    ~Fixture() { faults::disarm(); }
    std::filesystem::path keyring() const { return dir.data() / "keyring"; }
    std::string slot(std::size_t index) const {
        return contents(keyring()).substr(index * format::block_size, format::block_size);
    }
    void refuse_from(long operation) { faults::arm(keyring(), {faults::Kind::fail_on, operation, EIO}); }
    Result erase() {
        return wait([&](Completion done) { store->erase_account(account_id(1), std::move(done)); });
    }
    Result overwrite_again() {
        return wait([&](Completion done) { store->overwrite_again(std::move(done)); });
    }
    bool reset() {
        const auto result = wait([&](Completion done) {
            store->rekey_account(account_id(1), key_of<crypto::AccountKey>(12), sealed("new"), {},
                                 std::move(done));
        });
        return !result && result.error().kind == ErrorKind::not_overwritten;
    }
    TemporaryDirectory dir;
    std::unique_ptr<Store> store;
    std::string before;
};

}  // namespace

TEST_SUITE("store/keys left over") {
    TEST_CASE_FIXTURE(
        Fixture,
        "an account goes even if its slot cannot be overwritten, and that is tried again until it works") {
        CHECK(store->keys_left_over() == 0);
        CHECK(overwrite_again());
        for (const long operation : {1, 2}) {  // the write, the sync
            CAPTURE(operation);
            refuse_from(operation);
            if (operation == 1) {
                const auto erased = erase();
                REQUIRE(!erased);
                CHECK(erased.error().kind == ErrorKind::not_overwritten);
                CHECK(erased.error().code == EIO);
            }
            CHECK(!store->account(account_id(1))->has_value());
            CHECK(store->rows(Table::roster, account_id(1))->empty());
            CHECK(store->account_count() == 0);
            CHECK(store->keys_left_over() == 1);
            CHECK(!overwrite_again());
            CHECK(store->keys_left_over() == 1);
            if (operation == 1) CHECK(slot(1) == before);
            faults::disarm();
        }
        CHECK(overwrite_again());
        CHECK(store->keys_left_over() == 0);
        CHECK(slot(1) != before);
        CHECK(make_account(*store, 1, 13, "again"));
        CHECK(byte_of((*store->account(account_id(1)))->key) == 13);
    }

    TEST_CASE_FIXTURE(
        Fixture, "a start that cannot overwrite what was left over is refused, and the one that can does") {
        SUBCASE("an erasure") {
            refuse_from(1);
            CHECK(!erase());
        }
        SUBCASE("a new key") {
            refuse_from(3);  // behind the write and the sync of the new one
            CHECK(reset());
        }
        CHECK(store->keys_left_over() == 1);
        store.reset();
        refuse_from(1);
        CHECK(has(problem_of(dir.data()), keyring().string() + " cannot be written"));
        CHECK(slot(1) == before);
        faults::disarm();
        CHECK(problem_of(dir.data()).empty());
        CHECK(slot(1) != before);
    }

    TEST_CASE_FIXTURE(Fixture, "a new key counts although the old one is left over") {
        refuse_from(3);
        CHECK(reset());
        faults::disarm();
        CHECK(byte_of((*store->account(account_id(1)))->key) == 12);
        CHECK(text((*store->account(account_id(1)))->record) == "new");
        CHECK(store->keys_left_over() == 1);
        CHECK(slot(1) == before);
        CHECK(overwrite_again());
        CHECK(slot(1) != before);
        CHECK(byte_of((*store->account(account_id(1)))->key) == 12);
    }

    TEST_CASE_FIXTURE(
        Fixture, "an erasure of which the disk takes no part did not happen, and does not happen later") {
        faults::arm(dir.data(), {faults::Kind::fail_on, 1, EROFS});
        const auto erased = erase();
        REQUIRE(!erased);
        CHECK(erased.error().kind == ErrorKind::io);
        faults::disarm();
        CHECK(store->keys_left_over() == 0);
        REQUIRE(make_account(*store, 2, 21, "other"));  // flushes the keyring
        REQUIRE(store->account(account_id(1))->has_value());
        CHECK(byte_of((*store->account(account_id(1)))->key) == 11);
        store.reset();
        store = open(dir.data());
        CHECK(slot(1) == before);
        CHECK(store->account_count() == 2);
        CHECK(erase());
        CHECK(slot(1) != before);
    }

    TEST_CASE_FIXTURE(Fixture, "a bucket's key is among them") {
        REQUIRE(make_bucket(*store, archive_1));
        refuse_from(1);
        CHECK(!wait([&](Completion done) { store->destroy_bucket(archive_1, std::move(done), {}); }));
        CHECK(store->keys_left_over() == 1);
        faults::disarm();
        CHECK(overwrite_again());
        CHECK(store->keys_left_over() == 0);
        CHECK(succeeds([&](Completion done) { store->destroy_bucket(archive_1, std::move(done), {}); }));
    }
}
