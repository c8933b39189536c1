// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/deferred.h"

namespace lethe::core {

void Deferred::put(const xmpp::Jid& from, DeferredKind kind, Wire stanza) {
    drop(from, kind);
    Key key{kind, from.to_string()};
    const auto place = items_.insert(items_.end(), Item{key, from.bare(), std::move(stanza)});
    bytes_ += place->cost();
    places_.emplace(std::move(key), place);
}

void Deferred::drop(const xmpp::Jid& from, DeferredKind kind) {
    const auto found = places_.find(Key{kind, from.to_string()});
    if (found != places_.end()) remove(found->second);
}

std::vector<Wire> Deferred::take(const xmpp::BareJid& from) {
    std::vector<Wire> out;
    for (auto it = items_.begin(); it != items_.end();) {
        const auto item = it++;
        if (item->from == from) out.push_back(remove(item));
    }
    return out;
}

std::vector<Wire> Deferred::take_all() {
    std::vector<Wire> out;
    out.reserve(items_.size());
    while (!items_.empty()) out.push_back(remove(items_.begin()));
    return out;
}

Wire Deferred::remove(std::list<Item>::iterator item) {
    bytes_ -= item->cost();
    auto stanza = std::move(item->stanza);
    places_.erase(item->key);
    items_.erase(item);
    return stanza;
}

}  // namespace lethe::core
