// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/xml/reader.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "server/xml/expat_parser.h"
#include "server/xml/long_token.h"
#include "server/xml/tree_builder.h"
#include "server/xml/wiping.h"

namespace lethe::xml {
namespace {

constexpr std::string_view streams_ns = "http://etherx.jabber.org/streams";
constexpr std::string_view whitespace = " \t\r\n";
// Expat keeps a buffer of twice the largest piece it was given, for each session.
constexpr std::size_t piece_size = 4096;

bool equals_ignoring_case(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

ReadError error_of(XML_Error code) {
    switch (code) {
        case XML_ERROR_UNBOUND_PREFIX:
            return ReadError::bad_namespace_prefix;
        case XML_ERROR_UNDEFINED_ENTITY:
            return ReadError::restricted_xml;
        case XML_ERROR_UNKNOWN_ENCODING:
        case XML_ERROR_INCORRECT_ENCODING:
            return ReadError::unsupported_encoding;
        case XML_ERROR_NO_MEMORY:
            return ReadError::policy_violation;
        default:
            return ReadError::not_well_formed;
    }
}

}  // namespace

/// All offsets count from the first byte that the present parser was fed.
struct Reader::Impl {
    enum class Place { prolog, between, inside, closed };

    std::string content_ns;
    Limits limits;
    Events events;

    std::optional<ExpatParser> parser;
    TreeBuilder tree;
    LongToken long_token;
    WipingString held;             ///< bytes that cannot yet end the long token
    std::string header;            ///< the stream header as it came, for the parser's successor
    std::size_t fed = 0;           ///< bytes given to the parser
    std::size_t item_start = 0;    ///< where the unfinished header or top-level element begins
    std::size_t depth = 0;         ///< open elements, the stream root included
    std::size_t declarations = 0;  ///< xmlns attributes of the element about to start
    std::string default_ns;        ///< as declared by the stream header
    Place place = Place::prolog;
    ReadError error = ReadError::none;
    Limit exceeded = Limit::memory;
    bool feeding = false, reset_wanted = false, replaying = false, stopped = false;

    Impl(std::string_view ns, const Limits& l, Events e) : content_ns(ns), limits(l), events(std::move(e)) {}
    static Impl& self(void* user_data) { return *static_cast<Impl*>(user_data); }

    ReadError run(std::string_view bytes);
    void start_over();
    void ensure_parser();
    void make_parser();
    void check_first_bytes(std::string_view bytes);
    std::size_t push(std::string_view bytes);
    void parse(std::string_view bytes);
    void watch_long_token();
    bool idle() const { return place == Place::between && fed == item_start && held.empty() && !stopped; }

