// SPDX-License-Identifier: AGPL-3.0-or-later
// The push registrations of accounts, vault open or closed: read from the disk each time, because they are
// needed seldom and name what an absent account uses. Only what is on its way to the disk is in memory.
//
// Lifetime: the feature's. Thread: core.
#pragma once
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "server/core/core.h"
#include "server/core/push_rows.h"

namespace lethe::feature {

class PushStore : public std::enable_shared_from_this<PushStore> {
public:
    using Registrations = std::vector<core::PushRegistration>;
    /// Empty if there is no such account, or it cannot be read.
    std::optional<Registrations> read(const core::Core& core, const xmpp::BareJid& owner) const;
    /// In the place of all there were. `done` hears whether the disk took them; it did not if the account has
    /// another key by then.
    void write(core::Core& core, const xmpp::BareJid& owner, Registrations registrations,
               std::function<void(bool)> done);

private:
    struct OnItsWay {
        Registrations registrations;
        unsigned writes = 0;
    };
    std::unordered_map<xmpp::BareJid, OnItsWay> on_their_way_;
};

}  // namespace lethe::feature
