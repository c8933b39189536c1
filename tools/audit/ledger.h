// SPDX-License-Identifier: AGPL-3.0-or-later
// What the ledger says, and whether it fits what else lies in the directory: its chain shows that nothing was
// changed or dropped inside, but lines that were cut off its end leave a ledger that verifies. Pure.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "retention/ledger_verify.h"
#include "retention/policy_change.h"
#include "tools/audit/report.h"

namespace lethe::audit {

inline constexpr std::string_view ledger_place = "ledger.jsonl";

/// How far the ledger says each class was swept.
using SweptTo = std::map<std::string, Time, std::less<>>;

/// Read from the lines that have the form of one; whether they hold is said elsewhere.
struct LedgerSeen {
    SweptTo swept;
    Time last_time = 0;                    ///< of its last line, whole minutes
    std::set<retention::Digest> in_force;  ///< every policy that it says was in force
    std::optional<retention::Digest> last_in_force;
    std::set<Time> announced;     ///< when announced policies were to take effect, whole seconds
    Time before_accepted = 0;     ///< the latest time before a clock was accepted last
    bool doubtful_clock = false;  ///< the clock had jumped, and nothing was swept since
};
LedgerSeen read_ledger(std::string_view text);

/// What the rest of the directory shows of a server's life.
struct Traces {
    std::optional<retention::PolicyStanding> standing;  ///< as stored, whatever the time is now
    bool used = false;  ///< something was stored for somebody, so a server was up
    bool cut_short =
        false;        ///< the last server was killed, or one is running: its last line may not be written yet
    Time latest = 0;  ///< a server lived then
    std::string latest_place;  ///< what shows it
};

/// Adds findings about the ledger's end, or a note where a kill explains what is missing.
void check_ledger_end(const LedgerSeen& ledger, const Traces& traces, Report& report);

/// How long a running server may write no line under this policy.
Time longest_silence(const retention::Policy& policy);

}  // namespace lethe::audit
