// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/message.h"

#include <doctest/doctest.h>

#include "server/xml/element.h"

using namespace lethe;
using namespace lethe::core;

namespace {

Keeping kept(const char* xml) {
    const auto doc = xml::parse(xml);
    REQUIRE(doc.root());
    return keeping(doc.root());
}

}  // namespace

TEST_SUITE("core/message") {
    TEST_CASE("a body is worth keeping in chat and normal messages only") {
        for (const char* type : {"chat", "normal", "", "nonsense"}) {
            CAPTURE(type);
            const auto k = kept(("<message type='" + std::string(type) + "'><body>hi</body></message>").c_str());
            CHECK(k.letterbox);
            CHECK(k.archive);
        }
        for (const char* type : {"groupchat", "headline", "error"}) {
            CAPTURE(type);
            const auto k = kept(("<message type='" + std::string(type) + "'><body>hi</body></message>").c_str());
            CHECK_FALSE(k.letterbox);
            CHECK_FALSE(k.archive);
        }
    }
    TEST_CASE("encrypted payloads, receipts and invitations are content; chat states, threads, ids and nothing are not") {
        CHECK(kept("<message><encrypted xmlns='eu.siacs.conversations.axolotl'/></message>").letterbox);
        CHECK(kept("<message><received xmlns='urn:xmpp:receipts' id='1'/></message>").archive);
        CHECK(kept("<message><x xmlns='jabber:x:conference' jid='r@x'/></message>").letterbox);
        CHECK_FALSE(kept("<message type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>").letterbox);
        CHECK_FALSE(kept("<message type='chat'><thread>t</thread></message>").letterbox);
        CHECK_FALSE(kept("<message type='chat'><origin-id xmlns='urn:xmpp:sid:0' id='1'/></message>").letterbox);
        CHECK_FALSE(kept("<message type='chat'/>").letterbox);
    }
    TEST_CASE("chat states alone are told from what is worth more (XEP-0085)") {
        const std::string state = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
        const auto message = [&](const std::string& type, const std::string& more) {
            return "<message type='" + type + "'>" + state + more + "</message>";
        };
        for (const char* type : {"chat", "groupchat", "normal"}) CHECK(kept(message(type, "<thread>t</thread>").c_str()).chat_state);
        CHECK(kept(message("chat", "<no-store xmlns='urn:xmpp:hints'/>").c_str()).chat_state);
        CHECK_FALSE(kept(message("chat", "<body>x</body>").c_str()).chat_state);
        CHECK_FALSE(kept(message("chat", "<store xmlns='urn:xmpp:hints'/>").c_str()).chat_state);
        CHECK_FALSE(kept(message("error", "").c_str()).chat_state);
        CHECK_FALSE(kept("<message type='chat'/>").chat_state);
        const auto meaning = [](const std::string& text) {
            const auto doc = xml::parse(text);
            return chat_state(doc.root(), keeping(doc.root()));
        };
        CHECK(meaning(message("chat", "")) == ChatState::told);
        CHECK(meaning(message("chat", "<body>x</body>")) == ChatState::over);
        CHECK(meaning("<message><body>x</body></message>") == ChatState::over);
        CHECK(meaning("<message><received xmlns='urn:xmpp:receipts' id='1'/></message>") == ChatState::untouched);
    }
    TEST_CASE("hints are obeyed (XEP-0334)") {
        const auto no_store = kept("<message type='chat'><body>x</body><no-store xmlns='urn:xmpp:hints'/></message>");
        CHECK_FALSE(no_store.letterbox);
        CHECK_FALSE(no_store.archive);
        const auto transient = kept("<message type='chat'><body>x</body><no-permanent-store xmlns='urn:xmpp:hints'/></message>");
        CHECK(transient.letterbox);
        CHECK_FALSE(transient.archive);
        const auto stored = kept("<message type='chat'><active xmlns='http://jabber.org/protocol/chatstates'/><store xmlns='urn:xmpp:hints'/></message>");
        CHECK(stored.letterbox);
        CHECK(stored.archive);
        CHECK_FALSE(kept("<message type='headline'><store xmlns='urn:xmpp:hints'/></message>").archive);
    }
    TEST_CASE("stanza ids in our name are removed, those of others stay (XEP-0359)") {
        auto doc = xml::parse("<message><stanza-id xmlns='urn:xmpp:sid:0' by='me@our.example' id='1'/>"
                              "<stanza-id xmlns='urn:xmpp:sid:0' by='our.example' id='2'/><stanza-id xmlns='urn:xmpp:sid:0' by='@@' id='3'/>"
                              "<stanza-id xmlns='urn:xmpp:sid:0' by='room@other.example' id='4'/></message>");
        remove_forged(doc.root(), "our.example");
        CHECK(xml::serialize(doc.root()) == "<message><stanza-id xmlns='urn:xmpp:sid:0' by='room@other.example' id='4'/></message>");
    }
    TEST_CASE("delays in our name are removed, those of others stay (XEP-0203)") {
        auto doc = xml::parse(
            "<presence><delay xmlns='urn:xmpp:delay' from='our.example' stamp='1'/><delay "
            "xmlns='urn:xmpp:delay' from='me@our.example/r' stamp='2'/>"
            "<delay xmlns='urn:xmpp:delay' from='@@' stamp='3'/><delay xmlns='urn:xmpp:delay' "
            "from='room@rooms.our.example' stamp='4'/>"
            "<delay xmlns='urn:xmpp:delay' stamp='5'/></presence>");
        remove_forged(doc.root(), "our.example");
        CHECK(xml::serialize(doc.root()) ==
              "<presence><delay xmlns='urn:xmpp:delay' from='room@rooms.our.example' stamp='4'/>"
              "<delay xmlns='urn:xmpp:delay' stamp='5'/></presence>");
    }
    TEST_CASE("children are added without parsing again") {
        CHECK(with_children("<message a='1'><body>x</body></message>", "<y/>") == "<message a='1'><body>x</body><y/></message>");
        CHECK(with_children("<message a='1'/>", "<y/>") == "<message a='1'><y/></message>");
        CHECK(with_children("<message/>", "<y/>") == "<message><y/></message>");
        CHECK(as_forwarded("<message a='1'/>") == "<message xmlns='jabber:client' a='1'/>");
        CHECK(as_forwarded("<message><b/></message>") == "<message xmlns='jabber:client'><b/></message>");
    }
}
