// SPDX-License-Identifier: AGPL-3.0-or-later
// RFC 3921 section 3: the session request that RFC 6121 made a no-op. Some clients still send it.
#include "server/core/core.h"
#include "server/feature/all.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {

core::Feature legacy_session() {
    return {.name = "legacy_session",
            .iq = {{"set", xmpp::ns::session, "session", core::at_server | core::at_own_account,
                    [](core::Request& request) { request.responder.result(); }}}};
}

}  // namespace lethe::feature
