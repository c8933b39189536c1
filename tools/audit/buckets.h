// SPDX-License-Identifier: AGPL-3.0-or-later
// Checks of what environments, keyring and ledger say of each other. Pure: values in, findings out.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "retention/policy.h"
#include "tools/audit/deadlines.h"
#include "tools/audit/environment.h"
#include "tools/audit/keyring.h"
#include "tools/audit/ledger.h"

namespace lethe::audit {

struct BucketSeen {
    const Entry* entry = nullptr;
    EnvironmentSeen inside;
    std::optional<store::format::BucketInfo> info;  ///< its public row, if it has the right one
};
struct StateSeen {
    EnvironmentSeen inside;
    std::map<crypto::ClassId, std::uint32_t> high_water;  ///< the highest bucket number ever used
};
/// What an environment alone shows: damage, foreign tables and rows, values that are not sealed.
void check_environment_seen(const Entry& entry, const EnvironmentSeen& inside, Findings& findings);
/// Reads the public rows: state.mdb's meta, a bucket's info.
StateSeen check_state(const Entry& entry, EnvironmentSeen inside, Findings& findings);
BucketSeen check_bucket(const Entry& entry, EnvironmentSeen inside, Findings& findings);

/// A bucket's span against policy, time and ledger.
void check_span(const BucketSeen& bucket, const retention::Policy& policy, Present now, const SweptTo& swept, Findings& findings);
/// Something that was to be gone by what the ledger says of its class.
void check_swept(std::string_view cls, const std::string& place, const store::BucketSpan& span, const SweptTo& swept, Findings& findings);
/// Buckets against keys, accounts against keys, numbers against the highest ever used. Nothing if the keyring could not be read.
void check_keys(const StateSeen* state, const std::vector<BucketSeen>& buckets, const KeyringSeen& keyring, Present now, Findings& findings);

}  // namespace lethe::audit