    void stop();
    void fail(ReadError e);
    void fail(Limit limit);
    std::size_t count(const char** attributes);
    void open_stream(const char* name, const char** attributes);
    void start(const char* name, const char** attributes);
    void end();
    bool parser_is_fat() const;
    void text(std::string_view piece);
    void xml_declaration(const char* encoding);
};

// --- Expat's handlers. After stop() Expat may still call a few; they find `stopped` and do nothing.

void Reader::Impl::make_parser() {
    parser.emplace();
    XML_Parser p = parser->get();
    XML_SetUserData(p, this);
    XML_SetElementHandler(
        p,
        [](void* u, const XML_Char* name, const XML_Char** a) noexcept {
            if (!self(u).stopped) self(u).start(name, a);
        },
        [](void* u, const XML_Char*) noexcept {
            if (!self(u).stopped) self(u).end();
        });
    XML_SetCharacterDataHandler(p, [](void* u, const XML_Char* s, int n) noexcept {
        if (!self(u).stopped) self(u).text({s, static_cast<std::size_t>(n)});
    });
    // Between stanzas there is nothing that could be quoted, and the end of one would be no end any more.
    XML_SetStartCdataSectionHandler(p, [](void* u) noexcept {
        if (self(u).place == Place::between) self(u).fail(ReadError::not_well_formed);
    });
    XML_SetStartNamespaceDeclHandler(p, [](void* u, const XML_Char* prefix, const XML_Char* uri) noexcept {
        Impl& i = self(u);
        ++i.declarations;
        if (i.depth == 0 && !prefix && !i.replaying) i.default_ns = uri ? uri : "";
    });
    XML_SetXmlDeclHandler(p, [](void* u, const XML_Char*, const XML_Char* encoding, int) noexcept {
        if (!self(u).stopped) self(u).xml_declaration(encoding);
    });
    XML_SetCommentHandler(p,
                          [](void* u, const XML_Char*) noexcept { self(u).fail(ReadError::restricted_xml); });
    XML_SetProcessingInstructionHandler(p, [](void* u, const XML_Char*, const XML_Char*) noexcept {
        self(u).fail(ReadError::restricted_xml);
    });
    XML_SetStartDoctypeDeclHandler(p, [](void* u, const XML_Char*, const XML_Char*, const XML_Char*,
                                         int) noexcept { self(u).fail(ReadError::restricted_xml); });
}

void Reader::Impl::stop() {
    stopped = true;
    if (parser) XML_StopParser(parser->get(), XML_FALSE);
}

void Reader::Impl::fail(ReadError e) {
    if (stopped) return;
    error = e;
    stop();
}

void Reader::Impl::fail(Limit limit) {
    if (stopped) return;
    exceeded = limit;
    fail(ReadError::policy_violation);
}

void Reader::Impl::xml_declaration(const char* encoding) {
    if (encoding && !equals_ignoring_case(encoding, "UTF-8")) fail(ReadError::unsupported_encoding);
}

/// Of the element that starts, namespace declarations included.
std::size_t Reader::Impl::count(const char** attributes) {
    std::size_t count = std::exchange(declarations, 0);
    for (; *attributes; attributes += 2) ++count;
    return count;
}

void Reader::Impl::open_stream(const char* name, const char** attributes) {
    const auto [ns, local] = ExpandedName::split(name);
    if (std::string_view(local) != "stream") return fail(ReadError::bad_format);
    if (ns != streams_ns) return fail(ReadError::invalid_namespace);
    // Without a default namespace, or with that of the root, every stanza names its namespace itself (RFC
    // 6120 section 4.8.3).
    if (!default_ns.empty() && default_ns != content_ns && default_ns != streams_ns)
        return fail(ReadError::invalid_namespace);

    StreamHeader h;
    h.content_ns = default_ns == streams_ns ? "" : default_ns;
    for (; *attributes; attributes += 2) {
        const std::string_view attribute = attributes[0], value = attributes[1];
        if (attribute == "to") h.to = value;
        if (attribute == "from") h.from = value;
        if (attribute == "id") h.id = value;
        if (attribute == "version") h.version = value;
        if (attribute == "http://www.w3.org/XML/1998/namespace\x01lang") h.lang = value;
    }
    header.resize(parser->event_end());
    if (events.stream_opened) events.stream_opened(h);
}

void Reader::Impl::start(const char* name, const char** attributes) {
    const bool too_deep = depth > limits.depth, too_many = count(attributes) > limits.attributes;
    ++depth;
    if (depth == 1) {
        place = Place::between;
        item_start = parser->event_end();
        if (replaying) return;
    }
    if (too_deep) return fail(Limit::depth);
    if (too_many) return fail(Limit::attributes);
    if (depth == 1) return open_stream(name, attributes);
    place = Place::inside;
    if (!tree.start(name, attributes)) return fail(ReadError::bad_namespace_prefix);
    if (tree.namespace_bytes() > limits.stanza_bytes) fail(Limit::memory);
}

void Reader::Impl::end() {
    --depth;
    if (depth == 0) {
        place = Place::closed;
        stop();
        if (events.stream_closed) events.stream_closed();
        return;
    }
    tree.end();
    if (depth > 1) return;
    place = Place::between;
    item_start = parser->event_end();
    Document stanza = tree.take();
    if (events.stanza) events.stanza(std::move(stanza));
    if (stopped) return;
    // A parser can be freed only outside its own callbacks; parse() goes on with a new one.
    if (parser_is_fat()) XML_StopParser(parser->get(), XML_TRUE);
}

bool Reader::Impl::parser_is_fat() const {
    return parser->live_allocations() > limits.distinct_names || parser->live_bytes() > limits.parser_bytes;
}

void Reader::Impl::text(std::string_view piece) {
    if (place == Place::inside) return tree.text(piece);
    if (piece.find_first_not_of(whitespace) != piece.npos) return fail(ReadError::not_well_formed);
    item_start = parser->event_end();
}

// --- Feeding.

void Reader::Impl::start_over() {
    parser.reset();
    tree.clear();
    long_token.stop();
    wipe(held);
    header.clear();
    default_ns.clear();
    fed = item_start = depth = declarations = 0;
    place = Place::prolog;
    reset_wanted = stopped = false;
}

/// Expat would guess UTF-16 from these, and take a byte order mark for granted.
void Reader::Impl::check_first_bytes(std::string_view bytes) {
    for (std::size_t i = fed; i < 2 && i - fed < bytes.size(); ++i) {
        const char c = bytes[i - fed];
        const bool utf_16 = c == '\0' || (i == 0 && (c == '\xFE' || c == '\xFF'));
        if (utf_16) return fail(ReadError::unsupported_encoding);
        if (i == 0 && c != '<' && whitespace.find(c) == whitespace.npos)
            return fail(ReadError::not_well_formed);
    }
}

/// A parser that is where the stream is: at its beginning, or behind the header.
void Reader::Impl::ensure_parser() {
    if (parser) return;
    make_parser();
    fed = item_start = depth = declarations = 0;
    if (place == Place::prolog) return;
    replaying = true;
    fed = header.size();
    if (parser->parse(header) != XML_STATUS_OK) fail(error_of(XML_GetErrorCode(parser->get())));
    replaying = false;
}

void Reader::Impl::parse(std::string_view bytes) {
    while (!bytes.empty()) {
        fed += bytes.size();
        const XML_Status status = parser->parse(bytes);
        if (status == XML_STATUS_ERROR && !stopped) fail(error_of(XML_GetErrorCode(parser->get())));
        if (status != XML_STATUS_SUSPENDED || stopped) return;
        // end() found the parser too fat. What it has not used is the tail of these bytes, for the end tag
        // came with them.
        bytes.remove_prefix(bytes.size() - (fed - item_start));
        parser.reset();
        ensure_parser();
        if (stopped) return;
    }
}

/// After parse(): if what Expat could not use yet is long, the bytes to come are looked at here first.
void Reader::Impl::watch_long_token() {
    long_token.stop();
    if (place == Place::prolog || fed - parser->offset() <= LongToken::worth_watching) return;
    const std::string_view token = parser->rest();
    if (!token.data()) return;
    // Comments and processing instructions: refused anyway, and their end is not worth finding.
    if (token.starts_with("<!") || token.starts_with("<?")) return fail(ReadError::restricted_xml);
    long_token.start(token);
}

/// Takes some bytes, at least one or there is an error; returns how many.
std::size_t Reader::Impl::push(std::string_view bytes) {
    // Expat never sees a byte beyond the limit of the element it belongs to, so size is judged alike however
    // the bytes are cut.
    const std::size_t limit = place == Place::prolog ? limits.header_bytes : limits.stanza_bytes;
    const std::size_t taken = fed + held.size() - item_start;
    if (taken >= limit) {
        if (!held.empty()) parse(std::exchange(held, {}));  // whatever else is wrong with them came first
        fail(place == Place::prolog ? Limit::header_bytes : Limit::stanza_bytes);
        return 0;
    }
    bytes = bytes.substr(0, std::min({bytes.size(), limit - taken, piece_size}));
    if (place == Place::prolog) header += bytes;
    if (long_token.active()) {
        held += bytes;
        if (!long_token.may_end(bytes)) return bytes.size();
        parse(std::exchange(held, {}));
    } else {
        parse(bytes);
    }
    if (!stopped) watch_long_token();
    return bytes.size();
}

ReadError Reader::Impl::run(std::string_view bytes) {
    if (error != ReadError::none || place == Place::closed) return error;
    feeding = true;
    if (place == Place::prolog) check_first_bytes(bytes);
    while (!bytes.empty() && !stopped) {
        ensure_parser();
        if (!stopped) bytes.remove_prefix(push(bytes));
    }
    feeding = false;
    // What follows an error, a restart or the end of the stream is never read.
    if (error != ReadError::none || reset_wanted) start_over();
    return error;
}

Reader::Reader(std::string_view content_ns, const Limits& limits, Events events)
    : impl_(std::make_unique<Impl>(content_ns, limits, std::move(events))) {}
Reader::~Reader() = default;

ReadError Reader::feed(std::string_view bytes) { return impl_->run(bytes); }

void Reader::reset() {
    if (!impl_->feeding) return impl_->start_over();
    impl_->reset_wanted = true;
    impl_->stop();
}

void Reader::set_limits(const Limits& limits) { impl_->limits = limits; }
Limit Reader::exceeded() const { return impl_->exceeded; }
bool Reader::idle() const { return impl_->idle(); }
std::size_t Reader::parser_bytes() const { return impl_->parser ? impl_->parser->live_bytes() : 0; }

void Reader::release_memory() {
    if (!impl_->idle() || impl_->feeding) return;
    impl_->parser.reset();
    impl_->tree = TreeBuilder();
}

}  // namespace lethe::xml
