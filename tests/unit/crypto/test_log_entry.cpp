// SPDX-License-Identifier: AGPL-3.0-or-later
#include <random>

#include "tests/unit/crypto/fixture.h"

using namespace lethe::crypto_test;

namespace {

LogEntry sample() {
    LogEntry entry;
    entry.type = LogEntry::Type::instruction;
    entry.received = 0x0102030405060708;
    entry.vault_closed = true;
    entry.peer = "a@b";
    entry.archived = LogPlace{ClassId::archive, 0x11121314, 0x21222324, 0x03FE};
    entry.stanza = "<x/>";
    return entry;
}

}  // namespace

TEST_SUITE("crypto/log_entry") {
    TEST_CASE("the layout is type, time, outgoing, closed, peer, archive place, stanza") {
        CHECK(hex(encode(sample())) ==
              "03"
              "0102030405060708"
              "00"
              "01"
              "00000003614062"
              "01"
              "01"
              "11121314"
              "21222324"
              "03fe"
              "000000043c782f3e");
        LogEntry plain;
        plain.outgoing = true;
        CHECK(hex(encode(plain)) ==
              "01"
              "0000000000000000"
              "01"
              "00"
              "00000000"
              "00"
              "00000000");
    }

    TEST_CASE("known payloads decode to what they say") {
        const auto first = decode_log_entry(unhex(vectors::entry_0));
        REQUIRE(first.has_value());
        CHECK(first->type == LogEntry::Type::stanza);
        CHECK(first->received == 1'700'000'000'123'456);
        CHECK(first->outgoing);
        CHECK(!first->vault_closed);
        CHECK(first->peer == vectors::contact);
        CHECK(!first->archived);
        CHECK(first->stanza ==
              "<message xmlns='jabber:client' type='chat'><body>Art thou not Romeo?</body></message>");
        const auto second = decode_log_entry(unhex(vectors::entry_1));
        REQUIRE(second.has_value());
        CHECK(second->type == LogEntry::Type::subscription);
        CHECK(second->received == -1);
        CHECK(!second->outgoing);
        CHECK(second->vault_closed);
        const auto last = decode_log_entry(unhex(vectors::entry_1023));
        REQUIRE(last.has_value());
        CHECK(last->peer == "juliet@capulet.example/balcony");
        CHECK(last->archived == LogPlace{ClassId::archive, 0x01020304, 0x05060708, 0x03FF});
        for (const auto& text : {vectors::entry_0, vectors::entry_1, vectors::entry_1023})
            CHECK(hex(encode(decode_log_entry(unhex(text)).value())) == text);
    }

    TEST_CASE("what cannot have been written does not decode") {
        Bytes bytes = encode(sample());
        SUBCASE("type 0") { bytes[0] = 0; }
        SUBCASE("an unknown type") { bytes[0] = 4; }
        SUBCASE("a flag of 2") { bytes[9] = 2; }
        SUBCASE("an unknown class") { bytes[19] = 0; }
        SUBCASE("index 1024") { bytes[28] = 4, bytes[29] = 0; }
        SUBCASE("a peer that ends beyond the entry") { bytes[11] = 1; }
        SUBCASE("a byte too many") { bytes.push_back(0); }
        SUBCASE("a byte too few") { bytes.pop_back(); }
        SUBCASE("nothing") { bytes.clear(); }
        CHECK(!decode_log_entry(bytes));
        CHECK(decode_log_entry(encode(sample())));
    }

    TEST_CASE("whatever decodes encodes to the same bytes") {
        const Bytes good = encode(sample());
        std::mt19937 random(4);
        std::size_t decoded = 0, refused = 0;
        for (int i = 0; i < 50'000; ++i) {
            Bytes bytes = good;
            for (int k = 0; k < 2; ++k)
                bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random() % 5);
            if (random() % 8 == 0) bytes.resize(random() % bytes.size());
            const auto entry = decode_log_entry(bytes);
            if (!entry) {
                ++refused;
                continue;
            }
            ++decoded;
            REQUIRE(encode(*entry) == bytes);
        }
        CHECK(decoded > 1000);
        CHECK(refused > 1000);
    }
}
