// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include "crypto/hex.h"

using namespace lethe;
using namespace lethe::crypto;

TEST_SUITE("crypto/hex") {
    TEST_CASE("every byte has its two digits, and they lead back to it") {
        for (int value = 0; value < 256; ++value) {
            const std::array<std::uint8_t, 2> bytes{static_cast<std::uint8_t>(value),
                                                    static_cast<std::uint8_t>(255 - value)};
            const auto text = to_hex(bytes);
            CHECK(text == std::string(hex_digits(bytes[0])) + std::string(hex_digits(bytes[1])));
            std::array<std::uint8_t, 2> back{};
            CHECK(from_hex(text, back));
            CHECK(back == bytes);
        }
        CHECK(hex_digits(0x0f) == "0f");
        CHECK(hex_digits(0xa0) == "a0");
        CHECK(to_hex({}).empty());
    }

    TEST_CASE("one text for the same bytes: nothing else is read") {
        std::array<std::uint8_t, 2> out{};
        CHECK(from_hex("00fF", out) == false);
        for (const char* text : {"", "00f", "00ff0", "00ff00", "00g0", "0 ff", "0x0f", "-1ff"})
            CHECK_FALSE(from_hex(text, out));
    }
}
