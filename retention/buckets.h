// SPDX-License-Identifier: AGPL-3.0-or-later
// Which bucket takes what arrives now, which may still be read, and which are due (4-retention: Buckets, Sweeper).
//
// A process writes only into buckets it created itself: nothing has to be read before something can be written. Spans lie on a fixed
// grid; two buckets of one span (before and after a restart) share START and DEADLINE.
// Thread: one, the owner's (in the server the core thread). The store does the work on its own.
// Precondition: the store's Options::deliver posts completions to the owner's thread. Without it they would run on the writer thread, in the
// middle of whatever the owner is doing here.
// Lifetime: store and clock must outlive it; completions that arrive after its end do nothing.
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
    enum class Alarm {
        create_failed,          ///< said once until a creation succeeds again
        key_not_destroyed,      ///< the class neither accepts nor serves until a retry succeeds
        file_not_removed,       ///< its data is dead; retried
        bucket_unreadable,      ///< damaged, or its key is; destroyed at its deadline like any other
        bucket_without_key,     ///< it holds data, its deadline is still to come, and the keyring has no key of it; destroyed at its deadline
        deadline_not_recorded,  ///< shortened in memory only; retried at each sweep, and the next start finds the same answer
    };
    /// Applies a policy shorter than what the existing buckets were promised: END = now if it is earlier, DEADLINE = min(DEADLINE, END + R);
    /// a class that stores nothing any more is due at once. on_alarm runs on the owner's thread, from inside this constructor too.
    Buckets(store::Store& store, const Policy& policy, const Clock& clock, std::function<void(Alarm, store::BucketId)> on_alarm);
    ~Buckets();

    /// Another policy, at run time. Tighter: acts on what is stored, bucket by bucket, as the constructor does; what is due then is not readable any
    /// more and goes with the next sweep. Looser: touches no deadline. Either way the current buckets of the classes it changes are closed (END =
    /// now), and what is received from now on goes into new ones. A choice that is not published any more takes nothing new.
    void apply(const Policy& policy);
    /// Of the policy, and of what lies on disk from earlier ones.
    std::vector<crypto::ClassId> classes() const;

    // An account's own choice (AccountRecord::archive_choice) under the policy applied last.
    /// The class for what is received now; empty: not archived.
    std::optional<crypto::ClassId> archive_class(std::optional<std::int64_t> choice) const;
    /// Archive entries received at or before this are not served: now - R; now for "0"; INT64_MIN for unlimited.
    Time archive_horizon(std::optional<std::int64_t> choice) const;

    const Keep& keep(crypto::ClassId cls) const;
    /// The bucket for data received now, created if there is none; its creation is queued before the caller's write, and if it fails
    /// so does the write. Null if the class stores nothing or does not accept (a key that could not be destroyed).
    std::shared_ptr<const Open> current(crypto::ClassId cls);
    /// Oldest first; never one at or past its deadline. The newest may not be on disk yet: the store then answers not_found.
    std::vector<std::shared_ptr<const Open>> readable(crypto::ClassId cls) const;
    std::shared_ptr<const Open> find(const store::BucketId& id) const;  ///< null if gone or due
    /// Data received at `received` may still be served: received + R > now.
    bool serves(crypto::ClassId cls, Time received) const;

    /// The latest T, at most now, such that no bucket of the class with DEADLINE <= T exists any more, key or file. Before every T while a
    /// file is there whose deadline nobody knows.
    Time swept_to(crypto::ClassId cls) const;
    /// Buckets that are due and whose key could not be overwritten so far.
    std::size_t stuck() const;
    /// After a clock that was wrong: no bucket is written any more that exists now, and each ends at its deadline or its lifetime from now,
    /// whichever comes first.
    void clock_accepted();

    /// Earliest deadline of a live bucket, or when a failed destruction is to be tried again; no_deadline if none.
    Time next_deadline() const;
    /// Queues the destruction of all due buckets and retries what failed before; `done` gets the number of keys that are dead now, once each has
    /// its answer (before this returns, if nothing is due). Due buckets stop being readable at once.
    void sweep(std::function<void(std::size_t)> done);

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace lethe::retention
