// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tests/unit/admin/rig.h"

using namespace lethe;
using namespace lethe::admin;
using crypto::Mechanism;
using test::Rig;

namespace {

constexpr auto both = {Mechanism::scram_sha_256, Mechanism::scram_sha_1};

xmpp::BareJid jid(std::string_view text) {
    auto parsed = xmpp::BareJid::parse(text);
    REQUIRE(parsed.has_value());
    return std::move(*parsed);
}
const auto romeo = [] { return jid("romeo@chat.example"); };

Bytes bytes_of(const crypto::VaultSecret& secret) {
    return secret.with_bytes([](ByteView b) { return Bytes(b.begin(), b.end()); });
}
std::string refusal(const Outcome& outcome, Status status = Status::refused) {
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome.error().status == status);
    return outcome.error().text;
}

/// A contact in the vault, as the roster stores one.
void befriend(Rig& rig, const crypto::Vault& vault, std::string_view contact) {
    const auto key = vault.roster_key(jid(contact));
    store::Batch batch;
    batch.put(store::Table::roster, vault.account(), key,
              vault.seal(store::Table::roster, key, as_bytes("a friend")));
    bool done = false;
    rig.store->write(std::move(batch), [&](store::Result result) {
        CHECK(result.has_value());
        done = true;
    });
    rig.run_until(done);
}

}  // namespace

