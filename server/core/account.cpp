// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/account.h"

#include <algorithm>

namespace lethe::core {

Session* Account::session(const std::string& resource) const {
    const auto it = sessions.find(resource);
    return it == sessions.end() ? nullptr : it->second.get();
}

bool Account::takes_messages() const {
    return std::any_of(sessions.begin(), sessions.end(), [](const auto& s) { return s.second->takes_messages(); });
}

bool Account::archives(const xmpp::Jid& peer) const {
    const auto* contact = roster.find(peer.bare());
    return archiving.wants(peer, contact && contact->listed);
}

std::vector<std::shared_ptr<Session>> Account::takers() const {
    std::vector<std::shared_ptr<Session>> out;
    for (const auto& [_, session] : sessions)
        if (session->takes_messages()) out.push_back(session);
    std::stable_partition(out.begin(), out.end(), [](const auto& session) { return !session->hibernating(); });
    return out;
}

bool Account::shows_presence_to(const xmpp::BareJid& other) const {
    return other == jid || roster.subscription(other).from;
}

}  // namespace lethe::core
