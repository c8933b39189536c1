// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0198 Stream Management, version 1.6.3, as it is spoken; the bookkeeping is in core/session.h, and what
// becomes of a session without a connection, and of its account's vault, in core/hibernation.h.
//
// What differs here: `<a/>`, and the count in `<resumed/>`, wait until everything they cover is on disk. A
// resumption is refused when the account was changed since the login, as a bind is; then and after every
// other refusal a resource may be bound. An unfinished stanza of the lost connection was not handled, and the
// count says so. `location` is not given: every address leads to the same server.
#include "server/stream/stream_management.h"

#include <algorithm>
#include <charconv>

#include "server/core/random_hex.h"
#include "server/stream/client_stream.h"
#include "server/xmpp/boolean.h"
#include "server/xmpp/ns.h"

namespace lethe::stream {
namespace {
namespace ns = xmpp::ns;
using xmpp::StreamCondition;

template <class Number>
std::optional<Number> number(std::string_view text) {
    Number value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string too_high(const core::Session& session, std::uint32_t h) {
    return "<handled-count-too-high xmlns='urn:xmpp:sm:3' h='" + std::to_string(h) + "' send-count='" +
           std::to_string(session.sent()) + "'/>";
}

constexpr std::string_view too_high_text = "You acknowledged more stanzas than were sent";

}  // namespace

std::string management_failed(std::string_view condition, std::optional<std::uint32_t> h) {
    std::string out = "<failed xmlns='urn:xmpp:sm:3'";
    if (h) out += " h='" + std::to_string(*h) + "'";
    return out.append("><")
        .append(condition)
        .append(" xmlns='")
        .append(ns::stanza_errors)
        .append("'/></failed>");
}

void ClientStream::on_management(const xml::Element& element) {
    if (element.name() == "enable") return push(enable(element));
    if (element.name() == "resume") return push(management_failed("unexpected-request"));
    if (!session_->acknowledging()) return finish(StreamCondition::unsupported_stanza_type);
    if (element.name() == "r") return session_->acknowledgement_requested();
    if (element.name() == "a") return on_acknowledgement(element);
    finish(StreamCondition::unsupported_stanza_type);
}

void ClientStream::on_acknowledgement(const xml::Element& element) {
    const auto h = number<std::uint32_t>(element.attr("h"));
    if (!h) return finish(StreamCondition::bad_format);
    if (!session_->acknowledged(*h))
        finish(StreamCondition::undefined_condition, too_high_text, too_high(*session_, *h));
}

std::string ClientStream::enable(const xml::Element& request) {
    if (session_->acknowledging()) return management_failed("unexpected-request");
    const auto wanted = request.attr("resume");
    const bool resume = xmpp::is_true(wanted);
    const auto max = request.has_attr("max") ? number<std::uint32_t>(request.attr("max"))
                                             : std::max(limits_.resume_seconds, 1u);
    if (!max || *max == 0 || (!wanted.empty() && !xmpp::parse_boolean(wanted)))
        return management_failed("bad-request");
    session_->enable_acknowledgements();
    if (!resume || limits_.resume_seconds == 0) return "<enabled xmlns='urn:xmpp:sm:3'/>";
    session_->resumption = {.id = core::random_hex(16),
                            .max = std::chrono::seconds(std::min(*max, limits_.resume_seconds))};
    return "<enabled xmlns='urn:xmpp:sm:3' id='" + session_->resumption->id + "' resume='true' max='" +
           std::to_string(session_->resumption->max.count()) + "'/>";
}

/// The answer, pushed by the caller. After `<resumed/>` this is the session's stream, and what its client has
/// not got is to be sent again.
asio::awaitable<std::string> ClientStream::resume(xml::Document request) {
    const auto h = number<std::uint32_t>(request.root().attr("h"));
    const std::string id(request.root().attr("previd"));
    if (!h || id.empty()) co_return management_failed("bad-request");
    auto& core = service_.core;
    std::shared_ptr<core::Session> session;
    do {
        session = core::find_resumable(core, proof_->account, id);
        // The connection that still looks alive lets go first, so that nothing comes in there any more.
        if (session && !session->hibernating() && session->on_taken_over)
            std::exchange(session->on_taken_over, nullptr)();
        co_await core.barrier();  // what was handled is on disk, or refused
        if (state_ == State::closing) co_return "";
        if (!service_.authenticator.still_holds(*proof_)) {
            finish(StreamCondition::reset, "The account was changed, log in again");
            co_return "";
        }
    } while (session && !session->ended && !session->hibernating());  // somebody else was quicker
    if (!session || session->ended)
        co_return management_failed("item-not-found", core.departed.find(proof_->account, id));
    if (!session->acknowledged(*h)) {
        finish(StreamCondition::undefined_condition, too_high_text, too_high(*session, *h));
        co_return "";
    }
    core::continue_session(core, session, outbox_);
    enter(session);
    co_return "<resumed xmlns='urn:xmpp:sm:3' h='" + std::to_string(session->handled()) + "' previd='" + id +
        "'/>";
}

/// The session goes on elsewhere. What was to be sent here is sent there.
void ClientStream::hand_over() {
    serve_held();
    outbox_->extract([](const core::Outgoing& item) { return item.counted; });
    lose();
    finish(StreamCondition::conflict, "Resumed on another connection");
}

}  // namespace lethe::stream
