// SPDX-License-Identifier: AGPL-3.0-or-later
#include "retention/buckets.h"

#include <algorithm>
#include <utility>

#include "retention/choice.h"

namespace lethe::retention {

namespace {

constexpr Time retry_after = 60 * Time{1'000'000};
constexpr Keep stores_nothing{};

using store::BucketId;
using store::BucketSpan;

struct Live {
    BucketSpan span;
    std::shared_ptr<const Buckets::Open>
        open;                 ///< null: its key or its file is damaged, so it only waits for its deadline
    bool dying = false;       ///< destruction is queued
    bool undead = false;      ///< its key could not be overwritten
    bool unrecorded = false;  ///< the disk does not know yet that it was shortened
    Time retry_at = 0;        ///< for what is undead
};

struct Class {
    Keep keep;
    bool accepts = true;                           ///< false: a choice that is not published any more
    std::shared_ptr<const Buckets::Open> current;  ///< made by this process; writing goes nowhere else
    bool failing = false;                          ///< the last creation failed, and that was said
    std::size_t undead = 0;                        ///< buckets whose key could not be overwritten
};

/// Counts the answers of one sweep.
struct Sweep {
    std::size_t open = 0, destroyed = 0;
    std::function<void(std::size_t)> done;
    void answered() {
        if (--open == 0 && done) done(destroyed);
    }
};

/// What a policy leaves of a promise: never more, and for data received up to END at most R from then.
BucketSpan shortened(BucketSpan span, const Keep& keep, Time now) {
    if (keep.unlimited) return span;
    // A span that a wrong clock put into the future was closed before it began (clock_accepted), and stays closed.
    const Time end = std::min(span.end, std::max(span.start, now));
    const Time limit = keep.stored() ? end + keep.micros : now;
    if (limit < span.deadline) span = {.start = span.start, .end = end, .deadline = limit};
    return span;
}

}  // namespace

struct Buckets::Impl : std::enable_shared_from_this<Impl> {
    store::Store& store;
    const Clock& clock;
    std::function<void(Alarm, BucketId)> on_alarm;
    std::map<crypto::ClassId, Class> classes;
    std::map<BucketId, Live> live;
    std::map<BucketId, Time> leftovers;  ///< the key is dead, the file is not gone: when to try again
    Policy policy;                       ///< the one applied last
    std::map<BucketId, Time> vanishing;  ///< destruction was begun, the file is not gone: its deadline

    Impl(store::Store& s, const Clock& c, std::function<void(Alarm, BucketId)> alarm)
        : store(s), clock(c), on_alarm(std::move(alarm)) {}

    void alarm(Alarm what, const BucketId& id) const {
        if (on_alarm) on_alarm(what, id);
    }

    /// A completion that does nothing once this object is gone.
    template <class F>
    store::Completion then(F f) {
        return [weak = weak_from_this(), f = std::move(f)](store::Result result) mutable {
            if (const auto self = weak.lock()) f(*self, result);
        };
    }

    /// A class that has something it should have destroyed neither accepts nor serves.
    bool halted(crypto::ClassId cls) const {
        const auto found = classes.find(cls);
        return found != classes.end() && found->second.undead > 0;
    }

    bool serves(const Live& bucket, Time now) const {
        return bucket.open && !bucket.dying && bucket.span.deadline > now;
    }

    /// What the policy makes of every class it names and of the choices it no longer does.
    std::map<crypto::ClassId, Class> declared() const {
        std::map<crypto::ClassId, Class> out;
        out[crypto::ClassId::archive].keep = policy.archive;
        out[crypto::ClassId::letterbox].keep = policy.letterbox;
        out[crypto::ClassId::subscriptions].keep = policy.subscriptions;
        if (policy.uploads.stored()) out[crypto::ClassId::uploads].keep = policy.uploads;
        for (const Keep& choice : policy.archive_choices)
            if (const auto cls = retention::archive_class(policy, in_effect(policy, recorded(choice))))
                if (*cls != crypto::ClassId::archive) out[*cls].keep = choice;
        for (const auto& [cls, _] : classes)
            if (!out.contains(cls)) out[cls] = retired(cls);
        return out;
    }
    Class retired(crypto::ClassId cls) const {
        Class c;
        c.keep = limit_of(policy, cls);
        c.accepts = false;
        return c;
    }

