// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0092 Software Version, version 1.1. The name only: a version number would tell which faults to try. The XEP wants a
// version element, so it is there and empty.
#include "server/core/core.h"
#include "server/feature/all.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {

core::Feature version() {
    return {.name = "version",
            .server_features = {xmpp::ns::version},
            .iq = {{"get", xmpp::ns::version, "query", core::at_server, [](core::Request& request) {
                        request.responder.result([](xml::Element iq) {
                            auto query = iq.add("query", xmpp::ns::version);
                            query.add("name").add_text("Lethe");
                            query.add("version");
                        });
                    }}}};
}

}  // namespace lethe::feature
