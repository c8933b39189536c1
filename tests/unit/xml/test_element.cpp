// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include <random>

#include "tests/unit/xml/recorder.h"

using namespace lethe::xml;
using namespace lethe::xml::test;

namespace {

std::string round(std::string_view bytes) { return serialize(parse(bytes).root()); }

/// A random element with prefixes, redeclarations and awkward text.
std::string random_element(std::mt19937& random, int depth) {
    static constexpr std::string_view names[] = {"a", "b", "p:c", "q:d", "e"};
    static constexpr std::string_view declarations[] = {"",
                                                        " xmlns='urn:1'",
                                                        " xmlns='urn:2'",
                                                        " xmlns=''",
                                                        " xmlns='jabber:client'",
                                                        " xmlns='jabber:server'",
                                                        " xmlns:p='urn:2'",
                                                        " xmlns:q='urn:1'"};
    static constexpr std::string_view attributes[] = {"",
                                                      " x='&lt;&#10;&#9;&#13;&quot;'",
                                                      " p:x='1'",
                                                      " q:x='2'",
                                                      " xml:lang='de'",
                                                      " y=\"'\"",
                                                      " p:y='3' q:y='4'"};
    static constexpr std::string_view texts[] = {"",      "t",     "&amp;&lt;&gt;",   "'\"",
                                                 " \n\t", "&#13;", "<![CDATA[<x>]]>", "\u00E9"};
    const auto pick = [&](const auto& from) { return std::string(from[random() % std::size(from)]); };
    const std::string name = pick(names);
    std::string out = "<" + name + pick(declarations) + pick(attributes) + ">" + pick(texts);
    for (std::size_t n = depth > 0 ? random() % 4 : 0; n > 0; --n)
        out += random_element(random, depth - 1) + pick(texts);
    return out + "</" + name + ">";
}

}  // namespace

