// SPDX-License-Identifier: AGPL-3.0-or-later
// What may wait while nobody looks at a client: presence and chat states, the newest of each kind from each
// sender.
//
// Path of a stanza: it is sent to a session that is inactive (XEP-0352) or hibernates (XEP-0198) → it waits
// here, in memory, in place of the one it makes obsolete → it goes out when the client looks again, before a
// message of the same sender, or when too much waits; with a lost session it is forgotten. Thread: core.
#pragma once
#include <cstddef>
#include <list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "server/core/outbox.h"
#include "server/xmpp/jid.h"

namespace lethe::core {

enum class DeferredKind { presence, chat_state, own_chat_state };  ///< the last: a copy of what the user told a peer elsewhere

class Deferred {
public:
    /// In place of what waits of the same kind from the same sender; it goes to the end of the queue.
    void put(const xmpp::Jid& from, DeferredKind kind, Wire stanza);
    /// It is not worth sending any more.
    void drop(const xmpp::Jid& from, DeferredKind kind);
    /// What waits from any resource of one address, in order.
    std::vector<Wire> take(const xmpp::BareJid& from);
    std::vector<Wire> take_all();
    bool empty() const { return items_.empty(); }
    std::size_t size() const { return items_.size(); }
    std::size_t bytes() const { return bytes_; }

private:
    using Key = std::pair<DeferredKind, std::string>;
    struct Item {
        Key key;
        xmpp::BareJid from;
        Wire stanza;
        std::size_t cost() const { return sizeof(Item) + 2 * key.second.size() + stanza->size(); }
    };
    std::list<Item> items_;
    std::map<Key, std::list<Item>::iterator> places_;
    std::size_t bytes_ = 0;

    Wire remove(std::list<Item>::iterator item);
};

}  // namespace lethe::core
