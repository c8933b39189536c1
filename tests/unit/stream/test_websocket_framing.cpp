// SPDX-License-Identifier: AGPL-3.0-or-later
// RFC 7395 without a socket: bytes in, elements out, bytes to write.
#include <doctest/doctest.h>

#include <array>

#include "server/stream/framing.h"

using namespace lethe;
using namespace lethe::stream;
using xml::ReadError;

namespace {

enum : char { continuation = 0, text = 1, binary = 2, close_frame = 8, ping = 9, pong = 10 };

struct How {
    bool fin = true;
    int rsv = 0;
    bool masked = true;
};

std::string frame(char opcode, std::string_view payload, How how = {}) {
    std::string out{static_cast<char>(opcode | how.rsv << 4 | (how.fin ? 0x80 : 0))};
    const char mask_bit = how.masked ? '\x80' : '\0';
    const auto number = [&](int bytes) {
        for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(payload.size() >> (8 * i));
    };
    if (payload.size() < 126) out += static_cast<char>(mask_bit | static_cast<char>(payload.size()));
    else if (payload.size() < 65536) out += static_cast<char>(mask_bit | 126), number(2);
    else out += static_cast<char>(mask_bit | 127), number(8);
    constexpr std::array<char, 4> key{'\x37', '\xfa', '\x21', '\x3d'};
    if (how.masked) out.append(key.data(), key.size());
    for (std::size_t i = 0; i < payload.size(); ++i) out += how.masked ? static_cast<char>(payload[i] ^ key[i % 4]) : payload[i];
    return out;
}

struct Side {
    std::string log;
    std::unique_ptr<Framing> framing;
    explicit Side(std::size_t stanza_bytes = 1000)
        : framing(websocket_framing({.stanza_bytes = stanza_bytes}, {.opened = [this](const xml::StreamHeader& h) { log += "open " + h.to + ' ' + h.version + ' ' + h.lang + '\n'; },
                                                                       .element = [this](xml::Document d) { log += xml::serialize(d.root()) + '\n'; },
                                                                       .closed = [this] { log += "closed\n"; },
                                                                       .left = [this] { log += "left\n"; }})) {}
    ReadError feed(std::string_view bytes) { return framing->feed(bytes); }
    std::string pack(std::initializer_list<std::string> elements) {
        std::deque<core::Outgoing> items;
        for (const auto& element : elements) items.push_back({.bytes = core::make_wire(element)});
        std::string buffer;
        return std::string(framing->pack(items, buffer));
    }
    /// Of the Close that the connection ends with.
    int code() const {
        const std::string words = framing->last_words();
        REQUIRE(words.size() == 4);
        CHECK(words.starts_with(std::string{'\x88', '\x02'}));
        return static_cast<unsigned char>(words[2]) << 8 | static_cast<unsigned char>(words[3]);
    }
};

const std::string open_text = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='a.example' version='1.0' xml:lang='de'/>", close_text = "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>",
                  message_text = "<message xmlns='jabber:client' to='b@a.example'><body>h\u00E9 \U0001F600</body></message>";

std::string unmasked(std::string_view payload) { return frame(text, payload, {.masked = false}); }

}  // namespace