TEST_SUITE("admin/operations") {
    TEST_CASE("a new account's vault opens by each mechanism, and it is the same vault") {
        Rig rig;
        REQUIRE(rig.add(romeo(), "pencil").has_value());
        CHECK(rig.operations->count() == 1);
        const auto record = rig.record(romeo());
        CHECK_FALSE(record.suspended);
        REQUIRE(record.credentials.size() == 2);
        const auto one = rig.login(romeo(), Mechanism::scram_sha_256, "pencil");
        const auto other = rig.login(romeo(), Mechanism::scram_sha_1, "pencil");
        REQUIRE(one.has_value());
        REQUIRE(other.has_value());
        CHECK(bytes_of(*one) == bytes_of(*other));
        CHECK(crypto::Vault(rig.keys->account_id(romeo()), *one).public_key() == record.vault_public);
        CHECK(record.credentials[0].wrap != record.credentials[1].wrap);
    }

    TEST_CASE("a wrong password opens nothing, nor does another account's wrap") {
        Rig rig;
        REQUIRE(rig.add(romeo(), "pencil").has_value());
        REQUIRE(rig.add(jid("juliet@chat.example"), "pencil").has_value());
        for (const auto mechanism : both) {
            CHECK_FALSE(rig.login(romeo(), mechanism, "Pencil").has_value());
            CHECK_FALSE(
                rig.login(rig.record(romeo()), jid("juliet@chat.example"), mechanism, "pencil").has_value());
        }
    }

    TEST_CASE("an account that exists is not made again, and keeps its password") {
        Rig rig;
        REQUIRE(rig.add(romeo(), "first").has_value());
        CHECK(refusal(rig.add(romeo(), "second")) == "the account exists already");
        CHECK(rig.login(romeo(), Mechanism::scram_sha_256, "first").has_value());
        CHECK(rig.operations->count() == 1);
    }

    TEST_CASE("the policy's largest number of accounts holds, also for those that are asked for at once") {
        Rig rig;
        rig.operations = std::make_unique<Operations>(Operations::Options{*rig.store, *rig.keys, 2});
        int made = 0, refused = 0;
        bool done = false;
        for (const auto* name : {"a@chat.example", "b@chat.example", "c@chat.example"})
            rig.operations->add(jid(name), test::quick("pencil"), [&](Outcome outcome) {
                ++(outcome ? made : refused);
                done = made == 2 && refused == 1;
            });
        rig.run_until(done);
        CHECK(refusal(rig.add(jid("d@chat.example"), "pencil")) ==
              "the policy's max_accounts of 2 is reached; erase an account, or publish another policy");
        REQUIRE(rig.erase(jid("a@chat.example")).has_value());
        CHECK(rig.add(jid("d@chat.example"), "pencil").has_value());
    }

    TEST_CASE("a new password keeps the vault and what is in it, under another account key") {
        Rig rig;
        REQUIRE(rig.add(romeo(), "old").has_value());
        const auto before = rig.row(romeo());
        const auto secret = rig.login(romeo(), Mechanism::scram_sha_256, "old");
        REQUIRE(secret.has_value());
        const crypto::Vault vault(rig.keys->account_id(romeo()), *secret);
        befriend(rig, vault, "juliet@chat.example");

        REQUIRE(rig.change_password(romeo(), *secret, "new").has_value());
        for (const auto mechanism : both) {
            const auto again = rig.login(romeo(), mechanism, "new");
            REQUIRE(again.has_value());
            CHECK(bytes_of(*again) == bytes_of(*secret));
            CHECK_FALSE(rig.login(romeo(), mechanism, "old").has_value());
        }
        const auto rows = rig.store->rows(store::Table::roster, vault.account());
        REQUIRE(rows.has_value());
        REQUIRE(rows->size() == 1);
        CHECK(vault.open(store::Table::roster, rows->front().key, rows->front().value).has_value());

        // Who kept a copy of the old record has no key to it: the only one that is left is another.
        const auto after = rig.row(romeo());
        const auto raw = [](const crypto::AccountKey& key) {
            return key.with_bytes([](ByteView b) { return Bytes(b.begin(), b.end()); });
        };
        CHECK(raw(after.key) != raw(before.key));
        CHECK_FALSE(
            rig.keys->open_record(rig.keys->account_id(romeo()), after.key, before.record).has_value());
        CHECK(rig.keys->open_record(rig.keys->account_id(romeo()), before.key, before.record).has_value());
    }

    TEST_CASE("a new password leaves a suspended account suspended") {
        Rig rig;
        REQUIRE(rig.add(romeo(), "old").has_value());
        const auto secret = rig.login(romeo(), Mechanism::scram_sha_256, "old");
        REQUIRE(rig.suspend(romeo(), true).has_value());
        REQUIRE(rig.change_password(romeo(), *secret, "new").has_value());
        CHECK(rig.record(romeo()).suspended);
    }

    TEST_CASE("a reset makes another, empty vault that the old password and the old secret do not open") {
        Rig rig;
        REQUIRE(rig.add(romeo(), "old").has_value());
        const auto before = rig.row(romeo());
        const auto secret = rig.login(romeo(), Mechanism::scram_sha_256, "old");
        REQUIRE(secret.has_value());
        const crypto::Vault vault(rig.keys->account_id(romeo()), *secret);
        befriend(rig, vault, "juliet@chat.example");
        REQUIRE(rig.suspend(romeo(), true).has_value());

        REQUIRE(rig.reset(romeo(), "new").has_value());
        const auto record = rig.record(romeo());
        CHECK(record.suspended);
        CHECK(record.vault_public != vault.public_key());
        for (const auto mechanism : both) {
            const auto again = rig.login(romeo(), mechanism, "new");
            REQUIRE(again.has_value());
            CHECK(bytes_of(*again) != bytes_of(*secret));
            CHECK_FALSE(rig.login(romeo(), mechanism, "old").has_value());
        }
        const auto rows = rig.store->rows(store::Table::roster, vault.account());
        REQUIRE(rows.has_value());
        CHECK(rows->empty());
        CHECK_FALSE(rig.keys->open_record(rig.keys->account_id(romeo()), rig.row(romeo()).key, before.record)
                        .has_value());
    }

    TEST_CASE("what the owner chose and was told survives passwords, resets and suspension, and changes nothing else") {
        Rig rig;
        REQUIRE(rig.add(romeo(), "pencil").has_value());
        const auto fresh = rig.record(romeo());
        CHECK_FALSE(fresh.archive_choice.has_value());
        CHECK(fresh.archive_floor == 0);
        CHECK(fresh.told == 0);
        const auto choose = [&](std::optional<std::int64_t> choice, std::int64_t floor) {
            std::optional<std::int64_t> before = -1;
            const auto outcome = rig.outcome_of([&](Done done) {
                rig.operations->choose_archive(
                    romeo(), choice,
                    [&](std::optional<std::int64_t> old) {
                        before = old;
                        return floor;
                    },
                    std::move(done));
            });
            CHECK(outcome.has_value());
            return before;
        };
        const auto told = [&](std::uint32_t serial) {
            CHECK(rig.outcome_of([&](Done done) { rig.operations->set_told(romeo(), serial, std::move(done)); }).has_value());
        };
        CHECK(choose(86'400'000'000, -5) == std::nullopt);
        CHECK(rig.record(romeo()).archive_floor == 1);  // there was a choice, even if it ruled nothing out
        told(3);
        CHECK(choose(0, 1'000) == 86'400'000'000);
        CHECK(choose(std::nullopt, 900) == 0);
        CHECK(choose(7'000'000, 20) == std::nullopt);
        told(2);
        const auto kept = [&] {
            const auto record = rig.record(romeo());
            CHECK(record.archive_choice == 7'000'000);
            CHECK(record.archive_floor == 1'000);  // what was ruled out once stays so
            CHECK(record.told == 3);
        };
        kept();
        CHECK(rig.record(romeo()).credentials.size() == fresh.credentials.size());
        for (const auto m : both) CHECK(rig.login(romeo(), m, "pencil").has_value());
        REQUIRE(rig.change_password(romeo(), *rig.login(romeo(), Mechanism::scram_sha_256, "pencil"), "crayon").has_value());
        kept();
        REQUIRE(rig.suspend(romeo(), true).has_value());
        kept();
        REQUIRE(rig.reset(romeo(), "chalk").has_value());
        kept();
        CHECK(rig.record(romeo()).suspended);
        CHECK(rig.login(romeo(), Mechanism::scram_sha_256, "chalk").has_value());
    }

    TEST_CASE("a choice waits for the password change that came first, and neither loses the other") {
        Rig rig;
        REQUIRE(rig.add(romeo(), "pencil").has_value());
        const auto secret = *rig.login(romeo(), Mechanism::scram_sha_256, "pencil");
        int left = 3;
        bool done = false;
        const auto count = [&](Outcome outcome) {
            CHECK(outcome.has_value());
            done = --left == 0;
        };
        const auto nothing = [](std::optional<std::int64_t>) { return std::int64_t{0}; };
        rig.operations->choose_archive(romeo(), 5'000'000, nothing, count);
        rig.operations->change_password(romeo(), secret, test::quick("crayon"), count);
        rig.operations->choose_archive(romeo(), 6'000'000, nothing, count);
        rig.run_until(done);
        CHECK(rig.record(romeo()).archive_choice == 6'000'000);
        CHECK(rig.login(romeo(), Mechanism::scram_sha_1, "crayon").has_value());
        bool refused = false;
        done = false;
        rig.operations->erase(romeo(), [](Outcome outcome) { CHECK(outcome.has_value()); });
        rig.operations->choose_archive(romeo(), 7'000'000, nothing, [&](Outcome outcome) {
            refused = !outcome && outcome.error().text == "there is no such account";
            done = true;
        });
        rig.run_until(done);
        CHECK(refused);
    }

    TEST_CASE("a password change that a reset has overtaken does not bring the old vault back") {
        Rig rig;
        REQUIRE(rig.add(romeo(), "old").has_value());
        const auto secret = rig.login(romeo(), Mechanism::scram_sha_256, "old");
        REQUIRE(secret.has_value());
        bool done = false;
        Outcome changed;
        rig.operations->reset(romeo(), test::quick("by the admin"),
                              [](Outcome outcome) { CHECK(outcome.has_value()); });
        rig.operations->change_password(romeo(), *secret, test::quick("by the user"), [&](Outcome outcome) {
            changed = std::move(outcome);
            done = true;
        });
        rig.run_until(done);
        CHECK(refusal(changed) == "the account was reset meanwhile; log in with the new password");
        CHECK(rig.login(romeo(), Mechanism::scram_sha_256, "by the admin").has_value());
    }

    TEST_CASE("suspending is a mark in the record, and comes off again") {
        Rig rig;
        REQUIRE(rig.add(romeo(), "pencil").has_value());
        const auto vault_public = rig.record(romeo()).vault_public;
        CHECK(refusal(rig.suspend(romeo(), false)) == "the account is not suspended");
        REQUIRE(rig.suspend(romeo(), true).has_value());
        CHECK(rig.record(romeo()).suspended);
        CHECK(rig.record(romeo()).vault_public == vault_public);
        CHECK(refusal(rig.suspend(romeo(), true)) == "the account is suspended already");
        REQUIRE(rig.suspend(romeo(), false).has_value());
        CHECK_FALSE(rig.record(romeo()).suspended);
        for (const auto mechanism : both) CHECK(rig.login(romeo(), mechanism, "pencil").has_value());
    }

    TEST_CASE("an erased account is gone with its rows, and a new one of its name is another") {
        Rig rig;
        REQUIRE(rig.add(romeo(), "pencil").has_value());
        const auto before = rig.row(romeo());
        const auto secret = rig.login(romeo(), Mechanism::scram_sha_256, "pencil");
        REQUIRE(secret.has_value());
        const crypto::Vault vault(rig.keys->account_id(romeo()), *secret);
        befriend(rig, vault, "juliet@chat.example");
        REQUIRE(rig.erase(romeo()).has_value());
        CHECK(rig.operations->count() == 0);
        CHECK_FALSE(rig.store->account(vault.account())->has_value());
        CHECK(rig.store->rows(store::Table::roster, vault.account())->empty());

        REQUIRE(rig.add(romeo(), "pencil").has_value());
        CHECK(rig.record(romeo()).vault_public != vault.public_key());
        CHECK(rig.store->rows(store::Table::roster, vault.account())->empty());
        CHECK_FALSE(rig.keys->open_record(vault.account(), rig.row(romeo()).key, before.record).has_value());
    }

    TEST_CASE("what is asked of an account that does not exist is refused") {
        Rig rig;
        const auto none = "there is no such account";
        CHECK(refusal(rig.reset(romeo(), "pencil")) == none);
        CHECK(refusal(rig.suspend(romeo(), true)) == none);
        CHECK(refusal(rig.suspend(romeo(), false)) == none);
        CHECK(refusal(rig.erase(romeo())) == none);
        CHECK(refusal(rig.change_password(romeo(), crypto::VaultSecret::generate(), "pencil")) == none);
        CHECK(rig.operations->count() == 0);
    }

    TEST_CASE("operations on one account take turns, so that each finds what the one before left") {
        Rig rig;
        REQUIRE(rig.add(romeo(), "old").has_value());
        const auto secret = rig.login(romeo(), Mechanism::scram_sha_256, "old");
        REQUIRE(secret.has_value());
        const auto id = rig.keys->account_id(romeo());
        std::vector<int> order;
        bool done = false;
        const auto note = [&](int number) {
            return [&, number](Outcome outcome) {
                CHECK(outcome.has_value());
                CHECK(rig.operations->busy(id));
                order.push_back(number);
                done = order.size() == 4;
            };
        };
        CHECK_FALSE(rig.operations->busy(id));
        rig.operations->set_told(romeo(), 1, [](Outcome) {});
        CHECK_FALSE(rig.operations->busy(id));  // whoever could log in still can
        rig.operations->change_password(romeo(), *secret, test::quick("new"), note(1));
        rig.operations->set_suspended(romeo(), true, note(2));
        rig.operations->change_password(romeo(), *secret, test::quick("newer"), note(3));
        rig.operations->set_suspended(romeo(), false, note(4));
        CHECK(rig.operations->busy(id));
        CHECK_FALSE(rig.operations->busy(rig.keys->account_id(jid("juliet@chat.example"))));
        rig.run_until(done);
        CHECK(order == std::vector{1, 2, 3, 4});
        CHECK_FALSE(rig.operations->busy(id));
        CHECK_FALSE(rig.record(romeo()).suspended);
        const auto again = rig.login(romeo(), Mechanism::scram_sha_256, "newer");
        REQUIRE(again.has_value());
        CHECK(bytes_of(*again) == bytes_of(*secret));
    }

    TEST_CASE("what still waits when the operations end is answered, and nothing of it is done") {
        Rig rig;
        REQUIRE(rig.add(romeo(), "pencil").has_value());
        std::vector<std::string> answers;
        bool done = false;
        const auto note = [&](Outcome outcome) {
            answers.push_back(outcome ? "done" : outcome.error().text);
            done = answers.size() == 3;
        };
        rig.operations->set_suspended(romeo(), true, note);
        rig.operations->set_suspended(romeo(), false, note);
        rig.operations->erase(romeo(), note);
        rig.operations.reset();
        rig.run_until(done);
        const std::string stopping = "the server is stopping; ask again when it runs";
        CHECK(answers == std::vector<std::string>{"done", stopping, stopping});
        CHECK(rig.record(romeo()).suspended);
    }
}
