// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0198 bookkeeping and the outbox, without a socket.
#include "server/core/session.h"

#include <doctest/doctest.h>

using namespace lethe;
using namespace lethe::core;

namespace {

struct Bench {
    std::chrono::steady_clock::time_point now{};
    std::shared_ptr<Outbox> outbox = std::make_shared<Outbox>(4000);
    std::shared_ptr<Session> session = std::make_shared<Session>(
        *xmpp::FullJid::parse("a@x.example/r"), nullptr, outbox,
        Session::Unacknowledged{.count = 10, .bytes = 10'000, .patience = std::chrono::seconds(30), .now = [this] { return now; }});

    std::string next() {
        if (outbox->empty()) return "";
        auto items = outbox->take(1);
        auto text = *items.front().bytes;
        session->written(items);
        return text;
    }
    std::string all() {
        std::string text;
        for (auto one = next(); !one.empty(); one = next()) text += one;
        return text;
    }
};

}  // namespace

TEST_SUITE("core/session") {
    TEST_CASE("an answer to <r/> waits for every commit of the stanzas before it, not for later ones") {
        Bench b;
        b.session->enable_acknowledgements();
        b.session->count_inbound();
        const auto first = b.session->hold();
        b.session->acknowledgement_requested();
        CHECK(b.all() == "");
        b.session->count_inbound();
        const auto second = b.session->hold();
        b.session->release(first);
        CHECK(b.all() == "<a xmlns='urn:xmpp:sm:3' h='1'/>");
        b.session->acknowledgement_requested();
        CHECK(b.all() == "");
        b.session->release(second);
        CHECK(b.all() == "<a xmlns='urn:xmpp:sm:3' h='2'/>");
    }
    TEST_CASE("a stanza with two commits is answered after both") {
        Bench b;
        b.session->enable_acknowledgements();
        b.session->count_inbound();
        const auto ordinal = b.session->hold();
        b.session->hold();
        b.session->acknowledgement_requested();
        b.session->release(ordinal);
        CHECK(b.all() == "");
        b.session->release(ordinal);
        CHECK(b.all() == "<a xmlns='urn:xmpp:sm:3' h='1'/>");
    }
    TEST_CASE("with acknowledgements an item is taken when the client says so, without them when it was written") {
        Bench b;
        int taken = 0;
        b.session->on_taken = [&](const Outgoing&) { ++taken; };
        const auto item = [] {
            Outgoing o{make_wire("<message/>")};
            o.letterbox = crypto::LogPlace{};
            return o;
        };
        b.session->send(item());
        CHECK(taken == 0);
        b.all();
        CHECK(taken == 1);
        b.session->enable_acknowledgements();
        b.session->send(item());
        b.session->send(item());
        CHECK(b.all().ends_with("<r xmlns='urn:xmpp:sm:3'/>"));
        CHECK(taken == 1);
        CHECK(b.session->acknowledged(1));
        CHECK(taken == 2);
        CHECK_FALSE(b.session->acknowledged(3));
        CHECK(b.session->acknowledged(2));
        CHECK(taken == 3);
    }
    TEST_CASE("what is not confirmed comes back when the session is lost, written or not") {
        Bench b;
        auto delivery = std::make_shared<Delivery>();
        b.session->send({.bytes = make_wire("<message n='0'/>"), .delivery = delivery});
        b.session->enable_acknowledgements();
        b.session->send({.bytes = make_wire("<message n='1'/>"), .delivery = delivery});
        CHECK(delivery->pending == 2);
        const auto lost = b.session->take_unconfirmed();
        REQUIRE(lost.size() == 2);
        CHECK(delivery->pending == 0);
        CHECK_FALSE(delivery->taken);
    }
    TEST_CASE("what comes for a stream that is closing already comes back too") {
        Bench b;
        auto delivery = std::make_shared<Delivery>();
        b.outbox->close();
        b.session->send({.bytes = make_wire("<message/>"), .delivery = delivery});
        CHECK(delivery->pending == 1);
        CHECK(b.session->take_unconfirmed().size() == 1);
        CHECK(delivery->pending == 0);
        CHECK_FALSE(delivery->taken);
        CHECK(b.session->take_unconfirmed().empty());
    }
    TEST_CASE("a client is not ended for what came at once, but asked; it is ended when it acknowledges nothing for too long") {
        Bench b;
        std::optional<xmpp::StreamCondition> end;
        b.session->on_kick = [&](xmpp::StreamCondition c, std::string) { end = c; };
        b.session->enable_acknowledgements();
        for (int i = 0; i < 30; ++i) b.session->send("<m/>");
        CHECK_FALSE(end);
        CHECK(b.all().find("<r xmlns='urn:xmpp:sm:3'/>") != std::string::npos);
        b.now += std::chrono::seconds(30);
        b.session->send("<m/>");
        CHECK_FALSE(end);
        SUBCASE("silence") {
            b.now += std::chrono::seconds(1);
            b.session->send("<m/>");
            CHECK(end == xmpp::StreamCondition::policy_violation);
        }
        SUBCASE("one acknowledged stanza gives it as long again") {
            CHECK(b.session->acknowledged(1));
            b.now += std::chrono::seconds(20);
            b.session->send("<m/>");
            b.now += std::chrono::seconds(30);
            b.session->send("<m/>");
            CHECK_FALSE(end);
            b.now += std::chrono::seconds(1);
            b.session->send("<m/>");
            CHECK(end);
        }
        SUBCASE("once it is below the limit, time does not count") {
            CHECK(b.session->acknowledged(31));
            b.now += std::chrono::hours(1);
            for (int i = 0; i < 11; ++i) b.session->send("<m/>");
            CHECK_FALSE(end);
        }
    }
    TEST_CASE("what a client leaves unacknowledged is bounded in bytes, at once") {
        Bench b;
        std::optional<xmpp::StreamCondition> end;
        b.session->on_kick = [&](xmpp::StreamCondition c, std::string) { end = c; };
        b.session->enable_acknowledgements();
        b.session->send(std::string(20'000, 'x'));
        CHECK_FALSE(end);  // one large stanza alone is fine
        b.all();
        CHECK(b.session->acknowledged(1));
        for (int i = 0; i < 4; ++i) {
            b.session->send(std::string(2'000, 'x'));
            b.all();
        }
        CHECK_FALSE(end);
        b.session->send(std::string(2'000, 'x'));
        CHECK(end == xmpp::StreamCondition::policy_violation);
    }
    TEST_CASE("whoever waits for progress hears of what is written, acknowledged, and of the end") {
        Bench b;
        int heard = 0;
        const auto listen = [&] { b.session->on_progress([&] { ++heard; }); };
        listen();
        b.session->send("<m/>");
        CHECK(heard == 0);
        b.next();
        CHECK(heard == 1);
        b.next();
        CHECK(heard == 1);  // once
        b.session->enable_acknowledgements();
        b.session->send("<m/>");
        b.all();
        listen();
        CHECK(b.session->acknowledged(0));
        CHECK(heard == 1);  // nothing new
        CHECK(b.session->acknowledged(1));
        CHECK(heard == 2);
        listen();
        b.session->end();
        CHECK(heard == 3);
        CHECK(b.session->ended);
    }
    TEST_CASE("the outbox is bounded and says so once") {
        Outbox box(100);
        int overflows = 0;
        box.overflow = [&] { ++overflows; };
        CHECK(box.push({make_wire(std::string(100, 'x'))}));
        CHECK(overflows == 0);
        CHECK(box.push({make_wire("y")}));
        CHECK(overflows == 1);
        CHECK_FALSE(box.push({make_wire("z")}));
        CHECK(overflows == 1);
        CHECK(box.take(1).size() == 1);
        CHECK(box.take(1000).size() == 1);
        CHECK(box.empty());
        CHECK(box.bytes() == 0);
    }
}
