// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include "tests/unit/xml/recorder.h"

using namespace lethe::xml;
using namespace lethe::xml::test;

namespace {

std::string repeated(std::string_view piece, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += piece;
    return out;
}

/// One element of exactly `size` bytes.
std::string element_of(std::size_t size) { return "<a>" + std::string(size - 7, 'x') + "</a>"; }
std::string tag_of(std::size_t size) { return "<a b='" + std::string(size - 9, 'x') + "'/>"; }

/// Whole, byte by byte and cut once must agree; yields what they agree on.
std::string fed_any_way(std::string_view bytes, const Limits& limits) {
    const std::string whole = outcome(bytes, limits);
    Recorder trickled(limits);
    trickled.feed(header);
    trickled.log.clear();
    for (char c : bytes) trickled.feed({&c, 1});
    CHECK(joined(trickled.log) == whole);
    for (std::size_t cut = 0; cut < bytes.size(); cut += 1 + bytes.size() / 64) {
        Recorder r(limits);
        r.feed(header);
        r.log.clear();
        r.feed(bytes.substr(0, cut));
        r.feed(bytes.substr(cut));
        CHECK(joined(r.log) == whole);
    }
    return whole;
}

}  // namespace

TEST_SUITE("xml/reader limits") {
    TEST_CASE("a stanza may have as many bytes as the limit says and not one more") {
        const Limits limits{.stanza_bytes = 300};
        for (const auto make : {element_of, tag_of}) {
            CHECK(fed_any_way(make(299), limits) == make(299));
            CHECK(fed_any_way(make(300), limits) == make(300));
            CHECK(fed_any_way(make(301), limits) == "error policy-violation");
            CHECK(fed_any_way(make(300) + make(300) + "\n" + make(301), limits) ==
                  make(300) + " | " + make(300) + " | error policy-violation");
        }
        // Below the full size, the beginning of something too long is no error yet.
        CHECK(fed_any_way(element_of(301).substr(0, 300), limits) == "");
    }

    TEST_CASE("the limit counts bytes on the wire, whatever they mean") {
        const Limits limits{.stanza_bytes = 40};
        CHECK(fed_any_way("<a>" + repeated("&amp;", 6) + "xyz</a>", limits) ==
              "<a>" + repeated("&amp;", 6) + "xyz</a>");
        CHECK(fed_any_way("<a>" + repeated("&amp;", 7) + "</a>", limits) == "error policy-violation");
        CHECK(fed_any_way("<a>" + repeated("\u20AC", 11) + "</a>", limits) ==
              "<a>" + repeated("\u20AC", 11) + "</a>");
        CHECK(fed_any_way("<a>" + repeated("\u20AC", 12) + "</a>", limits) == "error policy-violation");
    }

    TEST_CASE("whitespace between stanzas is free") {
        const Limits limits{.stanza_bytes = 10};
        const std::string keepalive = repeated(" \r\n\t", 500);
        CHECK(fed_any_way(keepalive + "<a>123</a>" + keepalive + "<b/>", limits) == "<a>123</a> | <b/>");
    }

    TEST_CASE("an error before the limit is that error, and behind it the limit") {
        const Limits limits{.stanza_bytes = 100};
        CHECK(fed_any_way("<a b='" + std::string(80, 'x') + "<'/>", limits) == "error not-well-formed");
        CHECK(fed_any_way("<a b='" + std::string(120, 'x') + "<'/>", limits) == "error policy-violation");
        CHECK(fed_any_way("<a><!-- " + std::string(120, 'x') + " --></a>", limits) ==
              "error policy-violation");
    }

    TEST_CASE("the stream header has a limit of its own") {
        const auto header_of = [](std::size_t size) {
            std::string h =
                "<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams' id=''>";
            h.insert(h.size() - 2, std::string(size - h.size(), 'i'));
            return h;
        };
        for (std::size_t size : {199u, 200u, 201u}) {
            CAPTURE(size);
            REQUIRE(header_of(size).size() == size);
            for (std::size_t step : {1u, 7u, 1000u}) {
                Recorder r({.stanza_bytes = 50, .header_bytes = 200});
                const std::string bytes = header_of(size) + "<a/>";
                for (std::size_t i = 0; i < bytes.size(); i += step)
                    r.feed(std::string_view(bytes).substr(i, step));
                CHECK(joined(r.log).ends_with(size <= 200 ? "<a/>" : "error policy-violation"));
            }
        }
    }

    TEST_CASE("depth counts the elements open below the stream") {
        const Limits limits{.depth = 8};
        const auto nested = [](std::size_t n) {
            return repeated("<a>", n - 1) + "<a/>" + repeated("</a>", n - 1);
        };
        CHECK(fed_any_way(nested(7), limits) == nested(7));
        CHECK(fed_any_way(nested(8), limits) == nested(8));
        CHECK(fed_any_way(nested(9), limits) == "error policy-violation");
        CHECK(fed_any_way(repeated("<a>", 9), limits) == "error policy-violation");
    }

    TEST_CASE("attributes are counted per element, namespace declarations among them") {
        const Limits limits{.attributes = 5};
        const auto with = [](std::size_t n) {
            std::string out = "<a";
            for (std::size_t i = 0; i < n; ++i) out += " b" + std::to_string(i) + "=''";
            return out + "/>";
        };
        CHECK(fed_any_way(with(4), limits) == with(4));
        CHECK(fed_any_way(with(5), limits) == with(5));
        CHECK(fed_any_way(with(6), limits) == "error policy-violation");
        CHECK(fed_any_way(with(5) + with(5), limits) == with(5) + " | " + with(5));
        CHECK(fed_any_way("<a xmlns:p='1' xmlns:q='2' xmlns:r='3' b='' c=''/>", limits) == "<a b='' c=''/>");
        CHECK(fed_any_way("<a xmlns:p='1' xmlns:q='2' xmlns:r='3' b='' c='' d=''/>", limits) ==
              "error policy-violation");
    }

    TEST_CASE("a namespace declared once and used a thousand times does not blow up the tree") {
        const Limits limits{.stanza_bytes = 20000};
        const std::string uri(200, 'u');
        const auto uses = [&](std::size_t n) {
            return "<a xmlns:p='" + uri + "'>" + repeated("<p:b/>", n) + "</a>";
        };
        CHECK(outcome(uses(100), limits).starts_with("<a><b xmlns='uuu"));
        CHECK(outcome(uses(101), limits) == "error policy-violation");
        const auto attributes = [&](std::size_t n) {
            return "<a xmlns:p='" + uri + "'>" + repeated("<b p:c=''/>", n) + "</a>";
        };
        CHECK(outcome(attributes(100), limits).starts_with("<a><b xmlns:ns1='uuu"));
        CHECK(outcome(attributes(101), limits) == "error policy-violation");
        CHECK(outcome(uses(100) + uses(100), limits).ends_with("</a>"));  // per stanza
    }

    TEST_CASE("which limit it was is known afterwards") {
        const Limits limits{.stanza_bytes = 300, .header_bytes = 250, .depth = 3, .attributes = 5};
        const auto exceeded = [&](const std::string& bytes, bool opened = true) {
            Recorder r(limits);
            if (opened) r.feed(header);
            REQUIRE(r.feed(bytes) == ReadError::policy_violation);
            return r.reader.exceeded();
        };
        CHECK(exceeded(element_of(301)) == Limit::stanza_bytes);
        CHECK(exceeded("<s:stream a='" + std::string(300, 'x'), false) == Limit::header_bytes);
        CHECK(exceeded("<a><a><a><a>") == Limit::depth);
        CHECK(exceeded("<a b='' c='' d='' e='' f='' g=''/>") == Limit::attributes);
        CHECK(exceeded("<a xmlns:p='" + std::string(100, 'u') + "'>" + repeated("<p:b/>", 4)) == Limit::memory);
    }

    TEST_CASE("new limits hold from the moment they are set") {
        Recorder r({.stanza_bytes = 50});
        r.feed(header);
        r.feed("<a>");
        r.reader.set_limits({.stanza_bytes = 200});
        CHECK(r.feed(std::string(100, 'x') + "</a>") == ReadError::none);
        r.feed("<a>" + std::string(100, 'x'));
        r.reader.set_limits({.stanza_bytes = 50});
        CHECK(r.feed("x") == ReadError::policy_violation);
    }

    TEST_CASE("a million distinct names leave the parser as small as it was") {
        Recorder r;
        r.feed(header);
        std::size_t most = 0, count = 0;
        std::string piece;
        for (int i = 0; i < 250'000; ++i) {
            const std::string n = std::to_string(i);
            piece = "<e" + n + " a" + n + "='' xmlns:p" + n + "='u'/><p" + n + ":x xmlns:p" + n + "='u'/>";
            REQUIRE(r.feed(piece) == ReadError::none);
            count += r.log.size();
            r.log.clear();
            most = std::max(most, r.reader.parser_bytes());
        }
        CHECK(count == 500'001);
        CHECK(most < 768 * 1024);
    }

    TEST_CASE("the parser's successor knows the stream: declared prefixes, end tag, pieces of stanzas") {
        const std::string_view declared =
            "<?xml version='1.0'?>\n<s:stream xmlns='jabber:client' "
            "xmlns:s='http://etherx.jabber.org/streams' xmlns:p='urn:p' >";
        const std::string stanzas =
            "<p:a>1</p:a><b/> <c p:d='2'>\xC3\xA9</c>\n<e><f xmlns='urn:q'/></e><g h='" +
            std::string(100, 'i') + "'/>";
        const std::string expected =
            "<a xmlns='urn:p'>1</a> | <b/> | <c xmlns:ns1='urn:p' ns1:d='2'>\xC3\xA9</c> | <e><f "
            "xmlns='urn:q'/></e> | <g h='" +
            std::string(100, 'i') + "'/> | close";
        for (const Limits& limits : {Limits{}, Limits{.distinct_names = 1}, Limits{.parser_bytes = 1}}) {
            for (std::size_t step = 1; step < 200; step += 3) {
                Recorder r(limits);
                r.feed(declared);
                r.log.clear();
                const std::string bytes = stanzas + "</s:stream>";
                for (std::size_t i = 0; i < bytes.size(); i += step)
                    r.feed(std::string_view(bytes).substr(i, step));
                REQUIRE(joined(r.log) == expected);
            }
        }
    }

    TEST_CASE("one long stanza does not make the session fat for good") {
        Recorder r;
        r.feed(header);
        r.feed("<a/>");
        const std::size_t slim = r.reader.parser_bytes();
        r.feed(tag_of(200'000));
        r.feed(element_of(200'000));
        CHECK(r.log.size() == 4);
        r.feed("<a/>");
        CHECK(r.reader.parser_bytes() < slim + 16 * 1024);
    }

    TEST_CASE("a long tag in small pieces is read like a whole one") {
        const std::string tricky =
            "<a b='" + repeated("x>\"", 3000) + "' c=\"" + repeated("y>'", 3000) + "\" d='&amp;'><b/>z</a>";
        const std::string expected = outcome(tricky);
        REQUIRE(expected.starts_with("<a b='x&gt;&quot;x"));
        for (std::size_t step : {1u, 2u, 3u, 17u, 1000u, 4095u, 4097u}) {
            Recorder r;
            r.feed(header);
            r.log.clear();
            for (std::size_t i = 0; i < tricky.size(); i += step)
                r.feed(std::string_view(tricky).substr(i, step));
            CHECK(joined(r.log) == expected);
            CHECK(r.reader.idle());
        }
    }

    TEST_CASE("long rubbish in small pieces ends at the limit at the latest") {
        const Limits limits{.stanza_bytes = 10'000};
        for (const std::string& rubbish :
             {"<a b='" + std::string(20'000, 'x'), "<" + std::string(20'000, 'a'),
              "</" + std::string(20'000, 'a'), "<a>&" + std::string(20'000, 'a'),
              "<a b=\"" + repeated(">", 20'000), "<a " + repeated("b='' ", 4'000)}) {
            Recorder r(limits);
            r.feed(header);
            std::size_t used = 0;
            for (char c : rubbish) {
                if (r.feed({&c, 1}) != ReadError::none) break;
                ++used;
            }
            CHECK(r.failed);
            CHECK(used <= 10'000);
        }
        for (const std::string& rubbish : {"<!-- " + repeated("> ", 5'000), "<?x " + repeated("> ", 5'000)}) {
            Recorder r(limits);
            r.feed(header);
            for (char c : rubbish) r.feed({&c, 1});
            CHECK(r.log.back() == "error restricted-xml");
        }
    }
}
