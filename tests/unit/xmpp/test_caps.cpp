// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0115 sections 5.2 and 5.3.
#include <doctest/doctest.h>

#include "server/xmpp/caps.h"

using namespace lethe::xmpp;

TEST_SUITE("xmpp/caps") {
    const std::set<std::string> features{"http://jabber.org/protocol/caps", "http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items",
                                         "http://jabber.org/protocol/muc"};

    TEST_CASE("the simple example") {
        CHECK(caps_hash({{"client", "pc", "", "Exodus 0.9.1"}}, features) == "QgayPKawpkPSDYmwT/WM94uAlu0=");
    }

    TEST_CASE("the example with two languages and a form, in whatever order they are given") {
        Form form{.type = "result",
                  .fields = {{.var = "FORM_TYPE", .type = "hidden", .values = {"urn:xmpp:dataforms:softwareinfo"}},
                             {.var = "software", .values = {"Psi"}},
                             {.var = "ip_version", .values = {"ipv6", "ipv4"}},
                             {.var = "os_version", .values = {"10.5.1"}},
                             {.var = "os", .values = {"Mac"}},
                             {.var = "software_version", .values = {"0.11"}}}};
        const std::vector<Identity> identities{{"client", "pc", "en", "Psi 0.11"}, {"client", "pc", "el", "Ψ 0.11"}};
        CHECK(caps_hash(identities, features, {form}) == "q07IKJEyjvHSyhy//CH0CxmKi8w=");
        std::swap(form.fields.front(), form.fields.back());
        CHECK(caps_hash(identities, features, {form}) == "q07IKJEyjvHSyhy//CH0CxmKi8w=");
        CHECK(caps_hash(identities, features) != "q07IKJEyjvHSyhy//CH0CxmKi8w=");
    }

    TEST_CASE("forms are taken in the order of their types") {
        const Form a{.type = "result", .fields = {{.var = "FORM_TYPE", .values = {"urn:a"}}}}, b{.type = "result", .fields = {{.var = "FORM_TYPE", .values = {"urn:b"}}}};
        CHECK(caps_hash({}, {}, {a, b}) == caps_hash({}, {}, {b, a}));
        CHECK(caps_hash({}, {}, {a}) != caps_hash({}, {}, {b}));
    }
}