    void apply(Policy now_in_force) {
        policy = std::move(now_in_force);
        const Time now = clock.now();
        for (const auto& [cls, wanted] : declared()) {
            const auto [place, fresh] = classes.try_emplace(cls, wanted);
            Class& c = place->second;
            if (fresh || (c.keep == wanted.keep && c.accepts == wanted.accepts)) continue;
            c.keep = wanted.keep;
            c.accepts = wanted.accepts;
            for (auto at = live.lower_bound({cls, 0}); at != live.end() && at->first.cls == cls; ++at)
                change(at->first, at->second, c, now);
            c.current.reset();
        }
    }

    /// One bucket under the changed keep of its class.
    void change(const BucketId& id, Live& bucket, const Class& c, Time now) {
        if (bucket.dying || bucket.undead) return;  // due already
        BucketSpan span = shortened(bucket.span, c.keep, now);
        if (c.current && c.current->id == id) span.end = std::min(span.end, std::max(span.start, now));
        if (span == bucket.span) return;
        bucket.span = span;
        if (!bucket.open) return;  // quarantined: it only waits for its deadline
        bucket.open = std::make_shared<const Open>(Open{id, span, bucket.open->key});
        record_span(id);
    }

    void adopt(const store::Bucket& bucket, bool sound, Time now, Alarm unreadable = Alarm::bucket_unreadable) {
        if (!classes.contains(bucket.id.cls)) classes[bucket.id.cls] = retired(bucket.id.cls);
        Live entry;
        entry.span = shortened(bucket.span, classes[bucket.id.cls].keep, now);
        std::optional<crypto::BucketKey> key;
        if (sound)
            if (auto found = store.bucket_key(bucket.id)) key = std::move(*found);
        if (key)
            entry.open = std::make_shared<const Open>(
                Open{bucket.id, entry.span, std::make_shared<const crypto::BucketKey>(std::move(*key))});
        const bool shorter = entry.span != bucket.span;
        live.emplace(bucket.id, std::move(entry));
        if (!key) alarm(unreadable, bucket.id);
        if (shorter && sound) record_span(bucket.id);
    }

    void adopt_quarantined(const store::Quarantined& found, Time now) {
        const auto& [id, span] = found.bucket;
        if (!found.without_key) return adopt(found.bucket, false, now);
        const auto known = classes.find(id.cls);
        const Time deadline = shortened(span, known == classes.end() ? retired(id.cls).keep : known->second.keep, now).deadline;
        if (deadline > now) return adopt(found.bucket, false, now, Alarm::bucket_without_key);
        // Its destruction was cut short, which is no reason for an alarm.
        leftovers[id] = now;
        vanishing[id] = deadline;
    }

    void record_span(const BucketId& id) {
        Live& entry = live.at(id);
        entry.unrecorded = true;
        store.shorten_bucket(id, entry.span, then([id](Impl& self, const store::Result& result) {
                                 const auto found = self.live.find(id);
                                 if (found == self.live.end() || found->second.dying)
                                     return;  // it will not be read again
                                 if (result)
                                     found->second.unrecorded = false;
                                 else
                                     self.alarm(Alarm::deadline_not_recorded, id);
                             }));
    }

    std::shared_ptr<const Open> create(crypto::ClassId cls, Class& c, Time now) {
        const BucketId id{cls, store.next_bucket_number(cls)};
        const BucketSpan span = span_at(c.keep, now);
        auto key = std::make_shared<const crypto::BucketKey>(crypto::BucketKey::generate());
        c.current = std::make_shared<const Open>(Open{id, span, key});
        live.emplace(id, Live{.span = span, .open = c.current});
        store.create_bucket(id, span, *key, then([id](Impl& self, const store::Result& result) {
                                self.created(id, result.has_value());
                            }));
        return c.current;
    }

