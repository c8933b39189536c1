// SPDX-License-Identifier: AGPL-3.0-or-later
// clang-format off
// Where a stanza goes: RFC 6121 section 8, read top to bottom in router.cpp. The table below is what is decided there.
//
//   message to            open, somebody takes messages    open, nobody does / closed            no such account
//   bare JID  chat,normal all sessions that take messages  letterbox if storable, else vanishes  service-unavailable
//             headline    all sessions that take messages  vanishes                              service-unavailable
//             groupchat   service-unavailable              service-unavailable                   service-unavailable
//             error       vanishes                         vanishes                              vanishes
//   full JID  connected   that session (groupchat: only from whom it sent directed presence, else service-unavailable)
//                         (without presence yet: before what waits in the letterbox, which has its time in a <delay/>)
//             otherwise   chat, normal as to the bare JID; headline, error vanish; groupchat service-unavailable
//   iq        full JID    get, set: that session for itself, subscribers and whom it sent directed presence; everybody else, and when it
//                         is not connected: service-unavailable. result, error: that session, else vanishes
//             bare JID    the server answers for the account (features); a stranger gets service-unavailable, vault open or closed
//   A message that an open account's blocklist refuses vanishes without an answer, as it later would from the letterbox.
//   Archiving (XEP-0313): the sender's archive, and the recipient's at receipt, vault open or closed.
// clang-format on
#pragma once
#include <memory>

#include "server/core/account.h"
#include "server/xml/element.h"
#include "server/xmpp/error.h"

namespace lethe::core {

class Core;

/// The answer to who sends to somebody whom the sender blocks (XEP-0191 section 3.3).
xmpp::StanzaError own_block();

void route_message(Core& core, const std::shared_ptr<Session>& from, xml::Element message);
void route_iq(Core& core, const std::shared_ptr<Session>& from, xml::Element iq);

/// A request of this server's in an account's name: to that client, if an iq of the account would reach it (the table above). False: nothing was sent.
bool ask_for_account(Core& core, const xmpp::BareJid& account, const xmpp::FullJid& to, const xml::Element& iq);

/// A storable message once more to the account's bare JID: to a session that takes messages, else to the letterbox.
void redeliver(Core& core, Account& account, const std::shared_ptr<Delivery>& delivery);

}  // namespace lethe::core
