// SPDX-License-Identifier: AGPL-3.0-or-later
#include "retention/choice.h"

#include <algorithm>

namespace lethe::retention {
namespace {

Keep shorter(const Keep& a, const Keep& b) { return recorded(a) <= recorded(b) ? a : b; }

}  // namespace

std::int64_t recorded(const Keep& keep) { return keep.unlimited ? INT64_MAX : keep.micros; }

Keep in_effect(const Policy& policy, std::optional<std::int64_t> choice) {
    if (!choice || policy.archive_choices.empty()) return policy.archive;
    auto published = policy.archive_choices;
    published.push_back(policy.archive);
    const Keep* best = nullptr;
    for (const Keep& keep : published)
        if (recorded(keep) <= *choice && (!best || recorded(keep) > recorded(*best))) best = &keep;
    if (!best) best = &*std::ranges::min_element(published, {}, recorded);
    return shorter(*best, policy.archive);
}

std::optional<crypto::ClassId> archive_class(const Policy& policy, const Keep& effective) {
    if (!effective.stored()) return std::nullopt;
    if (effective == policy.archive) return crypto::ClassId::archive;
    return crypto::choice_class(effective.micros);
}

Keep limit_of(const Policy& policy, crypto::ClassId choice) {
    return shorter({.micros = crypto::choice_micros(choice).value_or(0)}, policy.archive);
}

}  // namespace lethe::retention
