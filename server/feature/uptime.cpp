// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0012 Last Activity, version 2.0, of the server alone: for how long it has been running. When a user was here last is told to nobody; such a
// question is answered as any other that a stranger asks.
#include <chrono>

#include "server/core/core.h"
#include "server/feature/all.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {

core::Feature uptime() {
    const auto start = std::chrono::steady_clock::now();
    return {.name = "uptime",
            .server_features = {xmpp::ns::last},
            .iq = {{"get", xmpp::ns::last, "query", core::at_server, [start](core::Request& request) {
                        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start).count();
                        request.responder.result([&](xml::Element iq) { iq.add("query", xmpp::ns::last).set_attr("seconds", std::to_string(seconds)); });
                    }}}};
}

}  // namespace lethe::feature
