// SPDX-License-Identifier: AGPL-3.0-or-later
// An account's own choice of how long its archive is kept, among those the policy publishes (4-retention: Own choice). Pure.
#pragma once
#include <optional>

#include "crypto/bytes.h"
#include "retention/policy.h"

namespace lethe::retention {

/// A choice as the account record holds it, in microseconds; INT64_MAX is "unlimited".
std::int64_t recorded(const Keep& keep);

/// What `choice` comes to under this policy. None, or no choices published: archive.keep. One that is not published any more: the longest of the choices and
/// archive.keep that is not longer, else the shortest. Never longer than archive.keep.
Keep in_effect(const Policy& policy, std::optional<std::int64_t> choice);

/// The class of what is received under `effective`: `archive` if that is the policy's keep, else the choice's own. Empty: not archived at all.
std::optional<crypto::ClassId> archive_class(const Policy& policy, const Keep& effective);

/// The longest that anything in an archive choice's class is kept under this policy: its own time, or archive.keep if that is shorter.
Keep limit_of(const Policy& policy, crypto::ClassId choice);

}  // namespace lethe::retention
