// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0352 Client State Indication, version 1.0.0.
//
// What an inactive client sees: presence of others and chat states (XEP-0085) wait, the newest from each
// address only, until it is active again, a message from the same address comes (it is not overtaken; a chat
// state that the message makes obsolete is dropped), or more of it waits than limits.sm_unacked or a quarter
// of limits.queue_bytes. Messages, requests and their answers never wait, nor do requests for a subscription.
// A stream is active when it begins and when it was resumed. Nobody else learns of it. Vault: none of this is
// stored.
#include "server/core/core.h"
#include "server/feature/all.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {

core::Feature client_state() {
    const auto set = [](bool inactive) {
        return [inactive](core::Core&, const std::shared_ptr<core::Session>& session, const xml::Element&) {
            session->set_inactive(inactive);
        };
    };
    return {.name = "client_state",
            .stream_feature = "<csi xmlns='urn:xmpp:csi:0'/>",
            .nonzas = {{xmpp::ns::csi, "active", set(false)}, {xmpp::ns::csi, "inactive", set(true)}}};
}

}  // namespace lethe::feature