    void created(const BucketId& id, bool good) {
        Class& c = classes[id.cls];
        if (good) {
            c.failing = false;
            return;
        }
        if (c.current && c.current->id == id) c.current.reset();
        // One that is dying already is answered by its destruction, which finds nothing to destroy.
        if (const auto found = live.find(id); found != live.end() && !found->second.dying) live.erase(found);
        // Every message to a full disk would repeat the alarm.
        if (!std::exchange(c.failing, true)) alarm(Alarm::create_failed, id);
    }

    void destroy(const BucketId& id, const std::shared_ptr<Sweep>& sweep) {
        // So that a crash in the middle is seen to be one: the file's row says that it was due.
        if (live.at(id).unrecorded) record_span(id);
        live.at(id).dying = true;
        vanishing[id] = live.at(id).span.deadline;
        Class& c = classes[id.cls];
        if (c.current && c.current->id == id) c.current.reset();
        store.destroy_bucket(id, then([id, sweep](Impl& self, const store::Result& result) {
                                 self.key_answered(id, result.has_value(), *sweep);
                             }),
                             then([id](Impl& self, const store::Result& result) {
                                 self.file_answered(id, result.has_value());
                             }));
    }

    void key_answered(const BucketId& id, bool dead, Sweep& sweep) {
        Live& entry = live.at(id);  // only this removes what is dying
        Class& c = classes[id.cls];
        if (dead) {
            if (entry.undead) --c.undead;
            live.erase(id);
            ++sweep.destroyed;
        } else {
            if (!std::exchange(entry.undead, true)) ++c.undead;
            entry.dying = false;
            entry.open.reset();
            entry.retry_at = clock.now() + retry_after;
            // What writers remember of the current bucket may be dropped while the class is halted: they go
            // on in a new one.
            c.current.reset();
            alarm(Alarm::key_not_destroyed, id);
        }
        sweep.answered();
    }

    void file_answered(const BucketId& id, bool gone) {
        if (live.contains(id)) return;  // the key lives, which has its own alarm and retry
        if (gone) {
            leftovers.erase(id);
            vanishing.erase(id);
            return;
        }
        leftovers[id] = clock.now() + retry_after;
        alarm(Alarm::file_not_removed, id);
    }

    Time swept_to(crypto::ClassId cls) const {
        Time first = store::no_deadline;
        for (auto at = live.lower_bound({cls, 0}); at != live.end() && at->first.cls == cls; ++at)
            first = std::min(first, at->second.span.deadline);
        for (auto at = vanishing.lower_bound({cls, 0}); at != vanishing.end() && at->first.cls == cls; ++at)
            first = std::min(first, at->second);
        return std::min(clock.now(), first - 1);
    }

    /// A bucket may carry times that the wrong clock gave it; its lifetime is right all the same.
    void clock_accepted() {
        const Time now = clock.now();
        for (auto& [cls, c] : classes) c.current.reset();
        for (auto& [id, bucket] : live) {
            if (bucket.dying) continue;
            BucketSpan span = bucket.span;
            span.end = std::min(span.end, now);
            const Keep& keep = classes[id.cls].keep;
            if (span.deadline != store::no_deadline) {
                Time lifetime = span.deadline - bucket.span.start;
                if (!keep.unlimited) lifetime = std::min(lifetime, keep.micros);
                span.deadline = std::min(span.deadline, now + lifetime);
            }
            if (span == bucket.span) continue;
            bucket.span = span;
            if (!bucket.open) continue;  // what is damaged or undead takes no row; the deadline here counts
            bucket.open = std::make_shared<const Open>(Open{id, span, bucket.open->key});
            record_span(id);
        }
    }

