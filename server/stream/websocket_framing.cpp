// SPDX-License-Identifier: AGPL-3.0-or-later
// RFC 7395: each WebSocket message is one element that stands for itself, <open/> and <close/> among them.
//
// The text of a message goes straight to a reader that stands behind a stream header of our own making, one without a default namespace, so it is
// held to the limits of a stream over TCP while it arrives; its element counts when the message is whole and there was nothing else in it. An XML
// declaration may stand before it (section 3.3.3: not recommended).
// Out: what waits for a stream over TCP leaves out the namespaces that its header declares; they are added here.
//
// What differs here: our <close/> is followed by the WebSocket's own end at once, whoever closes, as a stream over TCP ends its direction after
// the end tag; a peer that wants to answer with a <close/> of its own may, and it is not waited for. Only the newest of several pings is answered
// if they come faster than answers leave (RFC 6455 section 5.5.3).
#include <optional>

#include "server/stream/framing.h"
#include "server/stream/websocket_frames.h"

namespace lethe::stream {
namespace {

using websocket::Close;
using xml::ReadError;

// No peer knows the prefix.
constexpr std::string_view reader_header = "<lethe-framing:stream xmlns:lethe-framing='http://etherx.jabber.org/streams' version='1.0'>";

/// With the namespace that the stream header would have declared, if this is one of the elements that rely on it. An element's own declaration comes
/// first (xml/serialize.cpp); further on the same letters may be what somebody put into an attribute's value.
void append_message(std::string& out, std::string_view element) {
    const std::size_t name_end = std::min(element.find_first_of(" />", 1), element.size());
    const std::string_view declaration = element.starts_with("<stream:")                     ? " xmlns:stream='http://etherx.jabber.org/streams'"
                                         : element.substr(name_end).starts_with(" xmlns='") ? ""
                                                                                              : " xmlns='jabber:client'";
    if (declaration.empty()) return websocket::append_text(out, element);
    std::string text;
    text.reserve(element.size() + declaration.size());
    text.append(element.substr(0, name_end)).append(declaration).append(element.substr(name_end));
    websocket::append_text(out, text);
}

constexpr std::size_t longest_declaration = 128;

enum class Declaration : std::uint8_t { none, unfinished, whole };

/// Of XML, in a message of which so much is there.
Declaration declaration_in(std::string_view text) {
    constexpr std::string_view start = "<?xml", space = " \t\r\n";
    if (text.size() <= start.size()) return start.starts_with(text) ? Declaration::unfinished : Declaration::none;
    if (!text.starts_with(start) || space.find(text[start.size()]) == space.npos) return Declaration::none;
    return text.ends_with("?>") ? Declaration::whole : Declaration::unfinished;
}

class WebSocketFraming final : public Framing {
public:
    WebSocketFraming(const xml::Limits& limits, Events events)
        : events_(std::move(events)),
          frames_({.text = [this](std::string_view text) { take(text); },
                   .end = [this] { end_message(); },
                   .ping = [this](std::string_view data) { if (error_ == ReadError::none) pong_ = data; },
                   .close = [this](Close code) { leave(code); }}),
          reader_("jabber:client", limits,
                  {.stream_opened = nullptr,
                   .stanza = [this](xml::Document element) {
                       ++elements_;
                       element_ = std::move(element);
                   },
                   .stream_closed = [this] { ended_ = true; }}) {
        (void)reader_.feed(reader_header);
    }

    ReadError feed(std::string_view bytes) override {
        if (error_ != ReadError::none) return error_;
        if (const auto code = frames_.feed(bytes); code && error_ == ReadError::none) refuse(*code);
        return error_;
    }
    xml::Limit exceeded() const override { return reader_.exceeded(); }
    std::string_view problem() const override { return problem_; }
    void set_limits(const xml::Limits& limits) override { reader_.set_limits(limits); }
    void restart() override {}  // a message stands for itself, and no layer begins below it
    void release_memory() override {
        frames_.release_memory();
        if (!begun_) reader_.release_memory();
    }

