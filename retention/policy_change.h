// SPDX-License-Identifier: AGPL-3.0-or-later
// Which policy is in force, and which one waits for the end of its notice.
//
// A file is offered at start and whenever it is read again. What it makes tighter is in force at once; if anything is looser, the whole
// file is announced and takes effect after the notice that the policy in force so far promised. A file that loosens nothing takes
// the place of whatever was announced. Only one announcement stands at a time: a further loosening is a new one and starts the notice
// again; a file that takes part of the announced one back, or says it in other words, keeps its date and its number.
//
// A value: take a copy, offer, store encode() (one row of state.mdb, so a crash leaves the old standing or the new one), then use the copy.
// Pure; any thread. A policy that waits is told to users by serial number: each account remembers the last one it was told.
#pragma once
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "crypto/bytes.h"
#include "retention/clock.h"
#include "retention/policy.h"
#include "retention/policy_keys.h"

namespace lethe::retention {

struct Announcement {
    std::uint32_t serial = 0;  ///< from 1, never used twice
    Time announced_at = 0, effective_at = 0;
    Policy policy;  ///< as it will be in force; its text is the file's
};

class PolicyStanding {
public:
    /// The first policy of a data directory: nothing was promised before it.
    static PolicyStanding first(Policy file);
    /// The error is a sentence that says what is wrong with the row.
    static std::expected<PolicyStanding, std::string> decode(ByteView bytes);
    Bytes encode() const;

    enum class Outcome {
        nothing,    ///< it is in force, or announced, already
        in_force,   ///< it acts from now on, all of it
        announced,  ///< its tighter parts act from now on, the rest waits
    };
    /// Called after advance(now), unless the clock is in doubt.
    Outcome offer(Policy file, Time now);
    /// What was announced is in force if its time has come; true if so.
    bool advance(Time now);

    const Policy& in_force() const { return in_force_; }
    const std::optional<Announcement>& announced() const { return announced_; }
    /// Of the last thing that users had to be told, an announcement or its withdrawal; 0 if there was none.
    std::uint32_t serial() const { return serial_; }
    /// What an account made now counts as having been told: all but what waits.
    std::uint32_t serial_for_new_accounts() const { return announced_ ? announced_->serial - 1 : serial_; }

    /// What somebody who was last told of `told` has to know: what is looser, now or soon, than the promises known then, and whether something
    /// that they were told of was taken back since. Empty if there is neither. What became tighter needs no message.
    struct News {
        struct Change {
            KeyChange change;
            Time effective_at = 0;
            bool waits = false;  ///< for that time; else it is in force
        };
        std::vector<Change> changes;
        bool withdrawn = false;
    };
    std::optional<News> news_since(std::uint32_t told) const;

    /// An announcement that waits no more: it came into force at its time, or was withdrawn before.
    struct Passed {
        Time effective_at = 0;
        bool withdrawn = false;
        std::vector<KeyChange> changes;
    };
    /// The last ones, oldest first.
    std::vector<Passed> passed() const;

private:
    /// What was announced, for accounts that come late. Canonical texts.
    struct Past {
        std::uint32_t first = 0;  ///< of the first announcement that this one took the place of, or its own
        std::uint32_t serial = 0;
        std::uint32_t withdrawn = 0;  ///< the number of its withdrawal, 0 if there was none
        Time effective_at = 0;
        std::string before, after;
    };
    std::optional<Time> loosened_at(const std::string& key, std::uint32_t told) const;
    void announce(Policy file, Time now, Time effective_at, const Policy& before);

    Policy in_force_;
    std::optional<Announcement> announced_;
    std::uint32_t serial_ = 0;
    std::vector<Past> past_;  ///< oldest first
};

/// What a process that only looks after a directory at rest has to obey: the standing stored there and the file, neither written back.
/// Empty `stored`: the file alone. The error is a sentence.
std::expected<Policy, std::string> policy_at_rest(const std::optional<Bytes>& stored, Policy file, Time now);

}  // namespace lethe::retention
