// SPDX-License-Identifier: AGPL-3.0-or-later
// The letterbox: what RFC 6121 stores for an account while no session can take it.
//
// Path of a message: it arrives for an account without a session that takes messages → sealed entry in the letterbox bucket (and in the
// archive) → the second moment of opening, a first presence of priority >= 0, sends what lies after the cursor "delivered" with <delay/>
// and <stanza-id/> (or, to a client that reads the archive anyway, nothing: XEP-0386) → the client acknowledges (or, without XEP-0198, it was written) → entry deleted and cursor moved in one change →
// its sealed bytes end with the bucket. A crash repeats nothing acknowledged and loses nothing.
// Thread: core; reading runs on the pool.
#pragma once
#include <memory>

#include "server/core/account.h"

namespace lethe::core {

class Core;

/// Both bounds of what may wait for an account: its whole quota, and the sender's share of it. False: the sender gets service-unavailable.
[[nodiscard]] bool may_wait(Core& core, const std::shared_ptr<LogWriter>& writer, const xmpp::BareJid& sender);
/// Stages a letterbox entry and counts it for the sender's share. Answers where it lies then; empty if the policy stores nothing there.
std::optional<crypto::LogPlace> keep_waiting(Core& core, Change& change, LogWriter& writer, const xmpp::BareJid& sender, const crypto::LogEntry& entry);

/// The session can take messages from now on: empties the letterbox into it, then sets Session::live.
void open_letterbox(Core& core, const std::shared_ptr<Session>& session);

/// Resumes when the session's queue has room for much more, or it ended or is about to. A session that takes nothing for
/// limits.stall_seconds is given up. While it hibernates this waits.
asio::awaitable<void> wait_for_room(Core& core, std::shared_ptr<Session> session);

/// Something reached a client: deletes the letterbox entry it came from or was kept in.
void letterbox_taken(Core& core, Account& account, const Outgoing& item);

/// Serialised message with stanza-id, and with delay unless it is being delivered as it arrives.
Wire deliverable(const Account& account, const crypto::LogEntry& entry, const std::string& base, bool delayed, std::string_view server);

}  // namespace lethe::core
