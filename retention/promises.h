// SPDX-License-Identifier: AGPL-3.0-or-later
// What follows when the operator declares the clock right, and what shows how late it was before (ClockGuard).
// Thread: the owner's of all of them.
#pragma once
#include <vector>

#include "retention/buckets.h"
#include "retention/clock_guard.h"
#include "retention/ledger.h"
#include "store/store.h"

namespace lethe::retention {

/// The latest time that ledger and buckets show; 0 if none. Buckets begin on a grid, so this tells nobody when something was stored.
Time known_time(const Ledger& ledger, const store::Store& store);

/// What a directory that a server has used must hold and did not when it was opened, as words of log and
/// ledger: ledger_missing, clock_missing. The ledger is told.
std::vector<Word> missing_records(Ledger& ledger, const ClockGuard& guard, const store::Store& store);

/// now() follows the machine, buckets and ledger learn of it. Log::clock_accepted() is left to the caller, because it may be slow.
void accept_clock(ClockGuard& guard, Buckets& buckets, Ledger& ledger);

/// Why the server does not start, in one sentence; empty unless the clock went back.
std::string refusal(ClockState state, Time latest, Time now);

/// What an alarm of the buckets is in the ledger. Nothing for a bucket that could not be made: only a message can have asked for one, and the
/// ledger does not show when people talk.
std::optional<LedgerAlarm> ledger_alarm(Buckets::Alarm alarm);

/// The furthest time that a `swept` line of the class may name now: the latest deadline on the class's grid that has passed, whether or not there was
/// a bucket. A class without deadlines ("0", "unlimited") has a grid of days. Whole seconds, rounded down; 0 or less: nothing yet.
Time sweep_mark(const Buckets& buckets, crypto::ClassId cls, Time now);
/// The same of log files, by the grid of [log] keep.
Time sweep_mark(const Log& log, Time now);
/// Their class in the ledger; no class of buckets has that name.
inline constexpr std::string_view log_class = "log";

}  // namespace lethe::retention
