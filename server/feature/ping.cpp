// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0199 XMPP Ping, version 2.0.1: the server answers for itself and for the user's own account. A stranger's account answers
// service-unavailable like any other request, so that a ping does not tell who is online.
//
// The other way round, a client that says nothing for limits.ping_seconds is pinged, and one that is not heard within limits.answer_seconds after a
// ping, or after a request for an acknowledgement (XEP-0198), has lost its connection: its session hibernates if it may be resumed, else it
// ends. Anything it sends is an answer (stream/client_stream.h, check_alive).
#include "server/core/core.h"
#include "server/feature/all.h"
#include "server/feature/ping.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {

std::string ping_request(const xmpp::BareJid& from, const xmpp::FullJid& to) {
    static std::uint64_t number = 0;
    return "<iq type='get' id='ping-" + std::to_string(++number) + "' from='" + xml::escape(from.to_string()) + "' to='" + xml::escape(to.to_string()) +
           "'><ping xmlns='urn:xmpp:ping'/></iq>";
}

core::Feature ping() {
    return {.name = "ping",
            .server_features = {xmpp::ns::ping},
            .account_features = {xmpp::ns::ping},
            .iq = {{"get", xmpp::ns::ping, "ping", core::at_server | core::at_own_account,
                    [](core::Request& request) { request.responder.result(); }}}};
}

}  // namespace lethe::feature
