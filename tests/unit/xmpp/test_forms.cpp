// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include "server/xmpp/forms.h"
#include "server/xmpp/ns.h"

using namespace lethe;
using namespace lethe::xmpp;

namespace {

std::optional<Form> form_of(std::string_view x) {
    const xml::Document d = xml::parse(x);
    REQUIRE(d.root());
    return parse_form(d.root());
}

std::string written(const Form& form) {
    xml::Document d("iq", xml::ns::content);
    add_form(d.root(), form);
    return xml::serialize(d.root().first_child());
}

std::expected<Rsm, std::string> rsm_of(std::string_view inside) {
    const xml::Document d = xml::parse("<query xmlns='urn:xmpp:mam:2'>" + std::string(inside) + "</query>");
    REQUIRE(d.root());
    return parse_rsm(d.root());
}

std::expected<Rsm, std::string> set_of(std::string_view inside) {
    return rsm_of("<set xmlns='http://jabber.org/protocol/rsm'>" + std::string(inside) + "</set>");
}

}  // namespace

TEST_SUITE("xmpp/forms") {
    TEST_CASE("a form reads and writes back the same") {
        const std::string x =
            "<x xmlns='jabber:x:data' type='form'><title>T &amp; "
            "t</title><instructions>one</instructions><instructions>two</instructions>"
            "<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>"
            "<field type='fixed'><value>Section</value></field>"
            "<field var='with' type='jid-single' label='With'/>"
            "<field var='many' type='list-multi'><value>a</value><value/><value>c</value>"
            "<option label='A'><value>a</value></option><option><value>c</value></option></field></x>";
        const auto form = form_of(x);
        REQUIRE(form);
        CHECK(form->title == "T & t");
        CHECK(form->instructions == "one\ntwo");
        CHECK(form->form_type() == "urn:xmpp:mam:2");
        REQUIRE(form->fields.size() == 4);
        CHECK(form->value("with") == "");
        CHECK(form->find("with"));
        CHECK_FALSE(form->find("without"));
        CHECK(form->value("without") == "");
        CHECK(form->value("many") == "a");
        CHECK(form->find("many")->values == std::vector<std::string>{"a", "", "c"});
        CHECK(form->find("many")->options ==
              std::vector<std::pair<std::string, std::string>>{{"A", "a"}, {"", "c"}});
        CHECK(written(*form) == x);
    }

    TEST_CASE("what is no data form is none") {
        CHECK_FALSE(parse_form(xml::Element()));
        for (const char* bad :
             {"<x xmlns='jabber:x:dat' type='form'/>", "<y xmlns='jabber:x:data' type='form'/>",
              "<x type='form'/>", "<x xmlns='jabber:x:data'/>", "<x xmlns='jabber:x:data' type='get'/>",
              "<x xmlns='jabber:x:data' type='submit'><field><value>a</value></field></x>",
              "<x xmlns='jabber:x:data' type='submit'><field var='' type='hidden'/></x>"}) {
            CAPTURE(bad);
            CHECK_FALSE(form_of(bad));
        }
        for (const char* type : {"form", "submit", "cancel", "result"}) {
            CHECK(form_of("<x xmlns='jabber:x:data' type='" + std::string(type) + "'/>"));
        }
    }

    TEST_CASE("elements of other namespaces inside a form are passed over") {
        const auto form = form_of(
            "<x xmlns='jabber:x:data' type='submit'><title xmlns='urn:o'>no</title><field xmlns='urn:o'/>"
            "<field var='a'><value xmlns='urn:o'>no</value><value>yes</value></field></x>");
        REQUIRE(form);
        CHECK(form->title == "");
        CHECK(form->fields.size() == 1);
        CHECK(form->value("a") == "yes");
    }

    TEST_CASE("a result set request: nothing, a page, the last page") {
        CHECK_FALSE(rsm_of("")->max);
        const auto page = set_of("<max>10</max><after>id &amp; so</after>");
        REQUIRE(page);
        CHECK(page->max == 10u);
        CHECK(page->after == "id & so");
        CHECK_FALSE(page->before);
        const auto last = set_of("<max>0</max><before/>");
        REQUIRE(last);
        CHECK(last->max == 0u);
        CHECK(last->before == "");
        CHECK(set_of("<index>371</index>")->index == 371u);
        CHECK(set_of("<max>18446744073709551615</max>")->max == 18446744073709551615u);
        CHECK_FALSE(rsm_of("<set xmlns='urn:other'><max>x</max></set>")->max);
        CHECK_FALSE(set_of("<max xmlns='urn:other'>x</max>")->max);
    }

    TEST_CASE("a malformed result set request is an error") {
        for (const char* bad :
             {"<max/>", "<max>x</max>", "<max>-1</max>", "<max>+1</max>", "<max> 1</max>", "<max>1 </max>",
              "<max>1.0</max>", "<max>0x1</max>", "<max>18446744073709551616</max>", "<index>x</index>",
              "<max>1</max><max>2</max>", "<after>a</after><before/>", "<before>b</before><after>a</after>",
              "<after>a</after><after>b</after>"}) {
            CAPTURE(bad);
            CHECK_FALSE(set_of(bad));
        }
    }

    TEST_CASE("a result set is written with what is known of it") {
        const auto written_set = [](const RsmResult& result) {
            xml::Document d("fin", "urn:xmpp:mam:2");
            add_rsm(d.root(), result);
            return xml::serialize(d.root());
        };
        const std::string start = "<fin xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'>";
        CHECK(written_set({.first = "a", .last = "b&", .first_index = 0, .count = 7}) ==
              start + "<first index='0'>a</first><last>b&amp;</last><count>7</count></set></fin>");
        CHECK(written_set({.first = "a", .last = "a"}) ==
              start + "<first>a</first><last>a</last></set></fin>");
        CHECK(written_set({.count = 0}) == start + "<count>0</count></set></fin>");
    }
}
