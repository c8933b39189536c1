// SPDX-License-Identifier: AGPL-3.0-or-later
// Message Carbons (XEP-0280 version 1.0.1): copies for the other sessions of an account that asked for them. A copy is never kept: what its
// session does not get is in the archive.
//
// Copied are (section 6.1) chat messages, normal ones with a body, receipts, chat states, markers and invitations; not groupchat, headline,
// error, private messages from a room, and what the sender marked <private/> or <no-copy/>.
// Thread: core.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "server/core/account.h"
#include "server/xml/element.h"

namespace lethe::core {

/// Whether the message is one to copy, for the side of the sender or the receiver.
bool copied_to_sender(const xml::Element& message);
bool copied_to_receiver(const xml::Element& message);

/// After `message` (serialised as the sessions in `taken_by` got it) arrived. If no session took it, it waits in the letterbox, and only sessions
/// that are available, but not for messages, get a copy: the others get the message itself when they are.
void copy_received(const Account& account, const std::string& message, std::string_view type, const std::vector<const Session*>& taken_by,
                   const Session* sender);

/// After a session sent `message` to somebody else.
void copy_sent(const Session& sender, const std::string& message, std::string_view type);

}  // namespace lethe::core
