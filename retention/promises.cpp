// SPDX-License-Identifier: AGPL-3.0-or-later
#include "retention/promises.h"

#include <algorithm>

#include "retention/log_format.h"
#include "retention/log_words.h"

namespace lethe::retention {

Time known_time(const Ledger& ledger, const store::Store& store) {
    Time known = ledger.last_time().value_or(0);
    // A bucket that a wrong clock began in the future is closed when the right clock is accepted: its END then lies before its START.
    for (const auto& bucket : store.buckets()) known = std::max(known, std::min(bucket.span.start, bucket.span.end));
    return known;
}

std::vector<Word> missing_records(Ledger& ledger, const ClockGuard& guard, const store::Store& store) {
    std::vector<Word> out;
    const auto standing = store.policy_standing();
    if (!standing || !*standing)
        return out;  // no server has run here: the first one stores its policy after both were made
    if (ledger.found() == Ledger::Found::none) out.push_back(Word("ledger_missing"));
    if (!guard.found_record()) out.push_back(Word("clock_missing"));
    for (const auto& word : out) ledger.append(LedgerAlarm(word));
    return out;
}

void accept_clock(ClockGuard& guard, Buckets& buckets, Ledger& ledger) {
    const Time before = guard.latest();
    guard.accept();
    buckets.clock_accepted();
    ledger.append(ClockAccepted{before});
}

std::string refusal(ClockState state, Time latest, Time now) {
    if (state != ClockState::went_back) return {};
    return "the clock says " + log_time(now) + ", but this data directory has seen " + log_time(latest) +
           ", more than an hour later: set the clock right, or if it is right now, run lethectl clock accept";
}

std::optional<LedgerAlarm> ledger_alarm(Buckets::Alarm alarm) {
    if (alarm == Buckets::Alarm::create_failed) return std::nullopt;
    return LedgerAlarm(word(alarm));
}

namespace {

/// The latest deadline on a grid that is not later than `reached`.
Time last_deadline(const Keep& keep, Time reached) {
    constexpr Time second = 1'000'000, day = 86'400 * second;
    if (reached <= 0) return 0;
    Time mark = reached - reached % day;
    if (keep.stored() && !keep.unlimited) mark = span_at(keep, reached - keep.micros).deadline;
    return mark - mark % second;
}

}  // namespace

Time sweep_mark(const Buckets& buckets, crypto::ClassId cls, Time now) {
    return last_deadline(buckets.keep(cls), std::min(now, buckets.swept_to(cls)));
}

Time sweep_mark(const Log& log, Time now) { return last_deadline(log.keep(), std::min(now, log.swept_to())); }

}  // namespace lethe::retention
