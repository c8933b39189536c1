// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include "server/xmpp/error.h"

using namespace lethe;
using namespace lethe::xmpp;

namespace {

std::string reply_to(std::string_view stanza, const StanzaError& error) {
    const xml::Document d = xml::parse(stanza);
    return xml::serialize(error_reply(d.root(), error).root());
}

}  // namespace

TEST_SUITE("xmpp/error") {
    TEST_CASE("an error goes back to the sender without the payload") {
        CHECK(reply_to("<iq type='get' id='1' to='a' from='b/c'><query xmlns='urn:q'/></iq>",
                       {Condition::service_unavailable}) ==
              "<iq type='error' id='1' to='b/c' from='a'><error type='cancel'>"
              "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
        CHECK(reply_to("<message><body>x</body></message>", {Condition::not_acceptable}) ==
              "<message type='error'><error type='modify'><not-acceptable "
              "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>");
        CHECK(reply_to("<presence id='&lt;' from='a&apos;b'/>", {Condition::forbidden}) ==
              "<presence type='error' id='&lt;' to='a&apos;b'><error type='auth'>"
              "<forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>");
    }

    TEST_CASE("text and application condition follow the condition") {
        CHECK(reply_to("<message id='1'/>", {.condition = Condition::not_acceptable,
                                             .text = "You have blocked <them>.",
                                             .type = ErrorType::cancel,
                                             .specific = {.name = "blocked", .ns = "urn:xmpp:blocking:errors"}}) ==
              "<message type='error' id='1'><error type='cancel'><not-acceptable "
              "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
              "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>You have blocked "
              "&lt;them&gt;.</text>"
              "<blocked xmlns='urn:xmpp:blocking:errors'/></error></message>");
    }

    TEST_CASE("a result goes back empty") {
        const xml::Document d = xml::parse("<iq type='set' id='1' from='b/c'><query xmlns='urn:q'/></iq>");
        CHECK(xml::serialize(result_reply(d.root()).root()) == "<iq type='result' id='1' to='b/c'/>");
    }

    TEST_CASE("RFC 6120 section 8.3.3: names and types of stanza errors") {
        struct Row {
            Condition condition;
            std::string_view name, type;
        };
        for (const Row& row : {Row{Condition::bad_request, "bad-request", "modify"},
                               Row{Condition::conflict, "conflict", "cancel"},
                               Row{Condition::feature_not_implemented, "feature-not-implemented", "cancel"},
                               Row{Condition::forbidden, "forbidden", "auth"},
                               Row{Condition::gone, "gone", "cancel"},
                               Row{Condition::internal_server_error, "internal-server-error", "cancel"},
                               Row{Condition::item_not_found, "item-not-found", "cancel"},
                               Row{Condition::jid_malformed, "jid-malformed", "modify"},
                               Row{Condition::not_acceptable, "not-acceptable", "modify"},
                               Row{Condition::not_allowed, "not-allowed", "cancel"},
                               Row{Condition::not_authorized, "not-authorized", "auth"},
                               Row{Condition::policy_violation, "policy-violation", "modify"},
                               Row{Condition::recipient_unavailable, "recipient-unavailable", "wait"},
                               Row{Condition::redirect, "redirect", "modify"},
                               Row{Condition::registration_required, "registration-required", "auth"},
                               Row{Condition::remote_server_not_found, "remote-server-not-found", "cancel"},
                               Row{Condition::remote_server_timeout, "remote-server-timeout", "wait"},
                               Row{Condition::resource_constraint, "resource-constraint", "wait"},
                               Row{Condition::service_unavailable, "service-unavailable", "cancel"},
                               Row{Condition::subscription_required, "subscription-required", "auth"},
                               Row{Condition::undefined_condition, "undefined-condition", "cancel"},
                               Row{Condition::unexpected_request, "unexpected-request", "wait"}}) {
            CHECK(to_string(row.condition) == row.name);
            CHECK(to_string(default_type(row.condition)) == row.type);
        }
    }

    TEST_CASE("stream errors are written for a stream that binds the prefix") {
        CHECK(stream_error(StreamCondition::restricted_xml) ==
              "<stream:error><restricted-xml xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>");
        CHECK(stream_error(StreamCondition::bad_format, "a & b") ==
              "<stream:error><bad-format xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
              "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>a &amp; "
              "b</text></stream:error>");
        CHECK(to_string(StreamCondition::unsupported_version) == "unsupported-version");
        CHECK(to_string(StreamCondition::not_well_formed) == "not-well-formed");
        CHECK(to_string(StreamCondition::host_unknown) == "host-unknown");
    }
}
