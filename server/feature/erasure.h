// SPDX-License-Identifier: AGPL-3.0-or-later
// The end of an account by its owner's own wish, in whatever way the client says it (XEP-0077, or an ad-hoc command).
#pragma once
#include <functional>

#include "server/core/core.h"

namespace lethe::feature {

/// Destroys the account's key and rows, then answers the request with what `fill` makes of the result, then ends all sessions. If the disk refuses, the
/// answer is an error and the account goes on.
void erase_own_account(core::Request& request, std::function<void(xml::Element)> fill = {});

}  // namespace lethe::feature