TEST_SUITE("xml/element") {
    TEST_CASE("an element's namespace is the nearest declared one, else the content namespace") {
        const Document d = parse(
            "<iq><query xmlns='jabber:iq:roster'><item><group/></item><message "
            "xmlns='jabber:client'/></query></iq>");
        const Element iq = d.root(), query = iq.child("query", "jabber:iq:roster");
        CHECK(iq.is("iq", "jabber:client"));
        REQUIRE(query);
        CHECK(query.child("item").child("group").ns() == "jabber:iq:roster");
        CHECK(query.child_in("jabber:client").name() == "message");
        CHECK_FALSE(iq.child("query"));
        CHECK_FALSE(query.child("message"));
        CHECK_FALSE(query.child_in("urn:none"));
        CHECK(query.parent() == iq);
        CHECK_FALSE(iq.parent());
    }

    TEST_CASE("jabber:server is the content namespace under its other name") {
        CHECK(round("<message xmlns='jabber:server'><body/></message>") == "<message><body/></message>");
        CHECK(round("<message xmlns='jabber:client'><body xmlns='jabber:server'/></message>") ==
              "<message><body/></message>");
        CHECK(round("<f xmlns='urn:f'><message xmlns='jabber:server'/></f>") ==
              "<f xmlns='urn:f'><message xmlns='jabber:client'/></f>");
    }

    TEST_CASE("no prefix survives and no prefix changes a namespace") {
        CHECK(round("<c:message xmlns:c='jabber:client'><c:body>x</c:body></c:message>") ==
              "<message><body>x</body></message>");
        CHECK(round("<a xmlns:p='urn:p'><p:b><c/></p:b></a>") ==
              "<a><b xmlns='urn:p'><c xmlns='jabber:client'/></b></a>");
        CHECK(round("<p:a xmlns:p='1'><p:a xmlns:p='2'><p:a/></p:a><p:a/></p:a>") ==
              "<a xmlns='1'><a xmlns='2'><a/></a><a/></a>");
        CHECK(round("<a xmlns='1' xmlns:p='2'><p:b xmlns='3'><c/></p:b></a>") ==
              "<a xmlns='1'><b xmlns='2'><c xmlns='3'/></b></a>");
        CHECK(round("<a xmlns='u'><b xmlns=''><c/></b></a>") == "<a xmlns='u'><b xmlns=''><c/></b></a>");
        CHECK(round("<xmlns xmlns='u'/>") == "<xmlns xmlns='u'/>");
        CHECK(round("<a xmlns='&lt;b xmlns=&apos;x&apos;/&gt;'/>") ==
              "<a xmlns='&lt;b xmlns=&apos;x&apos;/&gt;'/>");
        CHECK(round("<stream:error xmlns:stream='http://etherx.jabber.org/streams'/>") ==
              "<error xmlns='http://etherx.jabber.org/streams'/>");
    }

    TEST_CASE("attributes keep their namespaces under prefixes of our own") {
        CHECK(round("<a xmlns:p='u' p:b='1' c='2' p:d='3'/>") ==
              "<a xmlns:ns1='u' ns1:b='1' c='2' ns1:d='3'/>");
        CHECK(round("<a xmlns:ns2='u' xmlns:ns1='v' ns2:b='1' ns1:b='2'/>") ==
              "<a xmlns:ns1='u' ns1:b='1' xmlns:ns2='v' ns2:b='2'/>");
        CHECK(round("<a xmlns:p='u'><b p:x='1'><c p:x='2'/></b></a>") ==
              "<a><b xmlns:ns1='u' ns1:x='1'><c xmlns:ns1='u' ns1:x='2'/></b></a>");
        CHECK(round("<a xml:lang='de' xml:space='preserve'/>") == "<a xml:lang='de' xml:space='preserve'/>");
        CHECK(round("<p:a xmlns:p='u' p:b='1' b='2'/>") == "<a xmlns='u' xmlns:ns1='u' ns1:b='1' b='2'/>");
    }

    TEST_CASE("what is serialised reads back to the same bytes") {
        std::mt19937 random(6120);
        int read = 0;
        for (int i = 0; i < 4000; ++i) {
            const std::string bytes =
                "<r xmlns:p='urn:1' xmlns:q='urn:3'>" + random_element(random, 3) + "</r>";
            const Document d = parse(bytes);
            if (!d.root()) continue;  // p:x and q:x can be one attribute twice
            ++read;
            const std::string once = serialize(d.root());
            CAPTURE(bytes);
            REQUIRE(round(once) == once);
        }
        CHECK(read > 1000);
    }

    TEST_CASE("any element can be serialised, copied and added alone and keeps its namespace") {
        const Document d =
            parse("<iq><q xmlns='urn:q'><item a='1'><x xmlns='jabber:client'><y/></x></item></q></iq>");
        const Element item = d.root().child("q", "urn:q").child("item");
        const Element x = item.child_in("jabber:client");
        CHECK(serialize(item) == "<item xmlns='urn:q' a='1'><x xmlns='jabber:client'><y/></x></item>");
        CHECK(serialize(x) == "<x><y/></x>");
        CHECK(serialize(Document::copy_of(item).root()) == serialize(item));
        CHECK(serialize(Document::copy_of(x).root()) == "<x><y/></x>");

        Document target("message", "jabber:client");
        target.root().add_copy(item);
        target.root().add_copy(x);
        target.root().add("z", "urn:q").add_copy(item);
        target.root().child("z", "urn:q").add_copy(x);
        CHECK(serialize(target.root()) ==
              "<message><item xmlns='urn:q' a='1'><x xmlns='jabber:client'><y/></x></item><x><y/></x>"
              "<z xmlns='urn:q'><item a='1'><x xmlns='jabber:client'><y/></x></item><x "
              "xmlns='jabber:client'><y/></x></z></message>");
        CHECK(round(serialize(target.root())) == serialize(target.root()));
    }

    TEST_CASE("trees are built, changed and walked") {
        Document d("iq", "jabber:client");
        Element iq = d.root();
        iq.set_attr("type", "result");
        iq.set_attr("id", "1");
        Element query = iq.add("query", "jabber:iq:roster");
        query.add("item").add_text("a").add("group").add_text("b");
        query.add("item").add_text("c & d");
        query.add("other", "urn:o");
        CHECK(serialize(iq) ==
              "<iq type='result' id='1'><query xmlns='jabber:iq:roster'><item>a<group>b</group></item>"
              "<item>c &amp; d</item><other xmlns='urn:o'/></query></iq>");
        std::string names;
        for (Element e : query.children()) names += std::string(e.name()) + " ";
        CHECK(names == "item item other ");
        CHECK(query.first_child().text() == "a");
        CHECK(query.first_child().next_sibling().text() == "c & d");
        CHECK(query.has_child_elements());
        CHECK_FALSE(query.child("item").child("group").has_child_elements());
        iq.set_attr("type", "error");
        iq.remove_attr("id");
        CHECK(iq.attr("type") == "error");
        CHECK(iq.attr("id") == "");
        CHECK_FALSE(iq.has_attr("id"));
        query.remove(query.first_child());
        query.remove(query.child("other", "urn:o"));
        CHECK(serialize(query) == "<query xmlns='jabber:iq:roster'><item>c &amp; d</item></query>");
        CHECK(serialize(Document("query", "urn:q").root()) == "<query xmlns='urn:q'/>");
    }

    TEST_CASE("text in several pieces is one text") {
        const Document d = parse("<a>x<b>no</b>y<![CDATA[z]]>&amp;</a>");
        CHECK(d.root().text() == "xyz&");
    }

    TEST_CASE("nothing added to a tree can end the stream it is sent on") {
        Document d("a", "jabber:client");
        d.root().set_attr("b", "'/>\"<x>&\n\t\r\x01");
        d.root().add_text("]]></a>&\r\n\x02");
        CHECK(
            serialize(d.root()) ==
            "<a "
            "b='&apos;/&gt;&quot;&lt;x&gt;&amp;&#10;&#9;&#13;\uFFFD'>]]&gt;&lt;/a&gt;&amp;&#13;\n\uFFFD</a>");
        CHECK(round(serialize(d.root())) == serialize(d.root()));
        CHECK(escape("<&>'\"\n") == "&lt;&amp;&gt;&apos;&quot;&#10;");
        CHECK(escape("plain \u00E9") == "plain \u00E9");
    }

    TEST_CASE("a damaged record parses to nothing, and the next one to itself") {
        for (const char* bad :
             {"", " ", "<a", "<a>", "</a>", "<a/><b/>", "<a/> ", " <a/>", "text", "<a/>x", "<a><!-- --></a>",
              "\xFF", "</s:stream>", "</stream:stream>", "<a/></s:stream>", "<p:a/>", "<a>\xFF</a>"}) {
            CAPTURE(bad);
            CHECK_FALSE(parse(bad).root());
            CHECK(round("<a b='1'>c</a>") == "<a b='1'>c</a>");
        }
        CHECK(serialize(Element()) == "");
    }

    TEST_CASE("what the reader lets in at its limits can be read back from a record") {
        std::string many = "<a";
        for (int i = 0; i < 100; ++i)
            many += " xmlns:p" + std::to_string(i) + "='u" + std::to_string(i) + "'";
        many += "><b";
        for (int i = 0; i < 100; ++i) many += " p" + std::to_string(i) + ":x=''";
        many += "/></a>";
        const auto log = after_header(many, {.attributes = 100});
        REQUIRE(log.size() == 1);
        CHECK(round(log[0]) == log[0]);
        std::string deep;
        for (int i = 0; i < 500; ++i) deep += "<a>";
        deep += "x";
        for (int i = 0; i < 500; ++i) deep += "</a>";
        CHECK(round(deep) == deep);
    }
}
