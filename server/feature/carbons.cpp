// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0280 Message Carbons, version 1.0.1: a session asks for copies of what the account's other sessions send and receive, or for no more of them.
// Which messages are copied is in server/core/carbons.h. Only sessions get copies, so the closed vault has no part in this.
#include "server/core/core.h"
#include "server/feature/all.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {

void set(core::Request& request) {
    request.session->carbons = request.payload.name() == "enable";
    request.responder.result();
}

}  // namespace

core::Feature carbons() {
    return {.name = "carbons",
            .server_features = {xmpp::ns::carbons},
            .account_features = {xmpp::ns::carbons},
            .iq = {{"set", xmpp::ns::carbons, "enable", core::at_own_account | core::at_server, set},
                   {"set", xmpp::ns::carbons, "disable", core::at_own_account | core::at_server, set}}};
}

}  // namespace lethe::feature
