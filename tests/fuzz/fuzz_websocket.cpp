// SPDX-License-Identifier: AGPL-3.0-or-later
// What comes over a WebSocket: the same bytes in any pieces are the same elements, pings and end, memory given back in between or not, and whatever
// is let through is canonical and stands for itself when it is sent on.
#include <random>

#include "server/stream/framing.h"
#include "tests/fuzz/driver.h"

namespace lethe::fuzz {
namespace {

constexpr std::size_t stanza_bytes = 300;

class Side {
public:
    Side() : framing_(stream::websocket_framing({.stanza_bytes = stanza_bytes, .depth = 5, .attributes = 5}, events())) {}

    void feed(std::string_view bytes, bool release) {
        const auto error = framing_->feed(bytes);
        require(error_ == xml::ReadError::none || error_ == error, "the first error stays");
        error_ = error;
        require(framing_->last_words().size() == 4, "a Close has a code");
        if (release) framing_->release_memory();
    }
    std::string log() {
        std::string pong;
        if (framing_->owes()) framing_->pack({}, pong);
        require(pong.empty() || (pong.size() >= 2 && pong.size() == 2u + static_cast<unsigned char>(pong[1]) && pong[0] == '\x8a'), "a pong is a small frame");
        // Of two mistakes in one piece either may be told.
        return log_ + pong + (error_ == xml::ReadError::none ? "" : "error");
    }

private:
    stream::Framing::Events events() {
        return {.opened = [this](const xml::StreamHeader& h) { note("open " + h.to + ' ' + h.from + ' ' + h.version + ' ' + h.lang); },
                .element = [this](xml::Document d) { take(d.root()); },
                .closed = [this] { note("close"); },
                .left = [this] {
                    note("left");
                    left_ = true;
                }};
    }
    void note(const std::string& text) {
        require(!left_ && error_ == xml::ReadError::none, "nothing follows the end");
        log_ += text + '\n';
    }
    void take(const xml::Element& element) {
        const std::string bytes = xml::serialize(element);
        require(xml::serialize(xml::parse(bytes).root()) == bytes, "what was let through is canonical");
        note(bytes);
        std::string out;
        framing_->pack({core::Outgoing{.bytes = core::make_wire(bytes)}}, out);
        // A pong may stand before it.
        const std::size_t text = out.starts_with('\x8a') ? 2u + static_cast<unsigned char>(out[1]) : 0;
        require(out[text] == '\x81' && out.ends_with('>'), "a message is text");
        const std::string_view message = std::string_view(out).substr(text + (out[text + 1] == '\x7e' ? 4 : 2));
        require(message.starts_with('<') && message.find(" xmlns='") < message.find('>'), "and its element has its namespace");
    }

    std::string log_;
    bool left_ = false;
    xml::ReadError error_ = xml::ReadError::none;
    std::unique_ptr<stream::Framing> framing_;
};

std::string frame(char opcode, std::string_view payload, bool fin = true) {
    std::string out{static_cast<char>(opcode | (fin ? 0x80 : 0))};
    if (payload.size() < 126) out += static_cast<char>(0x80 | payload.size());
    else out.append({'\xfe', static_cast<char>(payload.size() >> 8), static_cast<char>(payload.size() & 0xff)});
    // So the text stays readable for the mutations. What masks do is for the unit test.
    return out.append(4, '\0').append(payload);
}

/// The bytes as texts of messages: a 0 ends one, and each comes in some fragments.
std::string framed(std::string_view text, std::mt19937& dice) {
    std::string out;
    while (!text.empty()) {
        const auto end = std::min(text.find('\0'), text.size());
        std::string_view message = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        for (bool first = true;; first = false) {
            const std::size_t size = dice() % 3 ? message.size() : dice() % (message.size() + 1);
            out += frame(first ? 1 : 0, message.substr(0, size), size == message.size());
            message.remove_prefix(size);
            if (message.empty()) break;
            if (dice() % 4 == 0) out += frame(9, "ping");
        }
    }
    return out;
}

}  // namespace

void run(std::string_view input) {
    if (input.size() < 2) return;
    const auto how = static_cast<unsigned char>(input[0]);
    std::mt19937 dice(static_cast<unsigned char>(input[1]));
    input.remove_prefix(2);
    const std::string bytes = how & 1 ? framed(input, dice) : std::string(input);
    Side whole, cut;
    whole.feed(bytes, false);
    for (std::string_view rest = bytes; !rest.empty();) {
        const std::size_t size = how & 2 ? 1 : std::min<std::size_t>(1 + dice() % 40, rest.size());
        cut.feed(rest.substr(0, size), how & 4 || dice() % 3 == 0);
        rest.remove_prefix(size);
    }
    require(whole.log() == cut.log(), "any split yields the same events");
}

std::vector<std::string> seeds() {
    const std::string open = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='a.example' version='1.0' xml:lang='de'/>", close = "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>",
                      message = "<message xmlns='jabber:client' to='a@b'><body>h\u00E9 &lt;</body></message>";
    const auto texts = [](char how, std::initializer_list<std::string> list) {
        std::string out{how, 'x'};
        for (const auto& text : list) out.append(text).append(1, '\0');
        return out;
    };
    std::vector<std::string> out;
    for (const char how : {0, 2, 4, 6}) {
        out.push_back(std::string{how, 'y'} + frame(1, open) + frame(1, message, false) + frame(9, "p") + frame(0, "") + frame(1, close) + frame(8, "\x03\xe8"));
        for (const auto* bytes : {"\x03", "\x03\xed", "\x0f\xa0 bye \xC3\xA9", "\x03\xe8\xC3"}) out.push_back(std::string{how, 'y'} + frame(1, close) + frame(8, bytes));
        out.push_back(std::string{how, 'z'} + frame(1, message.substr(0, 20), false) + frame(0, message.substr(20)) + frame(10, "") + frame(2, "binary"));
    }
    for (const char how : {1, 3, 5, 7}) {
        out.push_back(texts(how, {open, message, close}));
        out.push_back(texts(how, {open, "<a xmlns='u'><b/></a>", "<iq xmlns='jabber:client' type='get'/> ", "<presence/>"}));
        out.push_back(texts(how, {open, message + message, message}));
        out.push_back(texts(how, {"<?xml version='1.0' encoding='utf-8'?>\n" + open, "<?xml version='1.0'?>" + message, message}));
    }
    return out;
}

std::vector<std::string> words() {
    return {"<", ">", "/>", "</", "'", "&lt;", "&x;", "<!--", "<?xml version='1.0'?>", "<![CDATA[", "]]>", " xmlns='u'", " xmlns='jabber:client'", " ", "\n", "<open", "<close", "<a>", "</a>", "<a/>",
            "</lethe-framing:stream>", "<lethe-framing:a/>", "\xC3\xA9", "\xED\xA0\x80", "\xFF", "\xEF\xBB\xBF", std::string(1, '\0'), std::string("\x81\x80\0\0\0\0", 6), std::string("\x01\x80\0\0\0\0", 6),
            std::string("\x80\x80\0\0\0\0", 6), std::string("\x89\x80\0\0\0\0", 6), std::string("\x88\x80\0\0\0\0", 6), std::string("\x82\x80\0\0\0\0", 6), "\xfe", "\xff"};
}

}  // namespace lethe::fuzz
