// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0202 Entity Time, version 2.0. Always UTC: the server's time zone would tell where it stands.
#include "server/core/core.h"
#include "server/feature/all.h"
#include "server/xmpp/datetime.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {

core::Feature entity_time() {
    return {.name = "entity_time",
            .server_features = {xmpp::ns::time},
            .iq = {{"get", xmpp::ns::time, "time", core::at_server, [](core::Request& request) {
                        const auto now = request.core.env.clock.now();
                        request.responder.result([now](xml::Element iq) {
                            auto time = iq.add("time", xmpp::ns::time);
                            time.add("tzo").add_text("+00:00");
                            time.add("utc").add_text(xmpp::format_datetime(now));
                        });
                    }}}};
}

}  // namespace lethe::feature
