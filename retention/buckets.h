// SPDX-License-Identifier: AGPL-3.0-or-later
// Which bucket takes what arrives now, which may still be read, and which are due (4-retention: Buckets, Sweeper).
//
// A process writes only into buckets it created itself: nothing has to be read before something can be written. Spans lie on a fixed
// grid; two buckets of one span (before and after a restart) share START and DEADLINE.
// Thread: the core thread only. The store does the work on its own.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "retention/clock.h"
#include "retention/policy.h"
#include "store/store.h"

namespace lethe::retention {

/// Span on the fixed grid of width max(1 s, R/24) that holds `now`; unlimited: 30 days and no deadline.
store::BucketSpan span_at(const Keep& keep, Time now);

class Buckets {
public:
    struct Open {
        store::BucketId id;
        store::BucketSpan span;
        std::shared_ptr<const crypto::BucketKey> key;
    };
    enum class Alarm { create_failed, key_not_destroyed, file_not_removed, bucket_unreadable };
    /// Applies a policy shorter than what the existing buckets were promised. on_alarm runs on the core thread.
    Buckets(store::Store& store, const Policy& policy, const Clock& clock, std::function<void(Alarm, store::BucketId)> on_alarm);
    ~Buckets();

    const Keep& keep(crypto::ClassId cls) const;
    /// The bucket for data received now, created if there is none; its creation is queued before the caller's write. Null if the class stores nothing or does
    /// not accept (a key that could not be destroyed).
    std::shared_ptr<const Open> current(crypto::ClassId cls);
    /// Oldest first; never one at or past its deadline.
    std::vector<std::shared_ptr<const Open>> readable(crypto::ClassId cls) const;
    std::shared_ptr<const Open> find(const store::BucketId& id) const;  ///< null if gone or due
    /// Data received at `received` may still be served: received + R > now.
    bool serves(crypto::ClassId cls, Time received) const;

    /// Earliest deadline of a live bucket; no_deadline if none.
    Time next_deadline() const;
    /// Queues the destruction of all due buckets; `done` gets the number once their keys are dead. They stop being readable at once.
    void sweep(std::function<void(std::size_t)> done);

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace lethe::retention
