// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0198 Stream Management, version 1.6.3, section 5: sessions that wait for their client after the
// connection was lost.
//
// What hibernation means here:
// - The account's vault stays open, as it does while a session is connected, for limits.resume at the
// longest. Whoever reads the server's memory
//   meanwhile reads what such an account's sessions can read; README's table says so.
// - Path of a stanza: it arrives for a session that hibernates → it waits in memory, within the bounds of one
// that is connected
//   (limits.sm_unacked, limits.queue_bytes; presence and chat states as in core/deferred.h) → the client
//   resumes and gets what it has not acknowledged, in order. A message that the letterbox may hold, and that
//   no connected session was sent, lies in the letterbox from the start, sealed: a crash loses nothing of it,
//   and its place in the order is its own. It is deleted there when some session acknowledges it.
// - A session that is not resumed in time, that holds too much, or whose account was changed, ends as one
// that was closed: messages that no other
//   session got go back to the letterbox, with their stanza-id, or are in it already; who waits for the
//   answer to an IQ gets service-unavailable; everything else is forgotten. Nothing that hibernates is
//   written in clear.
// - To everybody else the session is what it was: its presence stands, and it counts as one of
// limits.sessions_per_account.
// - The id of a session is 128 random bits, good for its account only. Its count of handled stanzas is
// remembered for a while after its end (Departed). Thread: core.
#pragma once
#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/core/account.h"

namespace lethe::core {

class Core;

/// The connection of a session is gone: it hibernates if its client may come back, else it ends.
void connection_lost(Core& core, const std::shared_ptr<Session>& session);

/// The account's session of this id, or null.
std::shared_ptr<Session> find_resumable(const Core& core, const xmpp::BareJid& account, std::string_view id);

/// Its client is back on a connection whose outbox this is. Precondition: it hibernates. Session::resend() is
/// the caller's.
void continue_session(Core& core, const std::shared_ptr<Session>& session, std::shared_ptr<Outbox> outbox);

/// Of those that hibernate the session whose time is up first: it is the one to end when a new session needs
/// room. Null if none does.
std::shared_ptr<Session> first_to_expire(const Account& account);

/// Messages that only hibernating sessions were sent go into the letterbox, too.
void keep_what_only_sleepers_have(Core& core, Account& account,
                                  const std::vector<std::shared_ptr<Delivery>>& deliveries);
/// Features hear that it waits again: its session lost it.
void waits_again(Core& core, const Account& account, const std::string& stanza);
/// The disk did not take it.
void not_kept(Account& account, Delivery& delivery);

/// Counts of sessions that have ended, for clients that come back too late: the last few thousand. Ids and
/// addresses are hashed.
class Departed {
public:
    void remember(const xmpp::BareJid& account, std::string_view id, std::uint32_t handled);
    std::optional<std::uint32_t> find(const xmpp::BareJid& account, std::string_view id) const;

private:
    using Key = std::array<std::uint8_t, 16>;
    struct Entry {
        Key key;
        std::uint32_t handled;
    };
    static Key key_of(const xmpp::BareJid& account, std::string_view id);
    std::deque<Entry> entries_;
};

}  // namespace lethe::core
