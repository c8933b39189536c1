// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/roster.h"

#include <doctest/doctest.h>

#include "crypto/secret.h"

using namespace lethe;
using namespace lethe::core;

namespace {

crypto::Vault make_vault() {
    REQUIRE(crypto::initialise());
    crypto::AccountId id;
    crypto::random_bytes(id.bytes);
    return crypto::Vault(id, crypto::VaultSecret::generate());
}

RosterItem sample() {
    RosterItem item;
    item.name = "Juliet";
    item.groups = {"Friends", "Verona"};
    item.subscription = {.to = true, .from = false, .pending_out = false, .pending_in = true, .approved = false};
    item.listed = true;
    item.asked_at = 1234567;
    item.request = "<presence type='subscribe'/>";
    return item;
}

}  // namespace

TEST_SUITE("core/roster") {
    TEST_CASE("an item reads back as it was written, and only as that") {
        const auto jid = *xmpp::BareJid::parse("juliet@capulet.example");
        const auto bytes = encode(jid, sample());
        const auto read = decode_roster_item(bytes);
        REQUIRE(read);
        CHECK(read->first == jid);
        CHECK(read->second == sample());
        for (std::size_t cut = 0; cut < bytes.size(); ++cut) CHECK_FALSE(decode_roster_item(ByteView(bytes).first(cut)));
        auto longer = bytes;
        longer.push_back(0);
        CHECK_FALSE(decode_roster_item(longer));
    }
    TEST_CASE("a record under another contact's blind key is not believed") {
        const auto vault = make_vault();
        const auto jid = *xmpp::BareJid::parse("juliet@capulet.example"), other = *xmpp::BareJid::parse("tybalt@capulet.example");
        const auto key = vault.roster_key(jid), wrong = vault.roster_key(other);
        const auto plain = encode(jid, sample());
        Roster roster;
        CHECK(roster.load(vault, {{key, vault.seal(store::Table::roster, key, plain)}}) == 0);
        CHECK(roster.find(jid));
        Roster moved;
        CHECK(moved.load(vault, {{wrong, vault.seal(store::Table::roster, wrong, plain)}}) == 1);
        CHECK(moved.items().empty());
    }
    TEST_CASE("every change gives a new version; an item that says nothing is erased") {
        const auto vault = make_vault();
        const auto jid = *xmpp::BareJid::parse("juliet@capulet.example");
        Roster roster;
        roster.load_version(vault, std::nullopt);
        const auto before = roster.version();
        store::Batch batch;
        roster.put(batch, vault, jid, sample());
        CHECK(roster.version() != before);
        roster.put(batch, vault, jid, RosterItem{});
        CHECK_FALSE(roster.find(jid));
    }
    TEST_CASE("the blocklist matches in the order of XEP-0191 section 3.1") {
        const auto vault = make_vault();
        store::Batch batch;
        Blocklist list;
        for (const char* text : {"full@a.example/phone", "bare@a.example", "dom.example/res", "whole.example"})
            list.add(batch, vault, *xmpp::Jid::parse(text));
        const auto blocks = [&](const char* text) { return list.blocks(*xmpp::Jid::parse(text)); };
        CHECK(blocks("full@a.example/phone"));
        CHECK_FALSE(blocks("full@a.example/desk"));
        CHECK_FALSE(blocks("full@a.example"));
        CHECK(blocks("bare@a.example"));
        CHECK(blocks("bare@a.example/any"));
        CHECK(blocks("who@dom.example/res"));
        CHECK_FALSE(blocks("who@dom.example/other"));
        CHECK(blocks("anybody@whole.example/x"));
        CHECK(blocks("whole.example"));
        CHECK_FALSE(blocks("a.example"));
    }
}