    std::string open(std::string_view id, std::string_view domain, std::string_view to) const override {
        return "<open xmlns='" + std::string(framing_ns) + "' id='" + xml::escape(id) + "' from='" + xml::escape(domain) + (to.empty() ? "" : "' to='" + xml::escape(to)) +
            "' version='1.0' xml:lang='en'/>";
    }
    std::string close() const override { return "<close xmlns='" + std::string(framing_ns) + "'/>"; }
    bool owes() const override { return pong_.has_value(); }
    std::string_view pack(const std::deque<core::Outgoing>& items, std::string& buffer) override {
        if (pong_) websocket::append_pong(buffer, *pong_);
        pong_.reset();
        for (const auto& item : items) append_message(buffer, *item.bytes);
        return buffer;
    }
    std::string last_words() const override {
        std::string out;
        websocket::append_close(out, code_);
        return out;
    }

private:
    void take(std::string_view text);
    void end_message();
    bool begins(std::string_view& text);
    void judge(ReadError error);
    void refuse(Close code);
    void leave(Close code);
    void fail(ReadError error, Close code, std::string_view problem = {}) {
        error_ = error;
        code_ = code;
        problem_ = problem;
    }

    Events events_;
    websocket::FrameReader frames_;
    xml::Reader reader_;
    bool begun_ = false;       ///< some of a message is there
    bool in_element_ = false;  ///< and no declaration is to come any more
    std::string beginning_;    ///< what may be one
    bool ended_ = false;  ///< somebody knew the prefix after all
    unsigned elements_ = 0;
    std::optional<xml::Document> element_;
    std::optional<std::string> pong_;
    ReadError error_ = ReadError::none;
    Close code_ = Close::normal;
    std::string_view problem_;
};

void WebSocketFraming::judge(ReadError error) {
    if (error == ReadError::policy_violation) return fail(error, reader_.exceeded() == xml::Limit::stanza_bytes ? Close::too_big : Close::policy_violation);
    if (error != ReadError::none || ended_) fail(error == ReadError::none ? ReadError::not_well_formed : error, Close::invalid_text);
}

/// True: the message is at its element, or at what else is no declaration, and `text` is what is left of it.
bool WebSocketFraming::begins(std::string_view& text) {
    while (!in_element_) {
        const Declaration kind = declaration_in(beginning_);
        if (kind == Declaration::unfinished) {
            if (beginning_.size() >= longest_declaration) fail(ReadError::not_well_formed, Close::invalid_text);
            if (error_ != ReadError::none || text.empty()) return false;
            beginning_ += text.front();
            text.remove_prefix(1);
            continue;
        }
        if (kind == Declaration::whole) {
            // It is judged where it may stand: at the beginning of another stream.
            reader_.reset();
            beginning_ += reader_header;
        }
        judge(reader_.feed(std::exchange(beginning_, {})));
        in_element_ = true;
    }
    return error_ == ReadError::none;
}

void WebSocketFraming::take(std::string_view text) {
    if (error_ != ReadError::none) return;
    if (!std::exchange(begun_, true) && text.front() != '<') return fail(ReadError::bad_format, Close::invalid_text, "A message does not begin with its element");
    if (begins(text)) judge(reader_.feed(text));
}

void WebSocketFraming::end_message() {
    if (error_ != ReadError::none) return;
    begun_ = in_element_ = false;
    auto element = std::exchange(element_, std::nullopt);
    if (std::exchange(elements_, 0u) != 1 || !reader_.idle() || !beginning_.empty())
        return fail(ReadError::bad_format, Close::invalid_text, "A message holds exactly one element");
    const auto root = element->root();
    if (root.is("open", framing_ns))
        return events_.opened({.to = std::string(root.attr("to")), .from = std::string(root.attr("from")), .id = std::string(root.attr("id")),
                               .version = std::string(root.attr("version")), .lang = std::string(root.attr("xml:lang")), .content_ns = std::string(xml::ns::content)});
    if (root.is("close", framing_ns)) return events_.closed();
    events_.element(std::move(*element));
}

void WebSocketFraming::refuse(Close code) {
    if (code == Close::invalid_text) return fail(ReadError::not_well_formed, code);
    fail(ReadError::bad_format, code, code == Close::unsupported_data ? "A message is text (RFC 7395 section 3.2)" : "This is no frame of a WebSocket client (RFC 6455)");
}

void WebSocketFraming::leave(Close code) {
    if (error_ != ReadError::none) return;
    code_ = code;
    events_.left();
}

}  // namespace

std::unique_ptr<Framing> websocket_framing(const xml::Limits& limits, Framing::Events events) {
    return std::make_unique<WebSocketFraming>(limits, std::move(events));
}

}  // namespace lethe::stream
