// SPDX-License-Identifier: AGPL-3.0-or-later
// Invitations: made, found, used, refused, swept.
#include "server/admin/invitations.h"

#include <doctest/doctest.h>

#include "tests/unit/admin/rig.h"

using namespace lethe;
using namespace lethe::admin;

namespace {

constexpr std::int64_t hour = 3'600'000'000, day = 24 * hour;

class SetClock final : public retention::Clock {
public:
    retention::Time now() const override { return at; }
    retention::Time at = 1'700'000'000'000'000;
};

struct Desk : test::Rig {
    Desk() {
        policy.registration = "invite";
        invitations.emplace(Invitations::Options{*store, *keys, clock, "chat.example", "https://chat.example"}, policy);
    }
    std::expected<Invitations::Made, Failure> make(const Invitations::Wanted& wanted) {
        std::expected<Invitations::Made, Failure> result = std::unexpected(Failure{});
        bool done = false;
        invitations->make(wanted, [&](auto made) {
            result = std::move(made);
            done = true;
        });
        run_until(done);
        return result;
    }
    std::string made(const Invitations::Wanted& wanted = {}) {
        auto result = make(wanted);
        REQUIRE(result.has_value());
        return result->token;
    }
    bool use(const Invitations::Found& found) {
        store::Batch batch;
        invitations->use(batch, found);
        bool done = false, good = false;
        store->write(std::move(batch), [&](store::Result result) {
            good = result.has_value();
            done = true;
        });
        run_until(done);
        return good;
    }
    std::size_t sweep() {
        std::size_t erased = 0;
        bool done = false;
        invitations->sweep([&](std::size_t count) {
            erased = count;
            done = true;
        });
        run_until(done);
        return erased;
    }
    Outcome register_with(const xmpp::BareJid& jid, const Invitations::Found& found) {
        return outcome_of([&](Done done) {
            operations->add(jid, test::quick("x"), std::move(done), [&](store::Batch& batch, const crypto::Vault& vault) {
                CHECK(vault.account() == keys->account_id(jid));
                invitations->use(batch, found);
            });
        });
    }
    std::size_t rows() const { return store->invitations()->size(); }

    SetClock clock;
    retention::Policy policy;
    std::optional<Invitations> invitations;
};

xmpp::BareJid jid(std::string_view text) { return *xmpp::BareJid::parse(text); }

}  // namespace

