// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include <set>
#include <string>
#include <unordered_set>

#include "server/xmpp/jid.h"

using namespace lethe::xmpp;

namespace {

std::string normal(std::string_view text) {
    const auto jid = Jid::parse(text);
    return jid ? jid->to_string() : "(malformed)";
}

std::string repeated(std::string_view piece, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += piece;
    return out;
}

/// A host name of exactly `size` bytes, 992 < size < 1056, with legal labels.
std::string long_domain(std::size_t size) {
    return repeated(std::string(31, 'a') + ".", 31) + std::string(size - 992, 'b');
}

}  // namespace

TEST_SUITE("xmpp/jid") {
    TEST_CASE("RFC 7622 table 1: these are JIDs") {
        struct Row {
            std::string_view text, local, domain, resource;
        };
        const Row rows[] = {
            {"juliet@example.com", "juliet", "example.com", ""},
            {"juliet@example.com/foo", "juliet", "example.com", "foo"},
            {"juliet@example.com/foo bar", "juliet", "example.com", "foo bar"},
            {"juliet@example.com/foo@bar", "juliet", "example.com", "foo@bar"},
            {"foo\\20bar@example.com", "foo\\20bar", "example.com", ""},
            {"fussball@example.com", "fussball", "example.com", ""},
            {"fu\u00DFball@example.com", "fu\u00DFball", "example.com", ""},
            {"\u03C0@example.com", "\u03C0", "example.com", ""},
            {"\u03A3@example.com/foo", "\u03C3", "example.com", "foo"},
            {"\u03C3@example.com/foo", "\u03C3", "example.com", "foo"},
            {"\u03C2@example.com/foo", "\u03C2", "example.com", "foo"},
            {"king@example.com/\u265A", "king", "example.com", "\u265A"},
            {"example.com", "", "example.com", ""},
            {"example.com/foobar", "", "example.com", "foobar"},
            {"a.example.com/b@example.net", "", "a.example.com", "b@example.net"},
        };
        for (const Row& row : rows) {
            CAPTURE(row.text);
            const auto jid = Jid::parse(row.text);
            REQUIRE(jid);
            CHECK(jid->local() == row.local);
            CHECK(jid->domain() == row.domain);
            CHECK(jid->resource() == row.resource);
        }
    }

    TEST_CASE("RFC 7622 table 2: these are none") {
        for (const char* text : {"\"juliet\"@example.com", "foo bar@example.com", "@example.com/",
                                 "henry\u2163@example.com", "\u265A@example.com", "juliet@", "/foobar"}) {
            CAPTURE(text);
            CHECK_FALSE(Jid::parse(text));
        }
    }

    TEST_CASE("a space may begin a resource, as the verified erratum to table 2 says") {
        CHECK(normal("juliet@example.com/ foo") == "juliet@example.com/ foo");
        CHECK(normal("juliet@example.com/ ") == "juliet@example.com/ ");
    }

    TEST_CASE("missing parts are refused") {
        for (const char* text : {"", "@", "/", "@/", "@example.com", "example.com/", "juliet@example.com/",
                                 "juliet@/foo", "@@", ".", "juliet@.", "a@b@c", "a@b@c/d"}) {
            CAPTURE(text);
            CHECK_FALSE(Jid::parse(text));
        }
    }

    TEST_CASE("the first slash ends the domain and everything behind it is resource") {
        const auto jid = Jid::parse("a@b/c@d/e//f");
        REQUIRE(jid);
        CHECK(jid->local() == "a");
        CHECK(jid->domain() == "b");
        CHECK(jid->resource() == "c@d/e//f");
    }

    TEST_CASE("no localpart holds one of the excluded characters, in any width") {
        for (const char* c : {"\"", "&", "'", ":", "<", ">", " ", "\t", "\n", "\x7F"}) {
            CAPTURE(c);
            CHECK_FALSE(Jid::parse("a" + std::string(c) + "b@example.com"));
        }
        for (const char* wide :
             {"\uFF02", "\uFF06", "\uFF07", "\uFF0F", "\uFF1A", "\uFF1C", "\uFF1E", "\uFF20"}) {
            CAPTURE(wide);
            CHECK_FALSE(Jid::parse("a" + std::string(wide) + "b@example.com"));
        }
        CHECK(normal("a!#$%()*+,-.;=?[\\]^_`{|}~z@example.com") == "a!#$%()*+,-.;=?[\\]^_`{|}~z@example.com");
    }

    TEST_CASE("every part may have 1023 bytes after preparation and not one more") {
        const std::string a1023(1023, 'a'), a1024(1024, 'a');
        CHECK(Jid::parse(a1023 + "@example.com"));
        CHECK_FALSE(Jid::parse(a1024 + "@example.com"));
        CHECK(Jid::parse("example.com/" + a1023));
        CHECK_FALSE(Jid::parse("example.com/" + a1024));
        REQUIRE(long_domain(1023).size() == 1023);
        CHECK(Jid::parse(long_domain(1023)));
        REQUIRE(long_domain(1024).size() == 1024);
        CHECK_FALSE(Jid::parse(long_domain(1024)));
        // Prepared text counts, not what was sent: a fullwidth letter is three bytes and becomes one.
        CHECK(Jid::parse(repeated("\uFF21", 1023) + "@example.com"));
        CHECK_FALSE(Jid::parse(repeated("\uFF21", 1024) + "@example.com"));
        CHECK(Jid::parse("example.com/" + repeated("\u00E9", 511) + "x"));
        CHECK_FALSE(Jid::parse("example.com/" + repeated("\u00E9", 512)));
    }

    TEST_CASE("localparts are compared without case and width") {
        CHECK(normal("JuLiEt@example.com") == "juliet@example.com");
        CHECK(normal("\uFF2A\uFF35liet@example.com") == "juliet@example.com");
        CHECK(normal("\u00C9va@example.com") == "\u00E9va@example.com");
        CHECK(normal("e\u0301va@example.com") == "\u00E9va@example.com");
        CHECK(normal("\uFF76\uFF9E@example.com") ==
              "\u30AC@example.com");  // halfwidth KA and voiced mark compose
        CHECK(normal("\u0130@example.com") == "i\u0307@example.com");
        CHECK(normal("\u03A3\u03A3@example.com") == "\u03C3\u03C3@example.com");  // no final sigma is made up
        CHECK(normal("\U00010400@example.com") == "\U00010428@example.com");
        CHECK(Jid::parse("I@example.com") == Jid::parse("i@example.com"));
    }

    TEST_CASE(
        "localparts hold letters and digits of any script but no symbols, spaces or invisible characters") {
        for (const char* good :
             {"\u0645\u0631\u064A\u0645", "\u5C0F\u660E", "\u0E2A\u0E21", "\uD55C\uAE00", "\u0969"}) {
            CAPTURE(good);
            CHECK(Jid::parse(std::string(good) + "@example.com"));
        }
        for (const char* bad : {"\u00A0", "\u2003", "\u3000", "\u00AD", "\u200B", "\uFEFF", "\u2028",
                                "\u20AC", "\u00BD", "\u01C5", "\u1100", "\u0640", "\u212B", "\U0001F40E",
                                "\uE000", "\u0378", "\uFFFF", "\U000E0001", "\u0085"}) {
            CAPTURE(bad);
            CHECK_FALSE(Jid::parse("a" + std::string(bad) + "b@example.com"));
        }
    }

    TEST_CASE("characters with a contextual rule stand only where it holds") {
        CHECK(Jid::parse("col\u00B7la@example.com"));
        CHECK_FALSE(Jid::parse("co\u00B7la@example.com"));
        CHECK_FALSE(Jid::parse("col\u00B7a@example.com"));
        CHECK_FALSE(Jid::parse("\u00B7@example.com"));
        CHECK(Jid::parse("\u0375\u03B1@example.com"));
        CHECK_FALSE(Jid::parse("\u0375a@example.com"));
        CHECK(Jid::parse("\u05D0\u05F3@example.com"));
        CHECK_FALSE(Jid::parse("\u05F3\u05D0@example.com"));
        CHECK(Jid::parse("\u30FB\u30AB@example.com"));
        CHECK_FALSE(Jid::parse("a\u30FBb@example.com"));
        CHECK(Jid::parse("\u0628\u0661\u0662@example.com"));
        CHECK_FALSE(Jid::parse("\u0628\u0661\u06F2@example.com"));
        CHECK(Jid::parse("\u0915\u094D\u200D\u0937@example.com"));
        CHECK_FALSE(Jid::parse("a\u200Db@example.com"));
        CHECK(Jid::parse("\u0628\u200C\u0628@example.com"));
        CHECK_FALSE(Jid::parse("a\u200Cb@example.com"));
        CHECK_FALSE(Jid::parse("example.com/a\u200Db"));
    }

    TEST_CASE("a localpart with right-to-left characters obeys the Bidi rule") {
        CHECK(Jid::parse("\u05D0\u05D1@example.com"));
        CHECK(Jid::parse("\u05D01@example.com"));
        CHECK(Jid::parse("\u05D0-\u05D1\u05B0@example.com"));
        CHECK_FALSE(Jid::parse("\u05D0a@example.com"));
        CHECK_FALSE(Jid::parse("a\u05D0@example.com"));
        CHECK_FALSE(Jid::parse("1\u05D0@example.com"));
        CHECK_FALSE(Jid::parse("\u05D0-@example.com"));
        CHECK_FALSE(Jid::parse("\u06281\u0661@example.com"));
    }

    TEST_CASE("resources keep case and width, fold spaces, and compose") {
        CHECK(normal("example.com/FOO") == "example.com/FOO");
        CHECK(normal("example.com/\uFF26oo") == "example.com/\uFF26oo");
        CHECK(normal("example.com/a\u00A0b\u3000c") == "example.com/a b c");
        CHECK(normal("example.com/e\u0301") == "example.com/\u00E9");
        CHECK(normal("example.com/\U0001F40E") == "example.com/\U0001F40E");
        CHECK(normal("example.com/\u05D0a") == "example.com/\u05D0a");
        CHECK(normal("example.com/\"&'/:<>@") == "example.com/\"&'/:<>@");
        for (const char* bad :
             {"\t", "\n", "\x7F", "\u0085", "\u00AD", "\u200B", "\u2028", "\uE000", "\u0378", "\uFFFE"}) {
            CAPTURE(bad);
            CHECK_FALSE(Jid::parse("example.com/a" + std::string(bad)));
        }
        CHECK_FALSE(Jid::parse(std::string_view("example.com/a\0b", 15)));
    }

    TEST_CASE("domains are lower-case Unicode without the final dot") {
        CHECK(normal("Example.COM") == "example.com");
        CHECK(normal("example.com.") == "example.com");
        CHECK(normal("a@example.com./b") == "a@example.com/b");
        CHECK(normal("example\u3002com\u3002") == "example.com");
        CHECK(normal("B\u00FCcher.example") == "b\u00FCcher.example");
        CHECK(normal("xn--bcher-kva.example") == "b\u00FCcher.example");
        CHECK(normal("XN--BCHER-KVA.example") == "b\u00FCcher.example");
        CHECK(normal("fa\u00DF.example") == "fa\u00DF.example");
        CHECK(normal("\uFF45xample.com") == "example.com");
        CHECK(normal("localhost") == "localhost");
        CHECK(normal("\u05D0\u05D1.example") == "\u05D0\u05D1.example");
    }

    TEST_CASE("names that DNS or IDNA would refuse are refused") {
        for (const char* bad : {"a..b",
                                ".a",
                                "a.b..",
                                "-a.example",
                                "a-.example",
                                "ab--c.example",
                                "a_b.example",
                                "a b.example",
                                "a\tb",
                                "xn--a.example",
                                "xn--\u00FC.example",
                                "\u2603.example",
                                "i\u2764.ws",
                                "a\u00B7b.example",
                                "\u05D0a.example",
                                "a\u200Db.example",
                                "a!b",
                                "a:5222",
                                "a\\b",
                                "%41.example",
                                "xn--.example",
                                "a,b",
                                "\u0301a.example"}) {
            CAPTURE(bad);
            CHECK_FALSE(Jid::parse(bad));
        }
        CHECK(Jid::parse(std::string(63, 'a') + ".example"));
        CHECK_FALSE(Jid::parse(std::string(64, 'a') + ".example"));
        CHECK_FALSE(Jid::parse(repeated("\u00FC", 63) + ".example"));
    }

    TEST_CASE("IP literals are domains, in one spelling each") {
        CHECK(normal("192.0.2.1") == "192.0.2.1");
        CHECK(normal("[::1]") == "[::1]");
        CHECK(normal("a@[2001:DB8:0:0:0:0:0:1]/r") == "a@[2001:db8::1]/r");
        CHECK(normal("[::ffff:192.0.2.1]") == "[::ffff:192.0.2.1]");
        for (const char* bad : {"[]", "[::1", "::1]", "[::1].", "[::1]a", "[192.0.2.1]", "[fe80::1%eth0]",
                                "[fe80::1%25eth0]", "[v1.a]", "[::1 ]", "[1:2:3:4:5:6:7:8:9]", "::1"}) {
            CAPTURE(bad);
            CHECK_FALSE(Jid::parse(bad));
        }
    }

    TEST_CASE("broken UTF-8 is no JID, whichever part holds it") {
        for (const char* bad : {"\xFF", "\xC0\xAF", "\xC3", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82",
                                "\x80", "\xF8\x88\x80\x80\x80"}) {
            CHECK_FALSE(Jid::parse(std::string(bad) + "@example.com"));
            CHECK_FALSE(Jid::parse(bad));
            CHECK_FALSE(Jid::parse("a" + std::string(bad) + ".example"));
            CHECK_FALSE(Jid::parse("example.com/" + std::string(bad)));
        }
    }

    TEST_CASE("bare, full and any JID accept what their names say") {
        CHECK(BareJid::parse("a@b"));
        CHECK(BareJid::parse("b"));
        CHECK_FALSE(BareJid::parse("a@b/c"));
        CHECK(FullJid::parse("a@b/c"));
        CHECK_FALSE(FullJid::parse("a@b"));
        const auto bare = BareJid::parse("A@b");
        REQUIRE(bare);
        const auto full = FullJid::make(*bare, "R\u00A0x");
        REQUIRE(full);
        CHECK(full->to_string() == "a@b/R x");
        CHECK_FALSE(FullJid::make(*bare, ""));
        CHECK_FALSE(FullJid::make(*bare, "\t"));
        CHECK(Jid(*full) == Jid::parse("a@b/R x"));
        CHECK(Jid(*full).full() == *full);
        CHECK_FALSE(Jid(*bare).full());
        CHECK(Jid(*bare).is_bare());
    }

    TEST_CASE("equal JIDs hash alike, and order is total") {
        const auto a = *BareJid::parse("A@example.com"), b = *BareJid::parse("a@EXAMPLE.com."),
                   c = *BareJid::parse("c@example.com");
        CHECK(std::hash<BareJid>()(a) == std::hash<BareJid>()(b));
        CHECK(std::hash<BareJid>()(a) != std::hash<BareJid>()(c));
        CHECK(std::unordered_set<BareJid>{a, b, c}.size() == 2);
        CHECK(std::set<Jid>{Jid(a), Jid(b), *Jid::parse("a@example.com/r")}.size() == 2);
    }
}
