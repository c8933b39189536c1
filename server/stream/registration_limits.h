// SPDX-License-Identifier: AGPL-3.0-or-later
// Bounds on making accounts by strangers: per network and in all, in memory only.
//
// Each account that was made, and each name that was asked for and is taken, counts against its network (/24 or /48) and against the
// whole server. Both counts drain within an hour. So nobody fills the server quickly, and nobody asks quickly for the names of those who have
// an account: the answer `conflict` cannot be avoided, but it can be had only so often.
// Who was invited is bounded by the invitation; only the names that are taken count for him.
// Behind a proxy or onion service on this machine all networks are one, so it has no bound of its own, as with logins (login_throttle.h): a few who
// ask for names that are taken would keep everybody there from an account. The bound on all holds.
// Times are microseconds of a steady clock. Thread: core.
#pragma once
#include <cstdint>

#include "server/core/tally.h"
#include "server/stream/login_throttle.h"

namespace lethe::stream {

class RegistrationLimits {
public:
    struct Limits {
        unsigned per_network, in_all;  ///< within an hour; 0: no bound
    };
    explicit RegistrationLimits(Limits limits);

    bool allows(const Network& network, std::int64_t now) const;
    void count(const Network& network, std::int64_t now);

private:
    Limits limits_;
    core::Tally networks_, all_;
};

}  // namespace lethe::stream
