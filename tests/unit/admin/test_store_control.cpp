// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/admin/store_control.h"
#include "server/admin/uploads.h"
#include "tests/unit/admin/rig.h"

using namespace lethe;
using namespace lethe::admin;
using test::Rig;

namespace {

class FixedClock final : public retention::Clock {
public:
    retention::Time time = 0;
    retention::Time now() const override { return time; }
};

/// Writes down the hooks.
class Watched final : public StoreControlHandler {
public:
    using StoreControlHandler::StoreControlHandler;
    std::vector<std::string> seen;
    std::size_t stuck = 0;
    std::optional<Failure> no_sweep;
    void accept_clock(Answer answer) override { answer(Facts{}); }

private:
    std::expected<void, Failure> may_sweep() const override {
        if (no_sweep) return std::unexpected(*no_sweep);
        return {};
    }
    static std::string name(Change change) {
        switch (change) {
            case Change::added:
                return "added";
            case Change::reset:
                return "reset";
            case Change::suspended:
                return "suspended";
            case Change::unsuspended:
                return "unsuspended";
            case Change::erased:
                return "erased";
        }
        return {};
    }
    void account_changing(const xmpp::BareJid& jid, Change change) override {
        seen.push_back("before " + name(change) + ' ' + jid.to_string());
    }
    void account_changed(const xmpp::BareJid& jid, Change change) override {
        seen.push_back("after " + name(change) + ' ' + jid.to_string());
    }
    std::size_t stuck_buckets() const override { return stuck; }
    void status_extra(Facts& facts) override { facts.emplace_back("sessions", std::int64_t{7}); }
};

struct Controlled : Rig {
    FixedClock clock;
    Watched handler{Watched::Options{.domain = "chat.example",
                                     .scram_sha_1 = false,
                                     .operations = *operations,
                                     .store = *store,
                                     .clock = clock,
                                     .buckets = nullptr,
                                     .offload = [](auto work, auto then) {
                                         work();
                                         then();
                                     }}};

    Reply ask(Command command, std::string account = {}, std::string_view password = {}) {
        Request request;
        request.command = command;
        request.account = std::move(account);
        request.password = Password(password);
        return ask(std::move(request));
    }
    Reply ask(Request request) {
        Reply answered;
        bool done = false;
        dispatch(std::move(request), handler, [&](Reply reply) {
            answered = std::move(reply);
            done = true;
        });
        run_until(done);
        return answered;
    }
    void create_bucket(crypto::ClassId cls, std::uint32_t number, std::int64_t deadline) {
        bool done = false;
        store->create_bucket({cls, number}, {0, 1, deadline}, crypto::BucketKey::generate(),
                             [&](store::Result result) {
                                 CHECK(result.has_value());
                                 done = true;
                             });
        run_until(done);
    }
};

Status status_of(const Reply& reply) {
    REQUIRE_FALSE(reply.has_value());
    return reply.error().status;
}

}  // namespace

