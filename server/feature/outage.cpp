// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/feature/outage.h"

namespace lethe::feature {

std::vector<xmpp::Form> outage_forms(const core::Core& core) {
    const auto& addresses = core.env.config.outage.status;
    if (addresses.empty()) return {};
    return {{.type = "result",
             .fields = {{.var = "FORM_TYPE", .type = "hidden", .values = {"urn:xmpp:sos:0"}},
                        {.var = "external-status-addresses", .type = "list-multi", .values = addresses}}}};
}

}  // namespace lethe::feature
