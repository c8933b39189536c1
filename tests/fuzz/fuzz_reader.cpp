// SPDX-License-Identifier: AGPL-3.0-or-later
// The stream reader: the same bytes in any pieces are the same events, and whatever it lets through is
// canonical.
#include <random>

#include "server/xml/reader.h"
#include "tests/fuzz/driver.h"

namespace lethe::fuzz {
namespace {

constexpr std::string_view header =
    "<?xml version='1.0'?><stream:stream to='a.example' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='urn:p'>";

std::size_t depth_of(const xml::Element& e) {
    std::size_t deepest = 0;
    for (xml::Element child : e.children()) deepest = std::max(deepest, depth_of(child));
    return deepest + 1;
}

class Events {
public:
    explicit Events(const xml::Limits& limits)
        : limits_(limits),
          reader_("jabber:client", limits,
                  {.stream_opened =
                       [this](const xml::StreamHeader& h) {
                           log_ += "open " + h.to + h.from + h.id + h.lang + "\n";
                       },
                   .stanza = [this](xml::Document d) { take(d.root()); },
                   .stream_closed = [this] { log_ += "close\n"; }}) {}

    void feed(std::string_view bytes) {
        const xml::ReadError error = reader_.feed(bytes);
        require(error_ == xml::ReadError::none || error_ == error, "the first error stays");
        error_ = error;
        if (reader_.idle() && bytes.size() % 3 == 0) reader_.release_memory();
    }
    std::string log() const { return log_ + std::to_string(static_cast<int>(error_)); }

private:
    void take(const xml::Element& stanza) {
        const std::string bytes = xml::serialize(stanza);
        const xml::Document again = xml::parse(bytes);
        require(bool(again.root()), "what was let through can be read");
        require(xml::serialize(again.root()) == bytes, "what was let through is canonical");
        require(again.root().ns() == stanza.ns() && again.root().name() == stanza.name(), "a name survives");
        require(depth_of(stanza) <= limits_.depth, "depth is limited");
        log_ += bytes + "\n";
    }

    xml::Limits limits_;
    std::string log_;
    xml::ReadError error_ = xml::ReadError::none;
    xml::Reader reader_;
};

}  // namespace

void run(std::string_view input) {
    if (input.size() < 2) return;
    // The first two bytes say how: which limits, header given or part of the input, and how the rest is cut.
    const auto how = static_cast<unsigned char>(input[0]);
    std::mt19937 cuts(static_cast<unsigned char>(input[1]));
    input.remove_prefix(2);
    const xml::Limits limits =
        how & 1   ? xml::Limits{.stanza_bytes = 200, .header_bytes = 200, .depth = 4, .attributes = 4}
        : how & 2 ? xml::Limits{.distinct_names = 1}
                  : xml::Limits{};
    Events whole(limits), cut(limits);
    if (how & 4) {
        whole.feed(header);
        cut.feed(header);
    }
    whole.feed(input);
    for (std::string_view rest = input; !rest.empty();) {
        const std::size_t size = how & 8 ? 1 : std::min<std::size_t>(1 + cuts() % 40, rest.size());
        cut.feed(rest.substr(0, size));
        rest.remove_prefix(size);
    }
    require(whole.log() == cut.log(), "any split yields the same events");
    (void)xml::parse(input);
}

std::vector<std::string> seeds() {
    const std::string h(header);
    std::vector<std::string> out;
    // Mutation hits a header of the input's own more often than what follows, so most inputs are given one.
    for (char how : {0, 1, 2, 8, 4, 5, 6, 12, 13, 14, 20, 36, 38, 68, 70, 76}) {
        const std::string start = std::string{how, how} + (how & 4 ? "" : h);
        out.push_back(start +
                      "<message to='a@b' xml:lang='de'><body>h\u00E9 \U0001F600 "
                      "&lt;&amp;&#x41;</body></message>\r\n<presence/></stream:stream>");
        out.push_back(
            start + "<iq type='set'><q xmlns='urn:q'><i p:x='1'/><c xmlns='jabber:client'/></q></iq> \t<a/>");
        out.push_back(start + "<a><![CDATA[<b>]]]]><![CDATA[>]]></a><p:b c=\"'\" d='\"'/>");
        out.push_back(start + "<a><b xmlns:p='u'><p:c p:d='1'/></b></a>");
    }
    return out;
}

std::vector<std::string> words() {
    return {"<",
            ">",
            "/>",
            "</",
            "'",
            "\"",
            "=",
            "&",
            ";",
            "&lt;",
            "&#10;",
            "&#0;",
            "&x;",
            "<!--",
            "-->",
            "<?",
            "?>",
            "<![CDATA[",
            "]]>",
            "<!DOCTYPE a [",
            "<!ENTITY a 'b'>",
            " xmlns='u'",
            " xmlns:p='v'",
            " xmlns:p=''",
            " p:a='1'",
            " xml:lang='x'",
            "p:",
            "xml:",
            "xmlns:",
            "<a>",
            "</a>",
            "<a/>",
            "<p:b/>",
            "\r\n",
            "\t",
            "\xC3\xA9",
            "\xED\xA0\x80",
            "\xF4\x90\x80\x80",
            "\xFF",
            "\xEF\xBB\xBF",
            "</stream:stream>",
            " encoding='UTF-16'",
            std::string(1, '\0')};
}

}  // namespace lethe::fuzz