TEST_SUITE("admin/store control") {
    TEST_CASE("an account's life through requests, and the hooks around each step") {
        Controlled c;
        CHECK(c.ask(Command::account_add, "Romeo@chat.example", "pencil case") == Reply(Facts{}));
        CHECK(c.ask(Command::account_count) == Reply(Facts{{"accounts", std::int64_t{1}}}));
        const auto jid = *xmpp::BareJid::parse("romeo@chat.example");
        CHECK(c.login(jid, crypto::Mechanism::scram_sha_256, "pencil case").has_value());
        CHECK(c.record(jid).credentials.size() == 1);  // scram_sha_1 is off
        CHECK(c.ask(Command::account_suspend, "romeo@chat.example").has_value());
        CHECK(c.ask(Command::account_unsuspend, "romeo@chat.example").has_value());
        CHECK(c.ask(Command::account_reset, "romeo@chat.example", "other case").has_value());
        CHECK(c.login(jid, crypto::Mechanism::scram_sha_256, "other case").has_value());
        CHECK(c.ask(Command::account_erase, "romeo@chat.example").has_value());
        CHECK(c.handler.seen == std::vector<std::string>{
                                    "after added romeo@chat.example", "before suspended romeo@chat.example",
                                    "after suspended romeo@chat.example",
                                    "after unsuspended romeo@chat.example", "before reset romeo@chat.example",
                                    "after reset romeo@chat.example", "before erased romeo@chat.example",
                                    "after erased romeo@chat.example"});
    }

    TEST_CASE("what fails changes nothing, and nobody is told that it changed") {
        Controlled c;
        CHECK(status_of(c.ask(Command::account_add, "romeo@other.example", "pencil case")) == Status::usage);
        CHECK(status_of(c.ask(Command::account_add, "romeo@chat.example", "")) == Status::usage);
        CHECK(status_of(c.ask(Command::account_add, "romeo@chat.example", "pencil")) == Status::usage);
        CHECK(status_of(c.ask(Command::account_erase, "chat.example")) == Status::usage);
        CHECK(c.handler.seen.empty());
        CHECK(status_of(c.ask(Command::account_erase, "romeo@chat.example")) == Status::refused);
        CHECK(status_of(c.ask(Command::account_unsuspend, "romeo@chat.example")) == Status::refused);
        CHECK(c.handler.seen == std::vector<std::string>{"before erased romeo@chat.example"});
        CHECK(c.ask(Command::account_count) == Reply(Facts{{"accounts", std::int64_t{0}}}));
    }


    TEST_CASE("nothing is swept while the clock is not to be believed") {
        Controlled c;
        CHECK(status_of(c.ask(Command::sweep)) == Status::system);  // there is nothing to sweep with
        c.handler.no_sweep = Failure{Status::refused, "the clock is in doubt"};
        CHECK(c.ask(Command::sweep) == Reply(std::unexpected(*c.handler.no_sweep)));
        CHECK(c.ask(Command::clock_accept) == Reply(Facts{}));
    }

    TEST_CASE("a file that may lie in a bucket that cannot be read is not called gone") {
        Controlled c;
        c.create_bucket(crypto::ClassId::uploads, 1, store::no_deadline);
        const auto token = crypto::UploadToken::generate();
        const auto remove = [&] {
            Request request;
            request.command = Command::upload_remove;
            request.url = "https://chat.example/f/" + crypto::to_text(token) + "/a.txt";
            return c.ask(std::move(request));
        };
        CHECK(status_of(remove()) == Status::refused);
        // More of them than are open at once: the first is closed, and cannot be opened again.
        for (std::uint32_t number = 2; number <= 70; ++number) c.create_bucket(crypto::ClassId::uploads, number, store::no_deadline);
        const auto file = c.dir.path() / "data/buckets/uploads/1.mdb";
        std::filesystem::remove(file);
        std::filesystem::create_directory(file);
        CHECK(status_of(remove()) == Status::system);
        const std::vector<UploadPlace> places{{{crypto::ClassId::uploads, 1}, std::make_shared<const crypto::BucketKey>(crypto::BucketKey::generate())}};
        const auto found = find_upload(*c.store, places, crypto::upload_row(c.keys->upload_slot_key(), token), token);
        REQUIRE_FALSE(found.has_value());
        CHECK(found.error() == NoUpload::unreadable);
    }

    TEST_CASE("a status is aggregates") {
        Controlled c;
        CHECK(c.ask(Command::account_add, "romeo@chat.example", "pencil case").has_value());
        c.create_bucket(crypto::ClassId::archive, 1, 3'000'000);
        c.create_bucket(crypto::ClassId::archive, 2, 2'000'000);
        c.create_bucket(crypto::ClassId::letterbox, 1, store::no_deadline);
        c.clock.time = 1'999'999;
        CHECK(c.ask(Command::status) ==
              Reply(Facts{{"accounts", std::int64_t{1}},
                          {"buckets_archive", std::int64_t{2}},
                          {"buckets_letterbox", std::int64_t{1}},
                          {"buckets_subscriptions", std::int64_t{0}}, {"buckets_uploads", std::int64_t{0}},
                          {"next_deadline", std::string("1970-01-01T00:00:02.000000Z")},
                          {"overdue", std::int64_t{0}},
                          {"quarantined", std::int64_t{0}},
                          {"sessions", std::int64_t{7}}}));
        c.clock.time = 2'000'000;
        c.handler.stuck = 2;
        const auto later = c.ask(Command::status);
        REQUIRE(later.has_value());
        CHECK((*later)[6] == std::pair<std::string, Value>{"overdue", std::int64_t{3}});
    }

    TEST_CASE("without a deadline a status says none") {
        Controlled c;
        const auto reply = c.ask(Command::status);
        REQUIRE(reply.has_value());
        CHECK((*reply)[5] == std::pair<std::string, Value>{"next_deadline", std::string("none")});
    }
}
