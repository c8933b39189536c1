// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tools/audit/deadlines.h"

#include <algorithm>

#include "retention/log_format.h"

namespace lethe::audit {

using retention::Keep;

namespace {

constexpr Time second = 1'000'000;
constexpr Time most_time = Time{253'402'300'800} * second;  // the year 10000: sums of such times do not overflow

Time width(const Keep& keep) { return std::max(second, keep.micros / 24); }

}  // namespace

std::optional<Keep> keep_of(const retention::Policy& policy, crypto::ClassId cls) {
    switch (cls) {
        case crypto::ClassId::archive:
            return policy.archive;
        case crypto::ClassId::letterbox:
            return policy.letterbox;
        case crypto::ClassId::subscriptions:
            return policy.subscriptions;
        case crypto::ClassId::uploads:
            return policy.uploads;
    }
    const auto chosen = crypto::choice_micros(cls);
    if (!chosen) return std::nullopt;
    // Of a choice that is offered no more, what was stored under it stays until its own end.
    if (!policy.archive.stored() || (!policy.archive.unlimited && policy.archive.micros < *chosen)) return policy.archive;
    return Keep{.micros = *chosen};
}

std::optional<std::string> span_fault(const store::BucketSpan& span, const Keep& keep, Present now) {
    const bool endless = span.deadline == store::no_deadline;
    if (span.start < 0 || span.end < 0 || span.start > most_time || span.end > most_time || (!endless && span.deadline > most_time))
        return "has no possible span";
    if (!endless && span.deadline + grace < now.from) return "should have been destroyed by " + to_text(span.deadline);
    if (!keep.stored()) return "belongs to a class of which the policy stores nothing";
    if (keep.unlimited) return std::nullopt;
    if (endless) return "has no deadline, and the policy keeps its class for " + retention::to_string(keep);
    // Begun in the future by a wrong clock, and closed when the right one was accepted.
    const bool closed_early = span.end < span.start && span.end <= now.to + grace && span.deadline <= span.end + keep.micros;
    const bool as_made = span.start <= span.end && span.deadline <= span.start + keep.micros;
    // Spans are never narrower than a second, so those of two short lifetimes look the same.
    const bool shortened = span.start <= span.end && span.deadline <= span.end + keep.micros && (span.end - span.start != width(keep) || width(keep) == second);
    if ((as_made || shortened || closed_early) && span.deadline <= now.to + keep.micros + grace) return std::nullopt;
    return "is to stay until " + to_text(span.deadline) + ", longer than the " + retention::to_string(keep) +
           " of the policy allow for what arrived from " + to_text(span.start) + " to " + to_text(span.end);
}

std::optional<std::string> invitation_fault(Time deadline, const retention::Policy& policy, Present now) {
    if (deadline < 0 || deadline > most_time) return "has no possible deadline";
    if (deadline + grace < now.from) return "should have been erased by " + to_text(deadline);
    if (policy.registration == "closed") return "is an invitation, and the policy knows none";
    if (deadline <= now.to + policy.invitations.micros + grace) return std::nullopt;
    return "is to stay until " + to_text(deadline) + ", longer than the " + retention::to_string(policy.invitations) + " of the policy allow";
}

std::string to_text(Time time) {
    auto text = retention::log_time(time);  // 2026-11-22T18:54:00Z
    if (text.size() != 20) return text;
    text[10] = ' ';
    return text.substr(0, 19) + " UTC";
}

}  // namespace lethe::audit
