// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include <random>
#include <string>
#include <string_view>
#include <utility>

#include "server/xmpp/precis.h"

using namespace lethe::xmpp;

TEST_SUITE("xmpp/precis") {
    using namespace precis;

    TEST_CASE("the short way for ASCII and the long way agree") {
        std::mt19937 random(7622);
        const std::string_view alphabet = "abzABZ019.-_ @/\\'\"!~\x7F\t";
        for (int i = 0; i < 20000; ++i) {
            std::string text;
            for (std::size_t n = random() % 8; n > 0; --n) text += alphabet[random() % alphabet.size()];
            CAPTURE(text);
            REQUIRE(username_case_mapped(text) == username_case_mapped_slow(text));
            REQUIRE(opaque_string(text) == opaque_string_slow(text));
            REQUIRE(domain(text) == domain_slow(text));
        }
    }

    TEST_CASE("what was prepared under an older Unicode is the same under this one: account ids hash it") {
        // Letters by the version that brought them, with their capitals where they have any: 1.1, 3.2, 4.1, 5.1, 6.1, 7, 8, 10, 11, 13.
        constexpr std::pair<std::string_view, std::string_view> names[] = {
            {"\u00c4\u0396\u042f", "\u00e4\u03b6\u044f"}, {"\u050e", "\u050f"}, {"\u2c00", "\u2c30"}, {"\ua640", "\ua641"},
            {"\ua792", "\ua793"},                             {"\ua796", "\ua797"}, {"\u10d0", "\u10d0"}, {"\u0860", "\u0860"},
            {"\u1c90", "\u10d0"},                             {"\ua7c7", "\ua7c8"}};
        for (const auto& [typed, prepared] : names) {
            CAPTURE(prepared);
            CHECK(username_case_mapped(typed) == prepared);
            CHECK(username_case_mapped(prepared) == prepared);
        }
        CHECK_FALSE(username_case_mapped("\U000e0fff"));  // of no version yet: refused, so that no later one can move it
    }

    TEST_CASE("preparing twice changes nothing") {
        std::mt19937 random(8264);
        const char32_t starts[] = {0x20,   0x41,   0xC0,   0x130,  0x300,  0x370,  0x5D0,  0x620,   0x915,
                                   0x1E00, 0x1F00, 0x2000, 0x2100, 0x3040, 0xAC00, 0xFF00, 0x10400, 0x1F400};
        int accepted = 0;
        for (int i = 0; i < 30000; ++i) {
            std::u32string text;
            for (std::size_t n = 1 + random() % 4; n > 0; --n) {
                const char32_t start = starts[random() % std::size(starts)];
                text += start + random() % 96;
            }
            const std::string utf8 = encode_utf8(text);
            for (auto prepare : {username_case_mapped, opaque_string, domain}) {
                const auto once = prepare(utf8);
                if (!once) continue;
                ++accepted;
                CAPTURE(utf8);
                REQUIRE(prepare(*once) == once);
            }
        }
        CHECK(accepted > 5000);
    }

    TEST_CASE("derived properties follow RFC 8264 section 8") {
        CHECK(property_of(U'a') == Property::valid);
        CHECK(property_of(U'~') == Property::valid);
        CHECK(property_of(U' ') == Property::free_only);
        CHECK(property_of(0x7F) == Property::disallowed);
        CHECK(property_of(0xDF) == Property::valid);
        CHECK(property_of(0x3C2) == Property::valid);
        CHECK(property_of(0x2163) == Property::free_only);
        CHECK(property_of(0x265A) == Property::free_only);
        CHECK(property_of(0x1C5) == Property::free_only);
        CHECK(property_of(0x20DD) == Property::free_only);
        CHECK(property_of(0x200C) == Property::context_joiner);
        CHECK(property_of(0x30FB) == Property::context_other);
        CHECK(property_of(0x660) == Property::context_other);
        CHECK(property_of(0x1100) == Property::disallowed);
        CHECK(property_of(0xAC00) == Property::valid);
        CHECK(property_of(0xE000) == Property::disallowed);
        CHECK(property_of(0xFFFF) == Property::unassigned);
        CHECK(property_of(0x640) == Property::disallowed);
    }
}
