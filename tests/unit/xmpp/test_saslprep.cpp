// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include "server/xmpp/scram.h"

using namespace lethe::xmpp::scram;

TEST_SUITE("xmpp/saslprep") {
    TEST_CASE("RFC 4013 section 3: the examples") {
        CHECK(saslprep("I\u00ADX") == "IX");
        CHECK(saslprep("user") == "user");
        CHECK(saslprep("USER") == "USER");
        CHECK(saslprep("\u00AA") == "a");
        CHECK(saslprep("\u2168") == "IX");
        CHECK_FALSE(saslprep("\u0007"));
        CHECK_FALSE(saslprep("\u0627\u0031"));
    }

    TEST_CASE("spaces become one kind, prohibited and unassigned characters are refused") {
        CHECK(saslprep("a\u00A0b\u3000c") == "a b c");
        CHECK(saslprep("") == "");
        CHECK(saslprep("\u00AD") == "");
        CHECK(saslprep("p\u00E4ssw\u00F6rd") == "p\u00E4ssw\u00F6rd");
        CHECK(saslprep("pa\u0308ss") == "p\u00E4ss");
        for (const char* bad : {"\x7F", "\n", "\u0085", "\u2028", "\uE000", "\uFFFD", "\u200E", "\u2FF0",
                                "\U000E0001", "\xFF", "\xC3", "\xED\xA0\x80"}) {
            CAPTURE(bad);
            CHECK_FALSE(saslprep("a" + std::string(bad)));
            CHECK_FALSE(saslprep("a" + std::string(bad), Unassigned::allowed));
        }
        CHECK_FALSE(saslprep("\u0221"));
        CHECK(saslprep("\u0221", Unassigned::allowed) == "\u0221");
    }

    TEST_CASE("text of any length neither overflows nor takes long") {
        CHECK(saslprep(std::string(4096, 'a')));
        CHECK_FALSE(saslprep(std::string(4097, 'a')));
        std::string long_one;
        for (int i = 0; i < 1365; ++i) long_one += "\uFDFA";  // the longest decomposition there is
        CHECK(saslprep(long_one));
    }
}
