// SPDX-License-Identifier: AGPL-3.0-or-later
// Notifications of nodes (XEP-0163 section 4): to the owner's own sessions, and for open and presence nodes to his contacts', if their client's
// capabilities name the node with "+notify". Nobody subscribes; nobody is notified while the owner is away.
#pragma once
#include "server/core/core.h"
#include "server/feature/node_edit.h"

namespace lethe::feature {

void send_event(core::Core& core, core::Account& owner, const NodeEvent& event);

/// The last items that this session wants and has not been sent: of its own account and of the contacts whose presence it sees.
void send_last_items(core::Core& core, core::Session& session);
/// The last items of this account, for everybody who sees its presence.
void announce_last_items(core::Core& core, core::Account& owner);

}  // namespace lethe::feature
