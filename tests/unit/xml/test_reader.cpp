// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include "tests/unit/xml/recorder.h"

using namespace lethe::xml;
using namespace lethe::xml::test;

namespace {

/// The outcome of a whole stream, header included.
std::string stream(std::string_view bytes) { return joined(events_of(bytes)); }

constexpr std::string_view opened = "open to=a.example from= id= version=1.0 lang= ns=jabber:client";

}  // namespace

TEST_SUITE("xml/reader") {
    TEST_CASE("a stream opens, carries stanzas and closes") {
        CHECK(stream("<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
                     "xmlns:stream='http://etherx.jabber.org/streams' "
                     "to='a.example' from='b@a.example' id='x' version='1.0' xml:lang='de'>"
                     "<message to='c'><body>hi</body></message> \n<presence/></stream:stream>") ==
              "open to=a.example from=b@a.example id=x version=1.0 lang=de ns=jabber:client | "
              "<message to='c'><body>hi</body></message> | <presence/> | close");
    }

    TEST_CASE("nothing is read behind the end of the stream") {
        Recorder r;
        r.feed(std::string(header) + "</stream:stream><message/>\xFF");
        r.feed("<message/>garbage");
        CHECK(joined(r.log) == std::string(opened) + " | close");
        CHECK(r.reader.feed("<") == ReadError::none);
    }

    TEST_CASE("after an error the reader stays in error") {
        Recorder r;
        r.feed(header);
        CHECK(r.feed("<a/><!-- --><b/>") == ReadError::restricted_xml);
        CHECK(r.feed("<c/>") == ReadError::restricted_xml);
        r.reader.reset();
        CHECK(r.feed(header) == ReadError::restricted_xml);
        CHECK(joined(r.log) == std::string(opened) + " | <a/> | error restricted-xml");
    }

    TEST_CASE("a new stream follows a reset") {
        Recorder r;
        r.feed(header);
        r.feed("<mess");
        r.reader.reset();
        r.feed(header);
        r.feed("<b/>");
        CHECK(joined(r.log) == std::string(opened) + " | " + std::string(opened) + " | <b/>");
    }

    TEST_CASE("a reset inside a callback discards the bytes that came along") {
        Reader* reader = nullptr;
        std::string log;
        Reader r("jabber:client", {},
                 {.stream_opened = [&](const StreamHeader&) { log += "open "; },
                  .stanza =
                      [&](Document d) {
                          log += serialize(d.root()) + " ";
                          if (d.root().name() == "starttls") reader->reset();
                      },
                  .stream_closed = [&] { log += "close"; }});
        reader = &r;
        r.feed(std::string(header) +
               "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><injected/>\xFF</stream:stream>");
        CHECK(log == "open <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/> ");
        log.clear();
        CHECK(r.feed(std::string(header) + "<b/></stream:stream>") == ReadError::none);
        CHECK(log == "open <b/> close");
    }

    TEST_CASE("a reset inside the header's or the end's callback starts over too") {
        Reader* reader = nullptr;
        int opens = 0, closes = 0;
        Reader r("jabber:client", {},
                 {.stream_opened =
                      [&](const StreamHeader&) {
                          if (++opens == 1) reader->reset();
                      },
                  .stream_closed =
                      [&] {
                          if (++closes == 1) reader->reset();
                      }});
        reader = &r;
        r.feed(std::string(header) + "</stream:stream>");
        CHECK(opens == 1);
        CHECK(closes == 0);
        r.feed(std::string(header) + "</stream:stream>");
        CHECK(closes == 1);
        r.feed(std::string(header) + "</stream:stream>");
        CHECK(opens == 3);
        CHECK(closes == 2);
    }

    TEST_CASE("the XML declaration is optional, first, and says UTF-8 if anything") {
        const std::string root(header.substr(header.find("<stream")));
        CHECK(stream(root) == opened);
        CHECK(stream(" \r\n" + root) == opened);
        CHECK(stream("<?xml version='1.0' encoding='utf-8'?>\n" + root) == opened);
        CHECK(stream("<?xml version='1.0' encoding='UTF-8' standalone='yes'?>" + root) == opened);
        CHECK(stream(" <?xml version='1.0'?>" + root) == "error not-well-formed");
        CHECK(stream("<?xml version='1.0'?><?xml version='1.0'?>" + root) == "error not-well-formed");
        CHECK(outcome("<?xml version='1.0'?>") == "error not-well-formed");
        CHECK(stream("<?xml version='1.0' encoding='ISO-8859-1'?>" + root) == "error unsupported-encoding");
        CHECK(stream("<?xml version='1.0' encoding='UTF-16'?>" + root) == "error unsupported-encoding");
    }

    TEST_CASE("UTF-16 and byte order marks are refused") {
        CHECK(stream("\xFE\xFF") == "error unsupported-encoding");
        CHECK(stream("\xFF\xFE<") == "error unsupported-encoding");
        CHECK(stream(std::string_view("<\0?\0", 4)) == "error unsupported-encoding");
        CHECK(stream(std::string_view("\0<\0?", 4)) == "error unsupported-encoding");
        CHECK(stream("\xEF\xBB\xBF" + std::string(header)) == "error not-well-formed");
    }

    TEST_CASE("the root must be a stream in its namespace, around the expected content") {
        CHECK(stream("<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>") ==
              "open to= from= id= version= lang= ns=");
        CHECK(
            stream("<stream xmlns='http://etherx.jabber.org/streams'><c:message xmlns:c='jabber:client'/>") ==
            "open to= from= id= version= lang= ns= | <message/>");
        CHECK(stream("<flood:stream xmlns:flood='http://etherx.jabber.org/streams' xmlns='jabber:client'>")
                  .starts_with("open"));
        CHECK(stream("<stream:stream xmlns='jabber:client'>") == "error bad-namespace-prefix");
        CHECK(stream("<stream xmlns='jabber:client'>") == "error invalid-namespace");
        CHECK(stream("<stream>") == "error invalid-namespace");
        CHECK(stream("<stream:stream xmlns:stream='http://etherx.jabber.org/strea' xmlns='jabber:client'>") ==
              "error invalid-namespace");
        CHECK(
            stream("<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:server'>") ==
            "error invalid-namespace");
        CHECK(
            stream(
                "<stream:features xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client'>") ==
            "error bad-format");
        CHECK(stream("<html>") == "error bad-format");
        CHECK(stream("GET / HTTP/1.1\r\n") == "error not-well-formed");
        CHECK(stream("\x16\x03\x01\x02") == "error not-well-formed");  // TLS on a port without it
        Recorder server({}, "jabber:server");
        server.feed("<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:server'><message/>");
        CHECK(joined(server.log) == "open to= from= id= version= lang= ns=jabber:server | <message/>");
    }

    TEST_CASE("comments, processing instructions, document types and entities are refused") {
        for (const char* bad : {"<!-- x -->", "<?php x?>", "<a><!-- x --></a>", "<a><?x y?></a>",
                                "<a>&foo;</a>", "<a b='&foo;'/>", "&foo;"}) {
            CAPTURE(bad);
            CHECK(outcome(bad) == "error restricted-xml");
        }
        const std::string root(header.substr(header.find("<stream")));
        CHECK(stream("<!DOCTYPE x>" + root) == "error restricted-xml");
        CHECK(stream("<!DOCTYPE x [<!ENTITY a 'b'>]>" + root) == "error restricted-xml");
        CHECK(stream("<!DOCTYPE x SYSTEM 'file:///etc/passwd'>" + root) == "error restricted-xml");
        CHECK(stream("<!-- x -->" + root) == "error restricted-xml");
        CHECK(stream("<?x y?>" + root) == "error restricted-xml");
        CHECK(outcome("<!DOCTYPE x>") == "error not-well-formed");  // no place for one in XML either
        CHECK(outcome("<a><!ENTITY b 'c'></a>") == "error not-well-formed");
    }

    TEST_CASE("the five predefined entities, character references and CDATA are text") {
        CHECK(
            outcome("<a "
                    "b='&lt;&gt;&amp;&apos;&quot;&#x41;&#66;'>&lt;&gt;&amp;&apos;&quot;&#x1F600;<![CDATA[<b>&"
                    "amp;]]>!</a>") ==
            "<a b='&lt;&gt;&amp;&apos;&quot;AB'>&lt;&gt;&amp;&apos;&quot;\U0001F600&lt;b&gt;&amp;amp;!</a>");
        for (const char* bad :
             {"<a>&#0;</a>", "<a>&#1;</a>", "<a>&#xD800;</a>", "<a>&#xFFFE;</a>", "<a>&#x110000;</a>",
              "<a>&#;</a>", "<a>&</a>", "<a>&amp</a>", "<a>]]></a>", "<a b='&#0;'/>"}) {
            CAPTURE(bad);
            CHECK(outcome(bad) == "error not-well-formed");
        }
    }

    TEST_CASE("broken markup is not well-formed") {
        for (const char* bad : {"<a></b>",
                                "<a b='1' b='2'/>",
                                "<a b=1/>",
                                "<a b/>",
                                "<a b='<'/>",
                                "<a b='1'c='2'/>",
                                "</a>",
                                "<1/>",
                                "< a/>",
                                "<a:b:c xmlns:a='x'/>",
                                "<:a/>",
                                "<a:/>",
                                "text",
                                "<a/>text",
                                "<![CDATA[x]]>",
                                "<![CDATA[ ]]>",
                                "<a b='\x01'/>",
                                "<a>\x08</a>",
                                "<a\v/>",
                                "</stream:strea>",
                                "</stream>"}) {
            CAPTURE(bad);
            CHECK(outcome(bad).ends_with("error not-well-formed"));
        }
        CHECK(outcome(std::string_view("<a>\0</a>", 8)) == "error not-well-formed");
    }

    TEST_CASE("the same attribute under two prefixes is a duplicate") {
        CHECK(outcome("<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>") == "error not-well-formed");
        CHECK(outcome("<a xmlns:p='u' xmlns:q='v' p:b='1' q:b='2' b='3'/>") ==
              "<a xmlns:ns1='u' ns1:b='1' xmlns:ns2='v' ns2:b='2' b='3'/>");
        CHECK(outcome("<a xml:lang='de' xml:lang='en'/>") == "error not-well-formed");
        CHECK(outcome("<a xmlns='u' xmlns='v'/>") == "error not-well-formed");
    }

    TEST_CASE("unbound and misused prefixes are refused") {
        CHECK(outcome("<p:a/>") == "error bad-namespace-prefix");
        CHECK(outcome("<a p:b='1'/>") == "error bad-namespace-prefix");
        CHECK(outcome("<b xmlns:p='u'/><p:a/>") == "<b/> | error bad-namespace-prefix");
        CHECK(outcome("<a xmlns:p=''/>") == "error not-well-formed");
        CHECK(outcome("<a xmlns:xml='u'/>") == "error not-well-formed");
        CHECK(outcome("<a xmlns:xmlns='u'/>") == "error not-well-formed");
        CHECK(outcome("<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>") == "error not-well-formed");
        CHECK(outcome("<a xmlns='http://www.w3.org/XML/1998/namespace'/>") == "error not-well-formed");
        CHECK(outcome("<xml:a/>") == "error bad-namespace-prefix");
        CHECK(outcome("<a><xml:b/></a>") == "error bad-namespace-prefix");
        CHECK(outcome("<xmlns:a/>").starts_with("error"));
        CHECK(outcome("<a xmlns:p='u\x01v'/>") == "error not-well-formed");
    }

    TEST_CASE("every kind of broken UTF-8 is refused, in text, attribute and name") {
        for (const char* bad : {"\x80",   // continuation alone
                                "\xC3",   // cut short
                                "\xC3(",  // continuation missing
                                "\xC0\x80",
                                "\xC1\xBF",      // overlong, two bytes
                                "\xE0\x80\x80",  // overlong, three bytes
                                "\xE0\x9F\xBF",
                                "\xE2\x82",      // cut short
                                "\xED\xA0\x80",  // surrogate
                                "\xED\xBF\xBF",
                                "\xEF\xBF\xBE",      // U+FFFE
                                "\xEF\xBF\xBF",      // U+FFFF
                                "\xF0\x80\x80\x80",  // overlong, four bytes
                                "\xF0\x8F\xBF\xBF",
                                "\xF0\x9F\x98",      // cut short
                                "\xF4\x90\x80\x80",  // above U+10FFFF
                                "\xF5\x80\x80\x80",
                                "\xF8\x88\x80\x80\x80",  // five bytes
                                "\xFC\x84\x80\x80\x80\x80",
                                "\xFE",
                                "\xFF"}) {
            CHECK(outcome("<a>" + std::string(bad) + "</a>") == "error not-well-formed");
            CHECK(outcome("<a b='" + std::string(bad) + "'/>") == "error not-well-formed");
            CHECK(outcome("<a" + std::string(bad) + "/>") == "error not-well-formed");
            CHECK(outcome("<a>x<![CDATA[" + std::string(bad) + "]]></a>") == "error not-well-formed");
        }
        CHECK(outcome("<a>\u00E9\u20AC\U0001F600\uFFFD\U0010FFFD</a>") ==
              "<a>\u00E9\u20AC\U0001F600\uFFFD\U0010FFFD</a>");
    }

    TEST_CASE("xml:lang stays on the stanza as it was sent, and the stream's is reported") {
        Recorder r;
        r.feed(
            "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
            "xml:lang='de'>");
        r.feed("<message/><message xml:lang='en'><body>a</body><body xml:lang='fr'>b</body></message>");
        CHECK(joined(r.log) ==
              "open to= from= id= version= lang=de ns=jabber:client | <message/> | "
              "<message xml:lang='en'><body>a</body><body xml:lang='fr'>b</body></message>");
    }

    TEST_CASE("prefixes that the stream header declares hold for every stanza") {
        Recorder r;
        r.feed(
            "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "
            "xmlns:db='jabber:server:dialback'>");
        CHECK(r.failed);  // a client's reader
        Recorder s({}, "jabber:server");
        s.feed(
            "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "
            "xmlns:db='jabber:server:dialback'><db:result to='a'>k</db:result><stream:error/>");
        s.log.erase(s.log.begin());
        CHECK(joined(s.log) ==
              "<result xmlns='jabber:server:dialback' to='a'>k</result> | <error "
              "xmlns='http://etherx.jabber.org/streams'/>");
    }

    TEST_CASE("bytes come as they like: an end tag is reported when its last byte is there") {
        Recorder r;
        r.feed(header);
        r.log.clear();
        const std::string_view stanza = "<message to='a'><body>b</body></message>";
        for (std::size_t i = 0; i + 1 < stanza.size(); ++i) {
            r.feed(stanza.substr(i, 1));
            REQUIRE(r.log.empty());
            REQUIRE_FALSE(r.reader.idle());
        }
        r.feed(stanza.substr(stanza.size() - 1));
        CHECK(joined(r.log) == stanza);
        CHECK(r.reader.idle());
    }

    TEST_CASE("memory can be released between stanzas and only there") {
        Recorder r;
        r.reader.release_memory();
        r.feed(header);
        CHECK(r.reader.parser_bytes() > 0);
        r.reader.release_memory();
        CHECK(r.reader.parser_bytes() == 0);
        CHECK(r.reader.idle());
        r.feed("<a><b>x");
        r.reader.release_memory();
        CHECK(r.reader.parser_bytes() > 0);
        r.feed("</b></a> ");
        r.reader.release_memory();
        r.feed("</stream:stream>");
        CHECK(joined(r.log) == std::string(opened) + " | <a><b>x</b></a> | close");
    }
}
