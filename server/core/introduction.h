// SPDX-License-Identifier: AGPL-3.0-or-later
// Two accounts become each other's contacts because one invited the other (XEP-0401, XEP-0379 answered by the server).
//
// Path: whoever uses the invitation has the inviter on the contact list at once, as somebody who may see them and has been asked for the same → the
// inviter, if online, has the contact at once, mutual; else an instruction waits, sealed to the inviter's vault like a contact request, and is
// applied when that vault opens next → the inviter's server answers the request, and both are mutual. If the instruction is lost to a crash, or
// outlives its class, an ordinary request takes its place (resend_old_requests).
// Thread: core.
#pragma once
#include "server/admin/invitations.h"
#include "server/core/presence.h"

namespace lethe::core {

class Core;
class Session;

/// For the one who uses it, in the batch that makes the account: the first row of its contact list.
void stage_inviter(store::Batch& batch, const crypto::Vault& vault, const xmpp::BareJid& inviter);
/// For the inviter, now or when the vault opens next. Nothing if there is no such account any more.
void introduce(Core& core, const xmpp::BareJid& inviter, const xmpp::BareJid& invited);
/// What waited, at the opening of the vault: `peer` was invited.
void apply_introduction(Core& core, Account& account, const xmpp::BareJid& peer, Change& change,
                        std::vector<std::pair<xmpp::BareJid, SubscriptionType>>& replies);

/// A request to `to` that shows the token of an invitation by `to` (XEP-0379) is answered in its place: true, and `not_taken` runs if it could not be
/// after all. Else it goes its way, token and all: it may be one that the contact's client knows.
bool redeem(Core& core, const std::shared_ptr<Session>& session, const xmpp::BareJid& to, const xml::Element& stanza, std::function<void()> not_taken);

}  // namespace lethe::core
