// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0198 resumption and XEP-0352: what a session holds for a client that is away, without a socket.
#include "server/core/hibernation.h"

#include <doctest/doctest.h>

using namespace lethe;
using namespace lethe::core;

namespace {

const xmpp::Jid friend_a = *xmpp::Jid::parse("friend@x.example/a"), friend_b = *xmpp::Jid::parse("friend@x.example/b"),
                other = *xmpp::Jid::parse("other@x.example/a");

struct Bench {
    std::shared_ptr<Outbox> outbox = std::make_shared<Outbox>(100'000);
    std::shared_ptr<Session> session;
    std::vector<const Delivery*> taken;
    bool over = false;

    explicit Bench(std::uint32_t first = 0) {
        session = std::make_shared<Session>(*xmpp::FullJid::parse("a@x.example/r"), nullptr, outbox,
                                            Session::Unacknowledged{.count = 10, .bytes = 10'000, .patience = std::chrono::seconds(30), .first = first});
        session->on_taken = [this](const Outgoing& item) { taken.push_back(item.delivery.get()); };
    }
    void sleep() {
        session->hibernate([this](xmpp::StreamCondition, std::string) { over = true; });
    }
    void wake() {
        outbox = std::make_shared<Outbox>(100'000);
        session->continue_on(outbox);
        session->resend();
    }
    std::string all() {
        std::string text;
        while (!outbox->empty()) {
            auto items = outbox->take(1);
            text += *items.front().bytes;
            session->written(items);
        }
        return text;
    }
};

}  // namespace

TEST_SUITE("core/hibernation") {
    TEST_CASE("the unacknowledged is sent again, then what came meanwhile, and the request for an acknowledgement") {
        Bench b;
        b.session->enable_acknowledgements();
        b.session->send("<m n='1'/>");
        b.session->send("<m n='2'/>");
        CHECK(b.all() == "<m n='1'/><m n='2'/><r xmlns='urn:xmpp:sm:3'/>");
        b.sleep();
        b.session->send("<m n='3'/>");
        CHECK(b.session->sent() == 3);
        CHECK(b.session->acknowledged(1));
        b.wake();
        CHECK(b.all() == "<m n='2'/><m n='3'/><r xmlns='urn:xmpp:sm:3'/>");
        CHECK(b.session->acknowledged(3));
        CHECK_FALSE(b.session->acknowledged(4));
    }
    TEST_CASE("both counts go on at 0 after 2^32 - 1") {
        Bench b(0xfffffffe);
        b.session->enable_acknowledgements();
        for (int i = 0; i < 3; ++i) b.session->send("<m/>");
        CHECK(b.session->sent() == 1);
        b.sleep();
        CHECK_FALSE(b.session->acknowledged(2));
        CHECK(b.session->acknowledged(0xffffffff));
        b.wake();
        CHECK(b.all() == "<m/><m/><r xmlns='urn:xmpp:sm:3'/>");
        CHECK(b.session->acknowledged(0));
        CHECK(b.session->acknowledged(1));

        b.session->count_inbound();
        const auto held = b.session->hold();
        b.session->count_inbound();
        b.session->acknowledgement_requested();
        CHECK(b.session->handled() == 0);
        CHECK(b.all() == "");
        b.session->release(held);
        CHECK(b.all() == "<a xmlns='urn:xmpp:sm:3' h='0'/>");
    }
    TEST_CASE("an acknowledgement asked for on the lost connection is not given on the next") {
        Bench b;
        b.session->enable_acknowledgements();
        b.session->count_inbound();
        const auto held = b.session->hold();
        b.session->acknowledgement_requested();
        b.sleep();
        b.wake();
        b.session->release(held);
        CHECK(b.all() == "");
    }
    TEST_CASE("a delivery knows when only sessions that hibernate have it") {
        Bench a, b;
        auto delivery = std::make_shared<Delivery>();
        for (auto* bench : {&a, &b}) {
            bench->session->enable_acknowledgements();
            bench->session->send({.bytes = make_wire("<m/>"), .delivery = delivery});
        }
        CHECK_FALSE(delivery->only_asleep());
        a.sleep();
        CHECK_FALSE(delivery->only_asleep());
        b.sleep();
        CHECK(delivery->only_asleep());
        CHECK(a.session->unconfirmed_deliveries().size() == 1);
        a.wake();
        CHECK_FALSE(delivery->only_asleep());
        CHECK(a.session->acknowledged(1));
        CHECK(delivery->taken);
        CHECK(delivery->pending == 1);
        CHECK(b.session->unconfirmed_deliveries().empty());
        b.session->end();
        CHECK(b.session->take_unconfirmed().size() == 1);
        CHECK(delivery->pending == 0);
        CHECK(delivery->asleep == 0);
    }
    TEST_CASE("what was sent before <enable/> and not written is held until it is clear whether the client has it") {
        Bench b;
        auto delivery = std::make_shared<Delivery>();
        b.session->send({.bytes = make_wire("<m/>"), .delivery = delivery});
        b.session->enable_acknowledgements();
        const auto lost = b.outbox;
        SUBCASE("it resumes, so it has seen <enabled/> and all before it") {
            b.sleep();
            CHECK(delivery->only_asleep());
            b.wake();
            CHECK(b.taken.size() == 1);
            CHECK(b.all() == "");
        }
        SUBCASE("it resumes before the old connection's writer gives up") {
            auto items = lost->take(100);
            b.sleep();
            b.wake();
            CHECK(b.taken.empty());
            lost->put_back(std::move(items));
            b.session->left_behind(*lost);
            CHECK(b.taken.size() == 1);
            CHECK(delivery->pending == 0);
        }
        SUBCASE("it does not") {
            b.sleep();
            b.session->end();
            CHECK(b.session->take_unconfirmed().size() == 1);
            CHECK(b.taken.empty());
            CHECK(delivery->asleep == 0);
        }
    }
    TEST_CASE("what waits is bounded in number and bytes, deferred or not") {
        Bench b;
        b.session->enable_acknowledgements();
        b.sleep();
        SUBCASE("number") {
            for (int i = 0; i < 10; ++i) b.session->send("<m/>");
            CHECK_FALSE(b.over);
            b.session->send_deferrable(make_wire("<p/>"), other, DeferredKind::presence);
            CHECK(b.over);
        }
        SUBCASE("bytes") {
            b.session->send(std::string(5'000, 'x'));
            CHECK_FALSE(b.over);
            b.session->send_deferrable(make_wire(std::string(5'000, 'x')), other, DeferredKind::presence);
            CHECK(b.over);
        }
        SUBCASE("already before") {
            b.wake();
            for (int i = 0; i < 11; ++i) b.session->send("<m/>");
            CHECK_FALSE(b.over);
            b.sleep();
            CHECK(b.over);
        }
    }
    TEST_CASE("an inactive client is spared what makes room for newer, and nothing else") {
        Bench b;
        const auto presence = [&](const xmpp::Jid& from, const std::string& text) {
            b.session->send_deferrable(make_wire(text), from, DeferredKind::presence);
        };
        b.session->set_inactive(true);
        presence(friend_a, "<p1/>");
        presence(friend_b, "<p2/>");
        presence(other, "<p3/>");
        presence(friend_a, "<p4/>");
        b.session->send_deferrable(make_wire("<typing/>"), friend_a, DeferredKind::chat_state);
        CHECK(b.all() == "");
        b.session->send_message({make_wire("<m/>")}, friend_a, ChatState::over);
        CHECK(b.all() == "<p2/><p4/><m/>");
        b.session->set_inactive(false);
        CHECK(b.all() == "<p3/>");
        presence(other, "<p5/>");
        CHECK(b.all() == "<p5/>");
        b.session->set_inactive(true);
        b.session->send_message({make_wire("<typing/>")}, friend_a, ChatState::told);
        b.session->send_message({make_wire("<told/>")}, friend_a, ChatState::told, DeferredKind::own_chat_state);
        b.session->send_message({make_wire("<receipt/>")}, friend_a, ChatState::untouched);
        CHECK(b.all() == "<typing/><told/><receipt/>");
    }
    TEST_CASE("what an inactive client is spared is bounded: then it gets it") {
        Bench b;
        b.session->set_inactive(true);
        for (int i = 0; i < 11; ++i)
            b.session->send_deferrable(make_wire("<p/>"), *xmpp::Jid::parse("x" + std::to_string(i) + "@x.example"), DeferredKind::presence);
        CHECK(b.all().size() == 11 * 4);
        b.session->send_deferrable(make_wire(std::string(3'000, 'x')), other, DeferredKind::presence);
        CHECK(b.all().size() == 3'000);
    }
    TEST_CASE("the size of what is deferred is that of what is left") {
        Deferred d;
        for (int i = 0; i < 3; ++i) {
            d.put(friend_a, DeferredKind::presence, make_wire(std::string(1'000, 'x')));
            d.put(friend_a, DeferredKind::chat_state, make_wire("<c/>"));
            CHECK(d.size() == 2);
            CHECK(d.bytes() > 1'000);
            CHECK(d.bytes() < 2'000);
        }
        CHECK(d.take(other.bare()).empty());
        CHECK(d.take(friend_b.bare()).size() == 2);
        CHECK(d.bytes() == 0);
        CHECK(d.take_all().empty());
    }
    TEST_CASE("counts of sessions that ended are found by account and id, the last few thousand") {
        Departed d;
        const auto alice = *xmpp::BareJid::parse("alice@x.example"), bob = *xmpp::BareJid::parse("bob@x.example");
        d.remember(alice, "one", 7);
        CHECK(d.find(alice, "one") == 7);
        CHECK_FALSE(d.find(bob, "one"));
        CHECK_FALSE(d.find(alice, "two"));
        for (int i = 0; i < 5'000; ++i) d.remember(bob, std::to_string(i), 1);
        CHECK_FALSE(d.find(alice, "one"));
        CHECK(d.find(bob, "4999") == 1);
    }
}
