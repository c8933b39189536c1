// SPDX-License-Identifier: AGPL-3.0-or-later
// Bounds on guessing passwords: per network and per account, in memory only.
//
// A wrong proof counts against its network (/24 or /48) and against the account it named, whether there is such an account or not. Both
// counts drain within ten minutes. A network with limits.login_failures_per_network of them waits. An account with
// limits.login_failures_per_account of them is under attack: from then on each network has one wrong try with it in ten minutes. So its
// owner gets in with the right password at the first try, from any network that the attacker does not use too; somebody who shares
// the attacker's network waits with him.
// A refusal is decided before anything is looked up, from the counts alone, and says temporary-auth-failure: it tells the same of accounts
// that exist, are suspended or were never made, and of right and wrong passwords.
// Behind a proxy or onion service on this machine all networks are one, so it has no bound of its own: one guesser would lock everybody out
// there. What bounds guessing there is the account's count; an account under attack there can be locked out there, and nowhere else.
// Times are microseconds of a steady clock. Thread: core.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

#include "server/core/tally.h"
#include "server/net/stream.h"

namespace lethe::stream {

/// 4 or 6, then the first three or six bytes of the address.
using Network = std::array<std::uint8_t, 7>;
Network network_of(const net::PeerAddress& peer);
/// No network: it cannot be known.
inline constexpr Network behind_proxy{};

class LoginThrottle {
public:
    struct Limits {
        unsigned per_network, per_account;  ///< wrong logins within ten minutes; 0: no bound
    };
    explicit LoginThrottle(Limits limits);

    /// `account`: the name as it would be looked up. Asked when a login begins and again before its proof is checked, so that many
    /// begun at once are no way around.
    bool allows(const Network& network, std::string_view account, std::int64_t now) const;
    void failed(const Network& network, std::string_view account, std::int64_t now);

private:
    Limits limits_;
    core::Tally networks_, accounts_, pairs_;
};

}  // namespace lethe::stream
