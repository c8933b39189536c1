// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include "tests/unit/xml/recorder.h"

using namespace lethe::xml;
using namespace lethe::xml::test;

namespace {

const std::string_view open_client =
    "<?xml version='1.0'?><s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'>";

/// Streams short enough for every way to cut them twice, each with something a cut could break.
std::vector<std::string> corpus() {
    std::vector<std::string> out;
    const auto add = [&](std::string_view rest) {
        out.push_back(std::string(open_client) + std::string(rest));
    };
    add("<message to='a@b' xml:lang='de'><body>h\u00E9 \U0001F600 "
        "&lt;&amp;&#x41;</body></message>\r\n<presence/></s:stream>");
    add("<iq type='set'><q xmlns='urn:q'><i p:x='1' xmlns:p='urn:p'/><c xmlns='jabber:client'/></q></iq> "
        "\t<a/></s:stream>");
    add("<a><![CDATA[<b>]]]]><![CDATA[>]]> ]] </a><b c=\"'\" d='\"'/></s:stream>junk");
    add("<a>\r\n\r \n</a>\r\r\n<b x='\r\n\t'/>");
    add("<a/><b></b><c><d/></c>text");
    add("<a><!-- no --></a>");
    add("<a/><?no no?>");
    add("<a/>&no;");
    add("<a b='1' b='2'/>");
    add("<a/><p:b/>");
    add("<a>\xC3\xA9\xC3(</a>");
    add("<a>\xED\xA0\x80</a>");
    add("<a></b>");
    add("<a/>]]>");
    add("<a>x]]></a>");
    out.emplace_back(
        "<?xml version='1.0' encoding='latin1'?><s:stream xmlns:s='http://etherx.jabber.org/streams'>");
    out.emplace_back("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>");
    out.emplace_back("\xFE\xFF\0<\0a");
    out.emplace_back("<html><body>");
    out.emplace_back(" \n<s:stream xmlns='urn:other' xmlns:s='http://etherx.jabber.org/streams'><a/>");
    return out;
}

template <class Check>
void for_each_limit(Check check) {
    check(Limits{});
    check(Limits{.stanza_bytes = 60, .header_bytes = 110, .depth = 2, .attributes = 2});
    check(Limits{.distinct_names = 1});  // a new parser after every stanza
}

}  // namespace

TEST_SUITE("xml/reader splits") {
    TEST_CASE("a stream cut in two anywhere yields the same events") {
        for_each_limit([](const Limits& limits) {
            for (const std::string& bytes : corpus()) {
                CAPTURE(bytes);
                const auto expected = events_of(bytes, limits);
                for (std::size_t i = 0; i <= bytes.size(); ++i) {
                    Recorder r(limits);
                    r.feed(std::string_view(bytes).substr(0, i));
                    r.feed(std::string_view(bytes).substr(i));
                    REQUIRE(r.log == expected);
                }
            }
        });
    }

    TEST_CASE("a stream cut in three anywhere yields the same events") {
        for (const std::string& bytes : corpus()) {
            CAPTURE(bytes);
            const auto expected = events_of(bytes);
            for (std::size_t i = 0; i <= bytes.size(); ++i) {
                for (std::size_t j = i; j <= bytes.size(); ++j) {
                    Recorder r;
                    r.feed(std::string_view(bytes).substr(0, i));
                    r.feed(std::string_view(bytes).substr(i, j - i));
                    r.feed(std::string_view(bytes).substr(j));
                    REQUIRE(r.log == expected);
                }
            }
        }
    }

    TEST_CASE("a stream fed byte by byte yields the same events") {
        for_each_limit([](const Limits& limits) {
            for (const std::string& bytes : corpus()) {
                CAPTURE(bytes);
                Recorder r(limits);
                for (char c : bytes) r.feed({&c, 1});
                REQUIRE(r.log == events_of(bytes, limits));
            }
        });
    }

    TEST_CASE("giving memory back after every byte changes nothing") {
        for (const std::string& bytes : corpus()) {
            CAPTURE(bytes);
            Recorder r;
            for (char c : bytes) {
                r.feed({&c, 1});
                r.reader.release_memory();
            }
            REQUIRE(r.log == events_of(bytes));
        }
    }
}
