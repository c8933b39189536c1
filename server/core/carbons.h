// SPDX-License-Identifier: AGPL-3.0-or-later
// Message Carbons (XEP-0280 version 1.0.1): copies for the other sessions of an account that asked for them. A copy is never kept: what its
// session does not get is in the archive, or returns as the message itself.
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

using Sessions = std::vector<std::shared_ptr<Session>>;

/// Which sessions get a copy of a message that the sessions in `taken_by` were sent. If none was, it waits in the letterbox, and only sessions that are
/// available, but not for messages, get a copy: the others get the message itself when they are.
Sessions copied_to(const Account& account, const Sessions& taken_by, const Session& sender);

struct Copy {
    const Wire& message;  ///< as the other sessions got it
    std::string_view type;
    const xmpp::Jid& peer;
    ChatState state;
    std::shared_ptr<Delivery> delivery = {};  ///< who gets the copy has the message: it need not return from a session that is lost
};
void copy_received(const Sessions& sessions, const Copy& copy);
/// After a session sent it to somebody else.
void copy_sent(const Session& sender, const Copy& copy);

}  // namespace lethe::core
