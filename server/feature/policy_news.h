// SPDX-License-Identifier: AGPL-3.0-or-later
// Telling the accounts that are online of a policy just announced (data_policy.cpp tells the others at their next login).
#pragma once

namespace lethe::core {
class Core;
}

namespace lethe::feature {

/// Once per account and announcement, however often it is called. Thread: core.
void tell_everybody(core::Core& core);

}  // namespace lethe::feature
