// SPDX-License-Identifier: AGPL-3.0-or-later
// QR codes as text and as a path: both show the same modules. That readers understand them: tests/wire/test_invitations.py.
#include "server/admin/qr_code.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>

using namespace lethe::admin;

TEST_SUITE("admin/qr_code") {
    TEST_CASE("a code has its three finders and a margin") {
        const auto code = qr_code("https://chat.example/i/000102030405060708090a0b0c0d0e0f");
        REQUIRE(code.has_value());
        REQUIRE(code->dark.size() == code->width * code->width);
        for (const auto& [x, y] : {std::pair<std::size_t, std::size_t>(0, 0), {code->width - 7, 0}, {0, code->width - 7}})
            for (std::size_t i = 0; i < 7; ++i) {
                CHECK(code->at(x + i, y));
                CHECK(code->at(x, y + i));
                CHECK(code->at(x + 3, y + 3));
            }
        CHECK_FALSE(code->at(code->width, 0));
        const auto text = qr_text(*code, false);
        CHECK(text.starts_with("\u2588\u2588"));  // light, drawn
        const auto lines = (code->width + 2 * QrCode::margin + 1) / 2;
        CHECK(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) == lines);
        CHECK(qr_text(*code, true).starts_with("\x1b[30;107m "));
        CHECK(qr_path(*code).starts_with("M4 4h7v1h-7z"));
    }
    TEST_CASE("nothing and too much have no code") {
        CHECK_FALSE(qr_code("").has_value());
        CHECK_FALSE(qr_code(std::string(2001, 'x')).has_value());
        CHECK(qr_code(std::string(2000, 'x')).has_value());
    }
}
