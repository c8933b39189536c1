// SPDX-License-Identifier: AGPL-3.0-or-later
// Buckets over a real store on a fake clock, with a queue in the place of the server's core thread.
#pragma once
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "crypto/account.h"
#include "retention/buckets.h"
#include "tests/unit/retention/fake.h"

namespace lethe::retention::test {

using store::BucketId;
using store::BucketSpan;

class Loop {
public:
    using Job = std::move_only_function<void()>;
    void post(std::vector<Job> jobs) {
        const std::lock_guard lock(mutex_);
        for (auto& job : jobs) jobs_.push_back(std::move(job));
        wake_.notify_one();
    }
    void run_until(const bool& done) {
        while (!done) {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [&] { return !jobs_.empty(); });
            Job job = std::move(jobs_.front());
            jobs_.pop_front();
            lock.unlock();
            job();
        }
    }
    void drop() {
        const std::lock_guard lock(mutex_);
        jobs_.clear();
    }

private:
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Job> jobs_;
};

inline const crypto::NodeKeys& node_keys() {
    REQUIRE(crypto_ready);
    static const crypto::NodeKeys keys(crypto::NodeKey::generate());
    return keys;
}

inline Policy keeps(const char* archive, const char* letterbox = "0", const char* subscriptions = "0") {
    Policy policy;
    policy.archive = kept(archive);
    policy.letterbox = kept(letterbox);
    policy.subscriptions = kept(subscriptions);
    return policy;
}

struct World {
    using Alarm = Buckets::Alarm;
    Directory dir;
    FakeClock clock;
    Loop loop;
    std::unique_ptr<store::Store> store;
    std::unique_ptr<Buckets> buckets;
    std::vector<std::pair<Alarm, BucketId>> alarms;

    explicit World(const Policy& policy) {
        const auto created = store::Store::create(data(), node_keys());
        if (!created) FAIL_CHECK(created.error().text);
        REQUIRE(created.has_value());
        start(policy);
    }
    ~World() { stop(); }

    std::filesystem::path data() const { return dir / "data"; }
    std::filesystem::path file(const BucketId& id) const {
        return data() / "buckets" / crypto::class_name(id.cls) / (std::to_string(id.number) + ".mdb");
    }
    void start(const Policy& policy) {
        auto opened = store::Store::open(
            {.data = data(), .keys = &node_keys(), .deliver = [this](std::vector<Loop::Job> jobs) {
                 loop.post(std::move(jobs));
             }});
        if (!opened) FAIL_CHECK(opened.error().text);
        REQUIRE(opened.has_value());
        store = std::move(*opened);
        buckets = std::make_unique<Buckets>(
            *store, policy, clock, [this](Alarm alarm, BucketId id) { alarms.emplace_back(alarm, id); });
    }
    void stop() {
        buckets.reset();
        store.reset();
        loop.drop();
    }
    void restart(const Policy& policy) {
        stop();
        start(policy);
    }
    /// Until everything queued so far has happened and been answered.
    void settle() {
        bool done = false;
        store->barrier([&](store::Result) { done = true; });
        loop.run_until(done);
    }
    std::size_t sweep() {
        bool done = false;
        std::size_t destroyed = 0;
        buckets->sweep([&](std::size_t n) { destroyed = n, done = true; });
        loop.run_until(done);
        return destroyed;
    }
    /// Runs completions until the files of dead buckets are removed, or could not be.
    template <class Done>
    void wait_for(Done&& holds) {
        while (!holds()) settle();
    }
    BucketId make(crypto::ClassId cls = crypto::ClassId::archive) {
        const auto open = buckets->current(cls);
        REQUIRE(open);
        settle();
        return open->id;
    }
    std::vector<BucketId> readable(crypto::ClassId cls = crypto::ClassId::archive) const {
        std::vector<BucketId> out;
        for (const auto& open : buckets->readable(cls)) {
            CHECK(buckets->find(open->id) == open);
            out.push_back(open->id);
        }
        return out;
    }
    BucketSpan on_disk(const BucketId& id) const {
        for (const auto& bucket : store->buckets())
            if (bucket.id == id) return bucket.span;
        return {};
    }
    bool alarmed(Alarm alarm, const BucketId& id) const {
        return std::find(alarms.begin(), alarms.end(), std::pair{alarm, id}) != alarms.end();
    }
};

/// While it lives every write to a file fails, as on a disk that gives nothing but errors.
class BrokenDisk {
public:
    BrokenDisk() {
        ::signal(SIGXFSZ, SIG_IGN);
        REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
        const rlimit none{.rlim_cur = 0, .rlim_max = before_.rlim_max};
        REQUIRE(::setrlimit(RLIMIT_FSIZE, &none) == 0);
    }
    ~BrokenDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }

private:
    rlimit before_{};
};

}  // namespace lethe::retention::test
