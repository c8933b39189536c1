// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tools/audit/ledger.h"

#include <algorithm>

#include "tools/audit/deadlines.h"

namespace lethe::audit {

using retention::Keep;

namespace {

constexpr Time second = 1'000'000, minute = 60 * second, hour = 60 * minute, day = 24 * hour;
// A class that cannot be destroyed has no line at its deadlines, but an alarm every hour; nothing is signed
// in the ten minutes in which a server waits for a synchronised clock, and a line can wait for the next
// minute.
constexpr Time slack = hour + 15 * minute;
const std::string what_to_do = "find out who cut it; if the disk takes no writes, see lethectl status";

void note(LedgerSeen& seen, const retention::LedgerLine& line) {
    seen.last_time = line.time;
    if (const auto* e = std::get_if<retention::PolicyInForce>(&line.event)) {
        seen.in_force.insert(e->policy);
        seen.last_in_force = e->policy;
    }
    if (const auto* e = std::get_if<retention::PolicyAnnounced>(&line.event))
        seen.announced.insert(e->effective);
    if (const auto* e = std::get_if<retention::ClockAccepted>(&line.event)) {
        seen.before_accepted = e->before;
        seen.doubtful_clock = false;
        seen.swept.clear();
    }
    if (const auto* e = std::get_if<retention::Swept>(&line.event)) {
        auto& furthest = seen.swept[e->cls];
        furthest = std::max(furthest, e->swept_to);
        seen.doubtful_clock = false;
    }
    if (const auto* e = std::get_if<retention::LedgerAlarm>(&line.event); e && e->word() == "clock_jumped")
        seen.doubtful_clock = true;
}

}  // namespace

LedgerSeen read_ledger(std::string_view text) {
    LedgerSeen seen;
    while (!text.empty()) {
        const auto end = text.find('\n');
        if (const auto line = retention::parse_ledger_line(text.substr(0, end))) note(seen, *line);
        if (end == text.npos) break;
        text.remove_prefix(end + 1);
    }
    return seen;
}

Time longest_silence(const retention::Policy& policy) {
    Time least = day;  // the grid of a class that keeps nothing, or everything
    for (const Keep& keep : {policy.archive, policy.letterbox, policy.subscriptions, policy.uploads})
        if (keep.stored() && !keep.unlimited) least = std::min(least, std::max(second, keep.micros / 24));
    return least + slack;
}

void check_ledger_end(const LedgerSeen& ledger, const Traces& traces, Report& report) {
    const auto missing = [&](std::string what) {
        report.findings.add({Check::ledger, std::string(ledger_place), "", std::move(what), what_to_do});
    };
    // A kill can come between the disk's holding a change and the line about it; the next start writes it.
    const auto missing_or_late = [&](std::string what) {
        if (!traces.cut_short || report.live) return missing(std::move(what));
        report.notes.push_back(
            "The ledger " + what +
            ": a server was killed, perhaps before it wrote that line. Its next start writes it.");
    };
    if (traces.used && ledger.in_force.empty()) {
        missing(
            "has no line of any policy in force, and a server has stored something here: its end was cut "
            "off");
    } else if (traces.standing) {
        const auto digest = retention::digest_of(traces.standing->in_force().text);
        if (!ledger.in_force.contains(digest))
            missing_or_late("has no line of the policy in force that stands in state.mdb");
        else if (ledger.last_in_force != digest && !traces.cut_short)
            missing("ends with another policy in force than the one that stands in state.mdb");
    }
    if (traces.standing)
        if (const auto& next = traces.standing->announced())
            if (!ledger.announced.contains(next->effective_at - next->effective_at % second))
                missing_or_late("has no line of the announced policy that stands in state.mdb");
    // What a wrong clock showed says nothing, be it set right since or still in doubt.
    if (traces.latest < ledger.before_accepted + second || ledger.doubtful_clock || !traces.standing) return;
    const Time silence = longest_silence(traces.standing->in_force());
    if (traces.latest > ledger.last_time && traces.latest - ledger.last_time > silence + minute)
        missing("ends at " + to_text(ledger.last_time) + ", and " + traces.latest_place +
                " shows that a server ran until " + to_text(traces.latest) +
                " at least: its end was cut off, or its last lines could not be written");
}

}  // namespace lethe::audit
