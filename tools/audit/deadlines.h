// SPDX-License-Identifier: AGPL-3.0-or-later
// How long may it stay? Pure.
//
// What spans there can be under a policy that keeps a class for R: a bucket gets START on its grid, END = START + w with
// w = max(1 s, R/24), DEADLINE = START + R when it is made. Everything after that only shortens it: when a policy becomes tighter, from
// R0 to R, END = min(END, then) and DEADLINE = min(START + R0, END + R). A policy that became looser leaves it as it is, so R0 <= R. Hence
//   DEADLINE <= START + R, or it was shortened: then DEADLINE <= END + R and END - START is not R's own w (it is the larger
//   R0's, or END was cut), and
//   DEADLINE <= now + R, since nothing is made before its START and `clock accept` leaves no more than that.
// A clock that ran ahead and was put back leaves spans that begin in the future. `clock accept`, at T, makes of a bucket's END = min(END, T) and
// DEADLINE = min(DEADLINE, T + R): END may lie before START then, and DEADLINE <= END + R.
// Log files follow the same rules, but keep their END, since their lines have times of the wrong clock: DEADLINE may lie before START.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "retention/policy.h"
#include "tools/audit/report.h"

namespace lethe::audit {

/// The sweeper looks every second, and destroying takes a moment.
inline constexpr Time grace = 10 * Time{1'000'000};

/// What a class may keep; empty for a class that the policy does not know.
std::optional<retention::Keep> keep_of(const retention::Policy& policy, crypto::ClassId cls);

/// Which time it is to the server: `from` at the least, `to` at the most. They differ where only its records tell, because the machine's clock
/// is behind them.
struct Present {
    Time from = 0, to = 0;
    Present(Time now) : from(now), to(now) {}
    Present(Time a, Time b) : from(a), to(b) {}
};

/// What is wrong with a span, if anything: past its deadline, beyond what the policy allows, or no span at all.
std::optional<std::string> span_fault(const store::BucketSpan& span, const retention::Keep& keep, Present now);

/// What is wrong with the deadline of an invitation, if anything. One that was made under a looser policy goes when the tighter one is in force.
std::optional<std::string> invitation_fault(Time deadline, const retention::Policy& policy, Present now);

/// "2026-11-22 18:54:00 UTC"
std::string to_text(Time time);

}  // namespace lethe::audit
