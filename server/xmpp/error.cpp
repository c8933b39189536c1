// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/xmpp/error.h"

#include <cassert>

#include "server/xmpp/ns.h"

namespace lethe::xmpp {
namespace {

struct Row {
    Condition condition;
    std::string_view name;
    ErrorType type;
};

/// RFC 6120 section 8.3.3, in the order of the enumeration. Where it leaves a choice of type: what a sender can act on.
constexpr Row rows[] = {
    {Condition::bad_request, "bad-request", ErrorType::modify},
    {Condition::conflict, "conflict", ErrorType::cancel},
    {Condition::feature_not_implemented, "feature-not-implemented", ErrorType::cancel},
    {Condition::forbidden, "forbidden", ErrorType::auth},
    {Condition::gone, "gone", ErrorType::cancel},
    {Condition::internal_server_error, "internal-server-error", ErrorType::cancel},
    {Condition::item_not_found, "item-not-found", ErrorType::cancel},
    {Condition::jid_malformed, "jid-malformed", ErrorType::modify},
    {Condition::not_acceptable, "not-acceptable", ErrorType::modify},
    {Condition::not_allowed, "not-allowed", ErrorType::cancel},
    {Condition::not_authorized, "not-authorized", ErrorType::auth},
    {Condition::policy_violation, "policy-violation", ErrorType::modify},
    {Condition::recipient_unavailable, "recipient-unavailable", ErrorType::wait},
    {Condition::redirect, "redirect", ErrorType::modify},
    {Condition::registration_required, "registration-required", ErrorType::auth},
    {Condition::remote_server_not_found, "remote-server-not-found", ErrorType::cancel},
    {Condition::remote_server_timeout, "remote-server-timeout", ErrorType::wait},
    {Condition::resource_constraint, "resource-constraint", ErrorType::wait},
    {Condition::service_unavailable, "service-unavailable", ErrorType::cancel},
    {Condition::subscription_required, "subscription-required", ErrorType::auth},
    {Condition::undefined_condition, "undefined-condition", ErrorType::cancel},
    {Condition::unexpected_request, "unexpected-request", ErrorType::wait},
};

/// RFC 6120 section 4.9.3, in the order of the enumeration.
constexpr std::string_view stream_names[] = {
    "bad-format", "bad-namespace-prefix", "conflict", "connection-timeout", "host-gone", "host-unknown", "improper-addressing",
    "internal-server-error", "invalid-from", "invalid-namespace", "invalid-xml", "not-authorized", "not-well-formed",
    "policy-violation", "remote-connection-failed", "reset", "resource-constraint", "restricted-xml", "see-other-host",
    "system-shutdown", "undefined-condition", "unsupported-encoding", "unsupported-feature", "unsupported-stanza-type",
    "unsupported-version",
};
static_assert(std::size(stream_names) == static_cast<std::size_t>(StreamCondition::unsupported_version) + 1);

constexpr bool rows_are_in_order() {
    for (std::size_t i = 0; i < std::size(rows); ++i) {
        if (rows[i].condition != static_cast<Condition>(i)) return false;
    }
    return std::size(rows) == static_cast<std::size_t>(Condition::unexpected_request) + 1;
}
static_assert(rows_are_in_order());

xml::Document reply_to(const xml::Element& stanza, std::string_view type) {
    xml::Document reply(stanza.name(), stanza.ns());
    xml::Element root = reply.root();
    root.set_attr("type", type);
    const auto copy = [&](const char* to, const char* from) {
        if (stanza.has_attr(from)) root.set_attr(to, stanza.attr(from));
    };
    copy("id", "id");
    copy("to", "from");
    copy("from", "to");
    return reply;
}

}  // namespace

std::string_view to_string(ErrorType type) {
    constexpr std::string_view names[] = {"auth", "cancel", "continue", "modify", "wait"};
    return names[static_cast<std::size_t>(type)];
}
std::string_view to_string(Condition c) { return rows[static_cast<std::size_t>(c)].name; }
ErrorType default_type(Condition c) { return rows[static_cast<std::size_t>(c)].type; }
std::string_view to_string(StreamCondition c) { return stream_names[static_cast<std::size_t>(c)]; }

xml::Document error_reply(const xml::Element& stanza, const StanzaError& error) {
    // Answering an error with an error makes two servers talk to each other for ever.
    assert(stanza.attr("type") != "error" && !(stanza.name() == "iq" && stanza.attr("type") == "result"));
    xml::Document reply = reply_to(stanza, "error");
    xml::Element e = reply.root().add("error");
    e.set_attr("type", to_string(error.type.value_or(default_type(error.condition))));
    e.add(to_string(error.condition), ns::stanza_errors);
    if (!error.text.empty()) {
        xml::Element text = e.add("text", ns::stanza_errors);
        text.set_attr("xml:lang", "en");
        text.add_text(error.text);
    }
    if (const auto& specific = error.specific; !specific.name.empty()) {
        xml::Element element = e.add(specific.name, specific.ns);
        if (!specific.child.empty()) element.add(specific.child).add_text(specific.child_text);
        if (!specific.stamp.empty()) element.set_attr("stamp", specific.stamp);
        if (!specific.feature.empty()) element.set_attr("feature", specific.feature);
    }
    return reply;
}

xml::Document result_reply(const xml::Element& iq) { return reply_to(iq, "result"); }

std::string stream_error(StreamCondition condition, std::string_view text, std::string_view extra) {
    const std::string in_ns = " xmlns='" + std::string(ns::stream_errors) + "'";
    std::string out = "<stream:error><" + std::string(to_string(condition)) + in_ns + "/>";
    if (!text.empty()) out += "<text" + in_ns + " xml:lang='en'>" + xml::escape(text) + "</text>";
    return out.append(extra) + "</stream:error>";
}

}  // namespace lethe::xmpp