TEST_SUITE("stream/websocket_framing") {
    TEST_CASE("a stream, whole, in fragments, with control frames between them, and in any pieces") {
        const std::string bytes = frame(text, open_text) + frame(text, "", {.fin = false}) + frame(continuation, message_text.substr(0, 70), {.fin = false}) + frame(ping, "are you there?") +
                                  frame(pong, "") + frame(continuation, message_text.substr(70)) + frame(text, message_text + " \n") + frame(text, close_text) + frame(close_frame, "\x03\xe9 bye");
        const std::string stanza = "<message to='b@a.example'><body>h\u00E9 \U0001F600</body></message>\n";
        const std::string expected = "open a.example 1.0 de\n" + stanza + stanza + "closed\nleft\n";
        for (std::size_t cut = 0; cut <= bytes.size(); ++cut)
            for (const bool release : {false, true}) {
                Side side;
                CHECK(side.feed(std::string_view(bytes).substr(0, cut)) == ReadError::none);
                if (release) side.framing->release_memory();
                CHECK(side.feed(std::string_view(bytes).substr(cut)) == ReadError::none);
                CHECK(side.log == expected);
                CHECK(side.framing->owes());
                CHECK(side.pack({}) == frame(pong, "are you there?", {.masked = false}));
                CHECK_FALSE(side.framing->owes());
                CHECK(side.code() == 1001);
            }
        Side side;
        for (const char c : bytes) {
            CHECK(side.feed({&c, 1}) == ReadError::none);
            side.framing->release_memory();
        }
        CHECK(side.log == expected);
    }
    TEST_CASE("what leaves names its namespaces, and lengths of every form") {
        Side side;
        CHECK(side.pack({"<message to='a'/>"}) == unmasked("<message xmlns='jabber:client' to='a'/>"));
        CHECK(side.pack({"<presence/>"}) == unmasked("<presence xmlns='jabber:client'/>"));
        CHECK(side.pack({"<iq id=' xmlns=&apos;u&apos;'><q xmlns='u'/></iq>"}) == unmasked("<iq xmlns='jabber:client' id=' xmlns=&apos;u&apos;'><q xmlns='u'/></iq>"));
        for (const std::string value : {" xmlns=", "a xmlns=", "&gt; xmlns="})  // the quotes around it make a declaration of it
            CHECK(side.pack({"<message id='" + value + "' to='a'/>"}) == unmasked("<message xmlns='jabber:client' id='" + value + "' to='a'/>"));
        CHECK(side.pack({"<r xmlns='urn:xmpp:sm:3'/>"}) == unmasked("<r xmlns='urn:xmpp:sm:3'/>"));
        CHECK(side.pack({"<stream:error><reset xmlns='u'/></stream:error>"}) == unmasked("<stream:error xmlns:stream='http://etherx.jabber.org/streams'><reset xmlns='u'/></stream:error>"));
        CHECK(side.pack({"<presence/>", side.framing->close()}) == unmasked("<presence xmlns='jabber:client'/>") + unmasked(close_text));
        for (const std::size_t size : {125u, 126u, 127u, 65535u, 65536u, 65537u}) {
            const std::string element = "<r xmlns='" + std::string(size - 13, 'u') + "'/>";
            REQUIRE(element.size() == size);
            CHECK(side.pack({element}) == unmasked(element));
        }
        CHECK(side.framing->open("4f", "a&b", "").find("id='4f' from='a&amp;b' version='1.0'") != std::string::npos);
    }
    TEST_CASE("what no client may send ends it, with its code") {
        const std::string nonsense = frame(text, "<a xmlns='u'/>");
        for (const auto& bad : {frame(text, open_text, {.masked = false}), frame(text, open_text, {.rsv = 4}), frame(text, open_text, {.rsv = 2}), frame(text, open_text, {.rsv = 1}),
                                frame(ping, "", {.rsv = 4}), frame(3, ""), frame(11, ""), frame(continuation, open_text), frame(ping, "a", {.fin = false}), frame(close_frame, "", {.fin = false}),
                                frame(ping, std::string(126, 'a')), std::string("\x81\xfe\0\x01\0\0\0\0a", 9), std::string("\x81\xff\0\0\0\0\0\0\0\x01\0\0\0\0a", 15),
                                std::string("\x81\xff\x80\0\0\0\0\0\0\0\0\0\0\0a", 15), frame(text, "<a", {.fin = false}) + frame(text, " xmlns='u'/>")}) {
            for (const bool bytewise : {false, true}) {
                Side side;
                REQUIRE(side.feed(frame(text, open_text)) == ReadError::none);
                side.log.clear();
                auto error = ReadError::none;
                if (bytewise)
                    for (const char c : bad) error = side.feed({&c, 1});
                else error = side.feed(bad);
                CHECK(error == ReadError::bad_format);
                CHECK(side.code() == 1002);
                CHECK_FALSE(side.framing->problem().empty());
                CHECK(side.feed(nonsense) == ReadError::bad_format);
                CHECK(side.log.empty());
            }
        }
        Side side;
        CHECK(side.feed(frame(binary, open_text)) == ReadError::bad_format);
        CHECK(side.code() == 1003);
    }
    TEST_CASE("text that is not UTF-8 is not XML either") {
        for (const std::string bad : {"<a xmlns='u'>\xff</a>", "<a xmlns='u'>\xed\xa0\x80</a>", "<a xmlns='u'>\xc0\x80</a>", "<a xmlns='u'/>\xe2\x82"}) {
            Side side;
            CHECK(side.feed(frame(text, bad)) == ReadError::not_well_formed);
            CHECK(side.code() == 1007);
            CHECK(side.log.empty());
        }
        Side split;  // a character may be cut by a fragment
        CHECK(split.feed(frame(text, "<a xmlns='u'>\xe2\x82", {.fin = false}) + frame(continuation, "\xac</a>")) == ReadError::none);
        CHECK(split.log == "<a xmlns='u'>\u20AC</a>\n");
    }
    TEST_CASE("a message is one element that stands for itself") {
        const std::vector<std::pair<std::string, ReadError>> cases{
            {"", ReadError::bad_format},
            {" ", ReadError::bad_format},
            {" <a xmlns='u'/>", ReadError::bad_format},
            {"\xEF\xBB\xBF<a xmlns='u'/>", ReadError::bad_format},
            {"text", ReadError::bad_format},
            {"<a xmlns='u'/><b xmlns='u'/>", ReadError::bad_format},
            {"<a xmlns='u'>", ReadError::bad_format},
            {"<a xmlns='u'", ReadError::bad_format},
            {"<a xmlns='u'/>text", ReadError::not_well_formed},
            {"<a xmlns='u'/><![CDATA[ ", ReadError::not_well_formed},
            {"<a xmlns='u'/><![CDATA[ ]]>", ReadError::not_well_formed},
            {"</lethe-framing:stream>", ReadError::not_well_formed},
            {"<a xmlns='u'/></lethe-framing:stream>", ReadError::not_well_formed},
            {"<stream:features/>", ReadError::bad_namespace_prefix},
            {"<?xml version='1.0'?>", ReadError::bad_format},
            {"<?xml version='1.0'", ReadError::bad_format},
            {"<?xml", ReadError::bad_format},
            {"<?xml version='1.0' encoding='iso-8859-1'?><a xmlns='u'/>", ReadError::unsupported_encoding},
            {"<?xml encoding='utf-8'?><a xmlns='u'/>", ReadError::not_well_formed},
            {"<?xml version='1.0'?><?xml version='1.0'?><a xmlns='u'/>", ReadError::not_well_formed},
            {"<a xmlns='u'><?xml version='1.0'?></a>", ReadError::not_well_formed},
            {"<?xml-stylesheet href='a'?><a xmlns='u'/>", ReadError::restricted_xml},
            {"<?xml version='1.0'?><!-- --><a xmlns='u'/>", ReadError::restricted_xml},
            {"<?xml version='1.0'" + std::string(200, ' ') + "?><a xmlns='u'/>", ReadError::not_well_formed},
            {"<!-- --><a xmlns='u'/>", ReadError::restricted_xml},
            {"<!DOCTYPE a><a xmlns='u'/>", ReadError::not_well_formed},
        };
        for (const auto& [bad, error] : cases) {
            CAPTURE(bad);
            Side side;
            const auto got = side.feed(frame(text, bad) + frame(text, message_text));
            CHECK((got == error || (error == ReadError::not_well_formed && got == ReadError::restricted_xml)));
            CHECK(side.code() == 1007);
            CHECK(side.log.empty());
        }
        Side bare;  // a stanza without a namespace is in none
        CHECK(bare.feed(frame(text, "<message/>")) == ReadError::none);
        CHECK(bare.log.find("xmlns=''") != std::string::npos);
    }
    TEST_CASE("an XML declaration may stand before an element") {
        const std::string element = "<a xmlns='u'>x</a>";
        std::string bytes;
        for (const auto* declaration : {"<?xml version='1.0'?>", "", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", "<?xml\tversion='1.0' encoding='utf-8' standalone='yes' ?>", ""})
            bytes += frame(text, declaration + element);
        std::string expected;
        for (int i = 0; i < 5; ++i) expected += element + '\n';
        for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
            Side side;
            CHECK(side.feed(std::string_view(bytes).substr(0, cut)) == ReadError::none);
            side.framing->release_memory();
            CHECK(side.feed(std::string_view(bytes).substr(cut)) == ReadError::none);
            CHECK(side.log == expected);
        }
    }
    TEST_CASE("a Close is answered with its code, and one that no peer may send with what is wrong with it, however it is cut") {
        const auto close_of = [](int code, const std::string& reason = "") { return std::string{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)} + reason; };
        const std::vector<std::pair<std::string, int>> cases{
            {"", 1000}, {close_of(1000), 1000}, {close_of(1001, "gone \u00E9\U0001F600"), 1001}, {close_of(1011), 1011}, {close_of(3000), 3000}, {close_of(4999, std::string(123, 'x')), 4999},
            {"\x03", 1002}, {close_of(0), 1002}, {close_of(999), 1002}, {close_of(1004), 1002}, {close_of(1005), 1002}, {close_of(1006), 1002}, {close_of(1015), 1002}, {close_of(2999), 1002},
            {close_of(5000), 1002}, {close_of(65535), 1002}, {close_of(1000, "\xff"), 1007}, {close_of(1000, "\xc3"), 1007}, {close_of(1000, std::string(122, 'x') + "\xc3"), 1007}};
        for (const auto& [payload, code] : cases) {
            CAPTURE(code);
            const std::string bytes = frame(text, "<a xmlns='u'/>") + frame(close_frame, payload) + frame(text, "<b xmlns='u'/>");
            for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
                Side side;
                (void)side.feed(std::string_view(bytes).substr(0, cut));
                side.framing->release_memory();
                const auto error = side.feed(std::string_view(bytes).substr(cut));
                CHECK(error == (code == 1007 ? ReadError::not_well_formed : code == 1002 ? ReadError::bad_format : ReadError::none));
                CHECK(side.code() == code);
                CHECK(side.log == (error == ReadError::none ? "<a xmlns='u'/>\nleft\n" : "<a xmlns='u'/>\n"));
            }
        }
        Side silent;  // half of a Close is none
        CHECK(silent.feed(frame(close_frame, close_of(1001)).substr(0, 7)) == ReadError::none);
        CHECK(silent.log.empty());
    }
    TEST_CASE("limits hold while a message arrives, whatever its frames claim") {
        const std::string fits = "<a xmlns='u'>" + std::string(1000 - 17, 'x') + "</a>";
        REQUIRE(fits.size() == 1000);
        Side side;
        CHECK(side.feed(frame(text, fits)) == ReadError::none);
        CHECK(side.feed(frame(text, fits.substr(0, 500) + "x" + fits.substr(500))) == ReadError::policy_violation);
        CHECK(side.framing->exceeded() == xml::Limit::stanza_bytes);
        CHECK(side.code() == 1009);
        Side claimed;  // 2^63-1 bytes: what counts is what comes
        CHECK(claimed.feed(std::string("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 14) + "<a xmlns='u'>") == ReadError::none);
        CHECK(claimed.feed(std::string(1000, 'x')) == ReadError::policy_violation);
        Side fragments;
        CHECK(fragments.feed(frame(text, "<a xmlns='u'>", {.fin = false})) == ReadError::none);
        auto error = ReadError::none;
        for (int i = 0; i < 1000 && error == ReadError::none; ++i) error = fragments.feed(frame(continuation, "xx", {.fin = false}));
        CHECK(error == ReadError::policy_violation);
        Side login(10);
        login.framing->set_limits({.stanza_bytes = 1000});
        CHECK(login.feed(frame(text, fits)) == ReadError::none);
    }
    TEST_CASE("of pings that come faster than answers leave the newest is answered") {
        Side side;
        std::string pings;
        for (int i = 0; i < 1000; ++i) pings += frame(ping, std::string(100, 'a') + std::to_string(i));
        CHECK(side.feed(pings) == ReadError::none);
        CHECK(side.pack({"<presence/>"}) == frame(pong, std::string(100, 'a') + "999", {.masked = false}) + unmasked("<presence xmlns='jabber:client'/>"));
        CHECK_FALSE(side.framing->owes());
    }
}
