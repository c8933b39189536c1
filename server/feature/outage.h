// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0455 Service Outage Status, version 0.4.0: where clients look when this server cannot answer, as a form of its disco#info (XEP-0128).
//
// The addresses come from [outage] status in lethe.toml. What lies there is on somebody else's machine, written by the operator (`lethectl
// outage` prints it); this server says nothing about outages itself. Clients remember the addresses, also while the vault is closed: the form
// is the domain's and says the same to everybody.
#pragma once
#include <vector>

#include "server/core/core.h"
#include "server/xmpp/forms.h"

namespace lethe::feature {

/// One form, or none if the operator names no address.
std::vector<xmpp::Form> outage_forms(const core::Core& core);

}  // namespace lethe::feature
