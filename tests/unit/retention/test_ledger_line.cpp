// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tests/unit/retention/ledger_support.h"

using namespace lethe;
using namespace lethe::retention;
using namespace lethe::retention::test;

namespace {

const std::vector<LedgerEvent>& one_of_each() {
    static const std::vector<LedgerEvent> all{LedgerBegin{ledger_key().public_key()},
                                              LedgerRepaired{137},
                                              ServerStart{},
                                              PolicyAnnounced{policy_a, some_hour + 14 * day},
                                              PolicyInForce{policy_b},
                                              ClockAccepted{some_hour - hour},
                                              LedgerAlarm(Word("key_not_destroyed")),
                                              swept("archive-1d", some_hour + 5 * second)};
    return all;
}

std::string line(const LedgerEvent& event) {
    return encode({.number = 7, .previous = policy_b, .time = some_hour + 90 * second, .event = event}, ledger_key());
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
    const auto at = text.find(what);
    REQUIRE(at != text.npos);
    return text.replace(at, what.size(), with);
}

}  // namespace

TEST_SUITE("retention/ledger line") {
    TEST_CASE("a line is written byte for byte as LEDGER.md says") {
        CHECK(line(swept("archive", some_hour)).starts_with(
            "{\"v\":1,\"n\":7,\"prev\":\"bb" + std::string(62, '0') +
            "\",\"time\":\"2026-11-22T18:01:00Z\",\"event\":\"swept\",\"class\":\"archive\",\"swept_to\":\"2026-11-22T18:00:00Z\",\"policy\":\"aa" +
            std::string(62, '0') + "\",\"sig\":\""));
        CHECK(line(ServerStart{}).find("\"event\":\"server_start\",\"sig\":\"") != std::string::npos);
    }

    TEST_CASE("every event comes out of its line as it went in, times cut to what the format holds") {
        for (const auto& event : one_of_each()) {
            const auto text = line(event);
            CHECK(text.size() < longest_ledger_line);
            const auto back = parse_ledger_line(text);
            REQUIRE_MESSAGE(back.has_value(), text);
            CHECK(name_of(back->event) == name_of(event));
            CHECK(back->number == 7);
            CHECK(back->previous == policy_b);
            CHECK(back->time == some_hour + minute);
            CHECK(encode(*back, ledger_key()) == text);
            CHECK(signature_holds(text, ledger_key().public_key()));
            CHECK_FALSE(signature_holds(text, ledger_key(1).public_key()));
        }
        CHECK(std::get<Swept>(parse_ledger_line(line(swept("archive", some_hour + second + 1)))->event).swept_to == some_hour + second);
    }

    TEST_CASE("the key and its signature are those of RFC 8032 for the seed crypto_kdf gives") {
        // From RFC 8032 in Python and hashlib's BLAKE2b, without libsodium.
        CHECK(crypto::to_string(ledger_key().public_key()) == "45ec889a9c8d379189d4a140744fdc7d38810bbb118e6ee9e68b08362c10381e");
        const auto signature = ledger_key().sign(as_bytes("a line"));
        std::string hex;
        for (const auto byte : signature) hex += {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
        CHECK(hex == "3363de9ac04569630097c980d0fe8b979007e2129ac5d411a46ad82d187cd540abb167d7514f72d6fe541de1d591675989bc8e7a7c776b503f550d674f8ca708");
    }

    TEST_CASE("no byte of a line can be changed without its signature breaking") {
        const auto text = line(swept("archive", some_hour));
        for (std::size_t i = 0; i < text.size(); ++i) {
            auto changed = text;
            changed[i] = changed[i] == '0' ? '1' : '0';
            const bool passes = parse_ledger_line(changed) && signature_holds(changed, ledger_key().public_key());
            CHECK_MESSAGE(!passes, "byte ", i);
        }
    }

    TEST_CASE("what is not written in the one way is no line") {
        const auto text = line(swept("archive", some_hour));
        for (const auto& bad :
             {text + " ", " " + text, text.substr(0, text.size() - 1), replaced(text, ":7,", ":07,"), replaced(text, "\"v\":1", "\"v\":2"),
              replaced(text, "18:01:00", "18:01:01"), replaced(text, "2026-11-22T18:00", "2026-11-31T18:00"), replaced(text, "T18:00:00Z", "T24:00:00Z"),
              replaced(text, "\"archive\"", "\"\""), replaced(text, "\"archive\"", "\"a b\""), replaced(text, "\"archive\"", '"' + std::string(65, 'a') + '"'),
              replaced(text, "aa0", "AA0"), replaced(text, "swept\"", "swopt\""), replaced(text, ",\"class\"", ", \"class\""), std::string(),
              replaced(text, "\"class\":\"archive\",", "\"class\":\"archive\",\"class\":\"archive\","), std::string(2000, '{')})
            CHECK_MESSAGE(!parse_ledger_line(bad), bad);
    }

    TEST_CASE("a published key is 64 hexadecimal digits and nothing else") {
        const auto text = crypto::to_string(ledger_key().public_key());
        CHECK(crypto::parse_ledger_key(text) == ledger_key().public_key());
        for (const auto& bad : {text + "0", text.substr(1), std::string(64, 'G'), std::string(), std::string(64, 'A')}) CHECK_FALSE(crypto::parse_ledger_key(bad));
    }
}
