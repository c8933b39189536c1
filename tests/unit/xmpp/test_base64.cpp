// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include "server/xmpp/base64.h"

using namespace lethe::xmpp;

namespace {

std::vector<std::uint8_t> bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace

TEST_SUITE("xmpp/base64") {
    TEST_CASE("RFC 4648 section 10: the vectors, both ways") {
        const std::pair<std::string_view, std::string_view> rows[] = {{"", ""},
                                                                      {"f", "Zg=="},
                                                                      {"fo", "Zm8="},
                                                                      {"foo", "Zm9v"},
                                                                      {"foob", "Zm9vYg=="},
                                                                      {"fooba", "Zm9vYmE="},
                                                                      {"foobar", "Zm9vYmFy"},
                                                                      {"\xFB\xFF\xFE", "+//+"}};
        for (const auto& [text, coded] : rows) {
            CAPTURE(coded);
            CHECK(base64::encode(bytes_of(text)) == coded);
            CHECK(base64::decode(coded) == bytes_of(text));
        }
    }

    TEST_CASE("there is one spelling for each value") {
        for (const char* bad : {"Z",      "Zg",    "Zg=",   "Zg===",      "Zh==",         "Zm9=",
                                "Zm8",    "=",     "==",    "====",       "Z===",         "Zg==Zg==",
                                "Zg==\n", " Zg==", "Zg== ", "Zm9v\n",     "Zm9v\r\nYmFy", "Zm 9v",
                                "Zm9-",   "Zm9_",  "Zm9v=", "Zm\xC3\xA9", "Zm9v,",        "A=BC"}) {
            CAPTURE(bad);
            CHECK_FALSE(base64::decode(bad));
        }
        CHECK_FALSE(base64::decode(std::string_view("Zm9\0", 4)));
    }

    TEST_CASE("what decodes encodes to the same text, for every group of four") {
        const std::string_view alphabet = "ABCwxyz0189+/= \n-";
        int decoded = 0;
        for (char a : alphabet) {
            for (char b : alphabet) {
                for (char c : alphabet) {
                    for (char d : alphabet) {
                        const std::string text{a, b, c, d};
                        const auto value = base64::decode(text);
                        if (!value) continue;
                        ++decoded;
                        REQUIRE(base64::encode(*value) == text);
                    }
                }
            }
        }
        // 13 letters: all full groups, and those whose last letter before the padding has no stray bits (A,
        // w, 0, 8 / A, w).
        CHECK(decoded == 13 * 13 * 13 * 13 + 13 * 13 * 4 + 13 * 2);
    }
}
