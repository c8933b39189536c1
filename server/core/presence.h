// SPDX-License-Identifier: AGPL-3.0-or-later
// Presence and subscriptions (RFC 6121 sections 3 and 4).
//
// What differs here because a vault may be closed: subscription stanzas for a closed account wait in a sealed log of their own and are
// settled at bind; probes of it get silence, as they do from everybody whose subscription cannot be seen; a blocked sender gets
// no answer either, so that nobody learns from an answer whether the account is online.
#pragma once
#include <memory>
#include <vector>

#include "server/core/account.h"
#include "server/core/subscription.h"
#include "server/xml/element.h"

namespace lethe::core {

class Core;

/// A presence stanza of one of our sessions; 'from' is already stamped with the full JID.
void handle_presence(Core& core, const std::shared_ptr<Session>& session, xml::Element stanza);

/// A session went offline without saying so (or said so): unavailable to all who saw it.
void session_unavailable(Core& core, Session& session);

/// The same with a stanza of the user's own words; from, and no to.
void announce_unavailable(Core& core, Session& session, const Wire& wire);

/// What features add to presence may have changed (Feature::presence_sent): if so it goes out again.
void send_presence_again(Core& core, const std::shared_ptr<Session>& session);

/// What was sent to somebody the list blocks, though he is no subscriber, is taken back before the list counts.
void withdraw_directed(Core& core, Account& account, const Blocklist& blocklist);

/// Sends a subscription stanza in the user's name, bare JID to bare JID.
void send_subscription(Core& core, const xmpp::BareJid& from, const xmpp::BareJid& to, SubscriptionType type);

/// At bind: one entry of the subscriptions log. Blocked senders' are skipped.
void apply_waiting_subscription(Core& core, Account& account, const crypto::LogEntry& entry, Change& change,
                                std::vector<std::pair<xmpp::BareJid, SubscriptionType>>& replies);
/// At bind: requests of the user's own that are older than the other side would have kept them go out again.
void resend_old_requests(Core& core, Account& account);

/// RFC 6121 2.1.6: tells every interested session of one item (null: removed).
void push_roster_item(Account& account, const xmpp::BareJid& jid, const RosterItem* item);

/// Presence of all available sessions of `account` to one contact, or unavailable for each.
void send_presence_to(Core& core, Account& account, const xmpp::BareJid& contact, bool available);
/// In two steps, for a contact that is to hear later that it sees nobody any more: whom it sees now, and their end.
std::vector<xmpp::FullJid> available_sessions(const Account& account);
void send_unavailable(Core& core, const Account& account, const std::vector<xmpp::FullJid>& from, const xmpp::BareJid& contact);

}  // namespace lethe::core
