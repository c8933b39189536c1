// SPDX-License-Identifier: AGPL-3.0-or-later
// What a message is, as far as delivery and storage care; and its serialised forms.
#pragma once
#include <string>
#include <string_view>

#include "server/xml/element.h"
#include "server/xmpp/jid.h"

namespace lethe::core {

enum class MessageType { normal, chat, groupchat, headline, error };
MessageType message_type(const xml::Element& message);  ///< unknown and absent types are normal (RFC 6121 5.2.2)

/// What may be kept of it. Content is any child but chat states, hints, ids, delay and thread: bodies, encrypted payloads, receipts,
/// markers, invitations.
struct Keeping {
    bool letterbox = false;  ///< RFC 6121 8.5.2.2, XEP-0160, XEP-0334
    bool archive = false;    ///< XEP-0313 section 5.1, XEP-0334
    bool chat_state = false; ///< XEP-0085, and nothing else: worth little to a client that nobody looks at
};
Keeping keeping(const xml::Element& message);

/// What a message means for chat states (XEP-0085) of its sender that a client nobody looks at was not sent yet.
enum class ChatState {
    untouched,
    told,  ///< it is one, and nothing else
    over   ///< they are not true any more
};
ChatState chat_state(const xml::Element& message, const Keeping& keeping);

/// Removes what claims to be ours in a client's stanza: stanza-id elements (XEP-0359 section 5) by, and delay
/// elements (XEP-0203) from `domain` or any address at it. A delay that names nobody, or somebody elsewhere,
/// stays.
void remove_forged(xml::Element stanza, std::string_view domain);

/// `base` is a serialised element; `extra` goes in before its end tag.
std::string with_children(std::string_view base, std::string_view extra);
std::string stanza_id_element(const xmpp::BareJid& by, std::string_view id);
std::string delay_element(std::string_view from, std::int64_t received);
/// The message as XEP-0297 forwards it: jabber:client made explicit.
std::string as_forwarded(std::string_view base);

}  // namespace lethe::core
