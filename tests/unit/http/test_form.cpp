// SPDX-License-Identifier: AGPL-3.0-or-later
// Forms as browsers send them (WHATWG URL Standard, section 5.1).
#include <doctest/doctest.h>

#include "server/http/request.h"

using namespace lethe::http;

namespace {

std::string value(std::string_view body, std::string_view name) {
    auto fields = FormFields::parse(body);
    REQUIRE(fields.has_value());
    const auto* found = fields->find(name);
    return found ? "=" + *found : "none";
}

}  // namespace

TEST_SUITE("forms") {
    TEST_CASE("values are decoded") {
        CHECK(value("a=1&b=2", "a") == "=1");
        CHECK(value("a=1&b=2", "b") == "=2");
        CHECK(value("a=1&b=2", "c") == "none");
        CHECK(value("a=x+y%20z%2B", "a") == "=x y z+");
        CHECK(value("%61+b=%C3%A9", "a b") == "=\xc3\xa9");
        CHECK(value("a=1=2", "a") == "=1=2");
        CHECK(value("a", "a") == "=");
        CHECK(value("a=", "a") == "=");
        CHECK(value("", "a") == "none");
        CHECK(value("a=1&", "a") == "=1");
    }

    TEST_CASE("the essence of a media type has neither parameters nor case") {
        CHECK(essence("Text/HTML; charset=utf-8") == "text/html");
        CHECK(essence("application/X-www-form-urlencoded\t;a") == "application/x-www-form-urlencoded");
        CHECK(essence("") == "");
    }

    TEST_CASE("a form has at most 16 fields, so that comparing their names costs nothing") {
        std::string body = "a=1";
        for (int i = 2; i <= 16; ++i) body += "&a" + std::to_string(i) + "=";
        CHECK(FormFields::parse(body).has_value());
        CHECK_FALSE(FormFields::parse(body + "&b=").has_value());
    }

    TEST_CASE("a short value lies outside of what is moved, so that moving leaves no copy of a password") {
        auto fields = FormFields::parse("password=pencil&again=pencil");
        REQUIRE(fields.has_value());
        for (const auto* name : {"password", "again"}) {
            const std::string* value = fields->find(name);
            REQUIRE(value);
            const auto* const begin = reinterpret_cast<const char*>(value);
            CHECK((value->data() < begin || value->data() >= begin + sizeof *value));
        }
    }

    TEST_CASE("what is no form is refused") {
        for (const std::string body : {"a=%", "a=%4", "a=%zz", "%=1", "a=1&a=2", "a=1&%61=2", "a&a"}) {
            CAPTURE(body);
            CHECK_FALSE(FormFields::parse(body).has_value());
        }
    }
}
