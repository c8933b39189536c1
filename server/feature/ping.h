// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0199, the server's own questions.
#pragma once
#include <string>

#include "server/xmpp/jid.h"

namespace lethe::feature {

/// A ping from the server, serialised. Any answer will do.
std::string ping_request(const xmpp::BareJid& from, const xmpp::FullJid& to);

}  // namespace lethe::feature
