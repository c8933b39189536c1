// SPDX-License-Identifier: AGPL-3.0-or-later
// Aggregates for anybody (OpenMetrics 1.0), if the policy says so.
//
// What somebody could learn who asks again and again: a count of sessions that moves by one says that one person came or went, and on a small server
// who; a bucket that appears says that somebody wrote; the next deadline says when. Therefore counts are rounded down to 0, 10, 20, 50, 100,
// 200, 500 and so on, everything is counted at most once an hour (whoever fills up to the next step with sessions of their own learns one bit
// an hour), and in the place of the next deadline stands until when each class was swept, which the ledger says anyway. Alarms are exact:
// they are about the disk and the clock.
#pragma once
#include "retention/ledger.h"
#include "server/admin/control.h"

namespace lethe::http {

/// The greatest of 0, 10, 20, 50, 100, 200, 500, … that is not more.
std::int64_t rounded_down(std::int64_t count);
/// The page, from what `lethectl status` prints. `swept_to`: of a class by its name.
std::string open_metrics(const admin::Facts& status, const std::function<std::optional<retention::Time>(std::string_view)>& swept_to);

}  // namespace lethe::http
