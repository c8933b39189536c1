// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0160 Best Practices for Handling Offline Messages, version 1.0.1: the letterbox (core/letterbox.h). Announced as the XEP asks;
// what a client sees is a message with <delay/> and, if it is archived, the <stanza-id/> of its place there.
#include "server/core/core.h"
#include "server/feature/all.h"

namespace lethe::feature {

core::Feature offline() { return {.name = "offline", .server_features = {"msgoffline"}}; }

}  // namespace lethe::feature
