// SPDX-License-Identifier: AGPL-3.0-or-later
// Stanza errors and stream errors as values (RFC 6120 sections 8.3 and 4.9), and the stanzas that carry them.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "server/xml/element.h"

namespace lethe::xmpp {

enum class Condition {
    bad_request, conflict, feature_not_implemented, forbidden, gone, internal_server_error, item_not_found, jid_malformed,
    not_acceptable, not_allowed, not_authorized, policy_violation, recipient_unavailable, redirect,
    registration_required, remote_server_not_found, remote_server_timeout, resource_constraint,
    service_unavailable, subscription_required, undefined_condition, unexpected_request
};
std::string_view to_string(Condition);      ///< the element name, e.g. "bad-request"

/// What the sender can do about it (RFC 6120 section 8.3.2).
enum class ErrorType { auth, cancel, continue_, modify, wait };
std::string_view to_string(ErrorType);
ErrorType default_type(Condition);  ///< as RFC 6120 recommends

struct StanzaError {
    Condition condition;
    std::string text = {};                 ///< for people, in English; may be empty
    std::optional<ErrorType> type = {};    ///< where a XEP asks for another than default_type()
    /// The application-specific condition (RFC 6120 section 8.3.4), an element of its own; none without a name.
    struct Specific {
        std::string name = {}, ns = {};
        std::string feature = {};                 ///< its attribute 'feature' (XEP-0060's <unsupported/>)
        std::string stamp = {};                   ///< its attribute 'stamp' (XEP-0363's <retry/>)
        std::string child = {}, child_text = {};  ///< an element in it (XEP-0363's <max-file-size/>)
    } specific = {};
};

/// The answer to `stanza`: same name and id, to and from swapped, type='error', error element, no copy of the payload.
/// Precondition: `stanza` is not itself of type error (nor an iq result): callers never answer those.
xml::Document error_reply(const xml::Element& stanza, const StanzaError& error);
/// Empty result: same id, to and from swapped, type='result'. Callers add the payload.
xml::Document result_reply(const xml::Element& iq);

enum class StreamCondition {
    bad_format, bad_namespace_prefix, conflict, connection_timeout, host_gone, host_unknown, improper_addressing,
    internal_server_error, invalid_from, invalid_namespace, invalid_xml, not_authorized, not_well_formed, policy_violation,
    remote_connection_failed, reset, resource_constraint, restricted_xml, see_other_host, system_shutdown,
    undefined_condition, unsupported_encoding, unsupported_feature, unsupported_stanza_type, unsupported_version
};
std::string_view to_string(StreamCondition);
/// `<stream:error>…</stream:error>` (prefix `stream` is bound by our stream header).
/// `extra`: an application-specific element, serialised.
std::string stream_error(StreamCondition condition, std::string_view text = {}, std::string_view extra = {});

}  // namespace lethe::xmpp
