// SPDX-License-Identifier: AGPL-3.0-or-later
// Rows of invitations: conditions, accounts that are made with one, and directories from before there were any.
#include <lmdb.h>

#include "store/environment.h"
#include "store/format.h"
#include "tests/unit/store/support.h"

using namespace lethe::store;
using namespace lethe::store::test;

namespace {

InvitationId invitation(std::uint8_t n) {
    InvitationId id;
    id.bytes.fill(n);
    return id;
}

InvitationRow row(std::string_view text, std::int64_t deadline = 5) { return {deadline, sealed(text)}; }

std::string lies_at(const Store& store, const InvitationId& id) {
    const auto found = store.invitation(id);
    REQUIRE(found.has_value());
    return *found ? std::to_string((*found)->deadline) + " " + std::string(lethe::as_text((*found)->value.view())) : "none";
}

template <class F>
Result edit(Store& store, F&& f) {
    Batch batch;
    f(batch);
    return write(store, std::move(batch));
}

Result make_with(Store& store, std::uint8_t n, Batch with) {
    return wait([&](Completion done) {
        store.create_account(account_id(n), key_of<lethe::crypto::AccountKey>(n), sealed("record"), std::move(done), std::move(with));
    });
}

}  // namespace

TEST_SUITE("store/invitations") {
    TEST_CASE("a row is put once, changed only from what was read, and erased") {
        const TemporaryDirectory dir;
        const auto store = fresh(dir);
        CHECK(edit(*store, [](Batch& b) { b.put_invitation(invitation(1), row("two")); }));
        CHECK(edit(*store, [](Batch& b) { b.put_invitation(invitation(1), row("x")); }).error().kind == ErrorKind::exists);
        CHECK(edit(*store, [](Batch& b) { b.change_invitation(invitation(1), row("two"), row("one")); }));
        CHECK(edit(*store, [](Batch& b) { b.change_invitation(invitation(1), row("two"), row("one")); }).error().kind == ErrorKind::not_found);
        CHECK(edit(*store, [](Batch& b) { b.change_invitation(invitation(1), row("one", 6), {}); }).error().kind == ErrorKind::not_found);
        CHECK(edit(*store, [](Batch& b) { b.change_invitation(invitation(2), row("one"), {}); }).error().kind == ErrorKind::not_found);
        CHECK(lies_at(*store, invitation(1)) == "5 one");
        CHECK(edit(*store, [](Batch& b) { b.put_invitation(invitation(3), row("three", 7)); }));
        CHECK(store->invitations() == std::vector<std::pair<InvitationId, std::int64_t>>{{invitation(1), 5}, {invitation(3), 7}});
        CHECK(edit(*store, [](Batch& b) { b.change_invitation(invitation(1), row("one"), {}); }));
        CHECK(edit(*store, [](Batch& b) { b.erase_invitation(invitation(3)).erase_invitation(invitation(4)); }));
        CHECK(store->invitations()->empty());
    }

    TEST_CASE("an account is made together with its rows and one use less, or none of it happens") {
        const TemporaryDirectory dir;
        auto store = fresh(dir);
        REQUIRE(edit(*store, [](Batch& b) { b.put_invitation(invitation(1), row("one")); }));
        const auto with = [](std::uint8_t n) {
            Batch batch;
            batch.change_invitation(invitation(1), row("one"), {});
            batch.put(Table::roster, account_id(n), blind_key(1), sealed("contact"));
            return batch;
        };
        CHECK(make_with(*store, 1, with(1)));
        CHECK(lies_at(*store, invitation(1)) == "none");
        CHECK(store->rows(Table::roster, account_id(1))->size() == 1);
        CHECK(make_with(*store, 2, with(2)).error().kind == ErrorKind::not_found);
        CHECK_FALSE(store->account(account_id(2))->has_value());
        CHECK(store->rows(Table::roster, account_id(2))->empty());
        REQUIRE(edit(*store, [](Batch& b) { b.put_invitation(invitation(1), row("one")); }));
        CHECK(make_with(*store, 1, with(1)).error().kind == ErrorKind::exists);
        CHECK(lies_at(*store, invitation(1)) == "5 one");
        CHECK(make_with(*store, 2, with(2)));
        store.reset();
        store = open(dir.data());
        CHECK(store->account_count() == 2);
        CHECK(store->invitations()->empty());
    }

    TEST_CASE("a directory from before there were invitations gets their table at the next open, and keeps what it has") {
        const TemporaryDirectory dir;
        {
            const auto store = fresh(dir);
            REQUIRE(make_account(*store, 1, 11, "record"));
        }
        {
            const auto env = Environment::open(dir.data() / "state.mdb", state_layout(), Access::existing);
            REQUIRE(env);
            MDB_txn* txn = nullptr;
            REQUIRE(mdb_txn_begin((*env)->handle(), nullptr, 0, &txn) == 0);
            REQUIRE(mdb_drop(txn, (*env)->table(format::invitations), 1) == 0);
            REQUIRE(mdb_txn_commit(txn) == 0);
        }
        CHECK_FALSE(Environment::open(dir.data() / "state.mdb", state_layout(), Access::existing).has_value());
        const auto store = open(dir.data());
        CHECK(store->account_count() == 1);
        CHECK(edit(*store, [](Batch& b) { b.put_invitation(invitation(1), row("one")); }));
        CHECK(lies_at(*store, invitation(1)) == "5 one");
    }
}