TEST_SUITE("admin/invitations") {
    TEST_CASE("the operator's invitation is a link that finds its row, for so many uses") {
        Desk desk;
        const auto made = desk.make({.days = 3, .uses = 2});
        REQUIRE(made.has_value());
        CHECK(made->uri == "xmpp:chat.example?register;preauth=" + made->token);
        CHECK(made->link == "https://chat.example/i/" + made->token);
        CHECK(made->until > desk.clock.at + 3 * day - 2 * hour);
        CHECK(made->until < desk.clock.at + 3 * day);
        for (const unsigned left : {2u, 1u}) {
            const auto found = desk.invitations->find(made->token);
            REQUIRE(found.has_value());
            CHECK(found->invitation.uses == left);
            CHECK_FALSE(found->inviter.has_value());
            CHECK(found->row.deadline % hour == 0);
            CHECK(desk.use(*found));
        }
        CHECK_FALSE(desk.invitations->find(made->token).has_value());
        CHECK(desk.rows() == 0);
    }

    TEST_CASE("without a web server the link is the uri, and an address is escaped in it") {
        Desk desk;
        Invitations bare({*desk.store, *desk.keys, desk.clock, "chat.example", ""}, desk.policy);
        const auto inviter = jid("j\u00fcrgen#1@chat.example");
        REQUIRE(desk.add(inviter, "x").has_value());
        bool done = false;
        bare.make({.inviter = inviter}, [&](auto made) {
            REQUIRE(made.has_value());
            CHECK(made->uri == "xmpp:j%c3%bcrgen%231@chat.example?roster;preauth=" + made->token + ";ibr=y");
            CHECK(made->link == made->uri);
            done = true;
        });
        desk.run_until(done);
    }

    TEST_CASE("what the policy does not allow is not made, not found, and swept") {
        Desk desk;
        CHECK(desk.make({.days = 15}).error().status == Status::usage);
        CHECK(desk.make({.days = 0}).error().status == Status::usage);
        CHECK(desk.make({.uses = 0}).error().status == Status::usage);
        CHECK(desk.make({.uses = 1001}).error().status == Status::usage);
        const auto longer = desk.made({.days = 14}), shorter = desk.made({.days = 2});
        desk.policy.invitations.micros = 3 * day;
        desk.invitations->follow_policy(desk.policy);
        CHECK_FALSE(desk.invitations->find(longer).has_value());
        CHECK(desk.invitations->find(shorter).has_value());
        CHECK(desk.invitations->next_deadline() <= desk.clock.at);
        CHECK(desk.sweep() == 1);
        desk.policy.registration = "closed";
        desk.invitations->follow_policy(desk.policy);
        CHECK_FALSE(desk.invitations->find(shorter).has_value());
        CHECK(desk.make({}).error().status == Status::refused);
        CHECK(desk.sweep() == 1);
        CHECK(desk.rows() == 0);
        CHECK(desk.invitations->next_deadline() == store::no_deadline);
    }

    TEST_CASE("it ends in time, and who began before may end") {
        Desk desk;
        const auto token = desk.made({.days = 1});
        const auto found = desk.invitations->find(token);
        REQUIRE(found.has_value());
        desk.clock.at = found->invitation.until - 1;
        CHECK(desk.invitations->find(token).has_value());
        CHECK(desk.sweep() == 0);
        desk.clock.at = found->invitation.until;
        CHECK_FALSE(desk.invitations->find(token).has_value());
        CHECK(desk.invitations->find(token, Invitations::When::begun).has_value());
        CHECK(desk.invitations->next_deadline() == found->row.deadline);
        desk.clock.at = found->row.deadline;
        CHECK_FALSE(desk.invitations->find(token, Invitations::When::begun).has_value());
        CHECK(desk.sweep() == 1);
        CHECK(desk.rows() == 0);
    }

    TEST_CASE("one use gives one account: of two that read the same row the second gets none, and a name that is taken uses nothing") {
        Desk desk;
        const auto token = desk.made();
        const auto found = desk.invitations->find(token);
        REQUIRE(found.has_value());
        REQUIRE(desk.add(jid("taken@chat.example"), "x").has_value());
        CHECK_FALSE(desk.register_with(jid("taken@chat.example"), *found).has_value());
        CHECK(desk.invitations->find(token).has_value());
        CHECK(desk.register_with(jid("first@chat.example"), *found).has_value());
        CHECK_FALSE(desk.register_with(jid("second@chat.example"), *found).has_value());
        CHECK(desk.store->account_count() == 2);
        CHECK_FALSE(desk.store->account(desk.keys->account_id(jid("second@chat.example")))->has_value());
        CHECK(desk.add(jid("second@chat.example"), "x").has_value());  // nothing of the failure stays in the way
    }

    TEST_CASE("whoever invited and is gone, reset or suspended has not invited") {
        Desk desk;
        const auto inviter = jid("romeo@chat.example");
        CHECK(desk.make({.inviter = inviter}).error().status == Status::refused);
        REQUIRE(desk.add(inviter, "x").has_value());
        const auto token = desk.made({.inviter = inviter});
        REQUIRE(desk.invitations->find(token).has_value());
        CHECK(desk.invitations->find(token)->inviter == inviter);
        REQUIRE(desk.suspend(inviter, true).has_value());
        CHECK_FALSE(desk.invitations->find(token).has_value());
        REQUIRE(desk.suspend(inviter, false).has_value());
        CHECK(desk.invitations->find(token).has_value());
        REQUIRE(desk.reset(inviter, "y").has_value());
        CHECK_FALSE(desk.invitations->find(token).has_value());
        const auto again = desk.made({.inviter = inviter});
        REQUIRE(desk.erase(inviter).has_value());
        REQUIRE(desk.add(inviter, "x").has_value());  // somebody else
        CHECK_FALSE(desk.invitations->find(again).has_value());
    }

    TEST_CASE("what nobody was given finds nothing") {
        Desk desk;
        const auto token = desk.made();
        auto other = token;
        other.back() = other.back() == '0' ? '1' : '0';
        for (const auto& wrong : {std::string(), std::string("x"), token + " ", token.substr(1), other, std::string(100'000, 'a')})
            CHECK_FALSE(desk.invitations->find(wrong).has_value());
    }
}
