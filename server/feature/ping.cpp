// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0199 XMPP Ping, version 2.0.1: the server answers for itself and for the user's own account. A stranger's account answers
// service-unavailable like any other request, so that a ping does not tell who is online.
#include "server/core/core.h"
#include "server/feature/all.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {

core::Feature ping() {
    return {.name = "ping",
            .server_features = {xmpp::ns::ping},
            .account_features = {xmpp::ns::ping},
            .iq = {{"get", xmpp::ns::ping, "ping", core::at_server | core::at_own_account,
                    [](core::Request& request) { request.responder.result(); }}}};
}

}  // namespace lethe::feature