    void sweep(std::function<void(std::size_t)> done) {
        const Time now = clock.now();
        std::vector<BucketId> due;
        for (const auto& [id, bucket] : live) {
            if (bucket.dying) continue;
            if (bucket.span.deadline <= now)
                due.push_back(id);
            else if (bucket.unrecorded)
                record_span(id);
        }
        for (auto& [id, retry_at] : leftovers) {
            retry_at = now + retry_after;  // until it is answered
            store.destroy_bucket(id, {}, then([id = id](Impl& self, const store::Result& result) {
                                     self.file_answered(id, result.has_value());
                                 }));
        }
        auto sweep = std::make_shared<Sweep>();
        sweep->done = std::move(done);
        sweep->open = due.size() + 1;
        for (const BucketId& id : due) destroy(id, sweep);
        sweep->answered();
    }
};

Buckets::Buckets(store::Store& store, const Policy& policy, const Clock& clock,
                 std::function<void(Alarm, store::BucketId)> on_alarm)
    : impl_(std::make_shared<Impl>(store, clock, std::move(on_alarm))) {
    impl_->policy = policy;
    impl_->classes = impl_->declared();
    const Time now = clock.now();
    for (const auto& bucket : store.buckets()) impl_->adopt(bucket, true, now);
    for (const auto& found : store.quarantined_spans()) impl_->adopt_quarantined(found, now);
    for (const auto& id : store.orphans()) {
        impl_->leftovers[id] = now;
        impl_->vanishing[id] = 0;
    }
}

Buckets::~Buckets() = default;

void Buckets::apply(const Policy& policy) { impl_->apply(policy); }

std::vector<crypto::ClassId> Buckets::classes() const {
    std::vector<crypto::ClassId> out;
    for (const auto& [cls, _] : impl_->classes) out.push_back(cls);
    return out;
}

std::optional<crypto::ClassId> Buckets::archive_class(std::optional<std::int64_t> choice) const {
    return retention::archive_class(impl_->policy, in_effect(impl_->policy, choice));
}

Time Buckets::archive_horizon(std::optional<std::int64_t> choice) const {
    const Keep effective = in_effect(impl_->policy, choice);
    return effective.unlimited ? INT64_MIN : impl_->clock.now() - effective.micros;
}

const Keep& Buckets::keep(crypto::ClassId cls) const {
    const auto found = impl_->classes.find(cls);
    return found == impl_->classes.end() ? stores_nothing : found->second.keep;
}

std::shared_ptr<const Buckets::Open> Buckets::current(crypto::ClassId cls) {
    const auto found = impl_->classes.find(cls);
    if (found == impl_->classes.end() || !found->second.accepts || !found->second.keep.stored() || impl_->halted(cls))
        return nullptr;
    Class& c = found->second;
    const Time now = impl_->clock.now();
    if (c.current && now >= c.current->span.start && now < c.current->span.end) return c.current;
    return impl_->create(cls, c, now);
}

std::vector<std::shared_ptr<const Buckets::Open>> Buckets::readable(crypto::ClassId cls) const {
    std::vector<std::shared_ptr<const Open>> out;
    if (impl_->halted(cls)) return out;
    const Time now = impl_->clock.now();
    for (auto at = impl_->live.lower_bound({cls, 0}); at != impl_->live.end() && at->first.cls == cls; ++at)
        if (impl_->serves(at->second, now)) out.push_back(at->second.open);
    return out;
}

std::shared_ptr<const Buckets::Open> Buckets::find(const store::BucketId& id) const {
    const auto found = impl_->live.find(id);
    if (found == impl_->live.end() || impl_->halted(id.cls) ||
        !impl_->serves(found->second, impl_->clock.now()))
        return nullptr;
    return found->second.open;
}

bool Buckets::serves(crypto::ClassId cls, Time received) const {
    const Keep& promise = keep(cls);
    if (!promise.stored() || impl_->halted(cls)) return false;
    return promise.unlimited || received > impl_->clock.now() - promise.micros;
}

Time Buckets::swept_to(crypto::ClassId cls) const { return impl_->swept_to(cls); }
std::size_t Buckets::stuck() const {
    std::size_t count = 0;
    for (const auto& [cls, c] : impl_->classes) count += c.undead;
    return count;
}

void Buckets::clock_accepted() { impl_->clock_accepted(); }

Time Buckets::next_deadline() const {
    Time next = store::no_deadline;
    for (const auto& [id, bucket] : impl_->live)
        if (!bucket.dying) next = std::min(next, bucket.undead ? bucket.retry_at : bucket.span.deadline);
    for (const auto& [id, retry_at] : impl_->leftovers) next = std::min(next, retry_at);
    return next;
}

void Buckets::sweep(std::function<void(std::size_t)> done) { impl_->sweep(std::move(done)); }

}  // namespace lethe::retention
