// SPDX-License-Identifier: AGPL-3.0-or-later
#include "retention/ledger.h"

#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "retention/ledger_tail.h"
#include "store/files.h"

namespace lethe::retention {

namespace {

constexpr Time second = 1'000'000, alarm_silence = 3600 * second;

}  // namespace

struct Ledger::Impl {
    const Clock& clock;
    crypto::LedgerKey key;
    std::optional<Time> last_time_at_open;
    Found found = Found::whole;

    // The file. Only open() and then the writing thread touch it.
    store::File file;
    LedgerTail tail;
    std::string half_durable;  ///< a line that readers may have seen although its sync failed: it must come again as it was

    mutable std::mutex mutex;  // guards all that follows
    std::condition_variable wake;
    std::deque<LedgerEvent> waiting;  ///< the first may be in the writer's hands
    std::map<std::string, Time, std::less<>> swept, alarms;
    std::optional<Digest> in_force;
    std::optional<PolicyAnnounced> announced;
    std::vector<PolicyDate> policies;
    int code = 0;
    bool try_now = false, stop = false;
    std::thread thread;

    Impl(const Clock& c, crypto::LedgerKey k, store::File f, LedgerTail t)
        : clock(c), key(std::move(k)), last_time_at_open(t.last_time), file(std::move(f)), tail(std::move(t)) {
        swept = tail.swept;
        alarms = tail.alarms;
        in_force = tail.in_force;
        announced = tail.announced;
        policies = std::move(tail.policies);
    }

    ~Impl() {
        {
            const std::lock_guard lock(mutex);
            stop = true;
        }
        wake.notify_one();
        if (thread.joinable()) thread.join();
    }

    /// False if the ledger says it already.
    bool is_news(const LedgerEvent& event) {
        if (const auto* e = std::get_if<PolicyInForce>(&event)) {
            if (in_force == e->policy) return false;
            in_force = e->policy;
        } else if (const auto* n = std::get_if<PolicyAnnounced>(&event)) {
            // A line holds whole seconds.
            if (announced && announced->policy == n->policy &&
                announced->effective / second == n->effective / second)
                return false;
            announced = *n;
        } else if (const auto* a = std::get_if<LedgerAlarm>(&event)) {
            const Time now = clock.now();
            const auto [at, first] = alarms.try_emplace(std::string(a->word()), now);
            if (!first && now >= at->second && now - at->second < alarm_silence) return false;
            at->second = now;
        } else if (const auto* s = std::get_if<Swept>(&event)) {
            const auto [at, first] = swept.try_emplace(s->cls, s->swept_to);
            if (!first && s->swept_to <= at->second) return false;
            at->second = s->swept_to;
        } else if (std::holds_alternative<ClockAccepted>(event)) {
            // A clock that was put back makes what was swept "until then" a statement about the future.
            swept.clear();
            alarms.clear();
        }
        return true;
    }

    /// The newest of a class says what the older would have said. Never the first: it may be half written.
    bool replaces_waiting(const LedgerEvent& event) {
        const auto* news = std::get_if<Swept>(&event);
        if (!news) return false;
        for (std::size_t i = waiting.size(); i > 1; --i) {
            if (std::holds_alternative<ClockAccepted>(waiting[i - 1])) return false;
            auto* old = std::get_if<Swept>(&waiting[i - 1]);
            if (!old || old->cls != news->cls) continue;
            *old = *news;
            return true;
        }
        return false;
    }

    /// With the mutex held.
    void put(LedgerEvent event) {
        if (!is_news(event)) return;
        if (!replaces_waiting(event)) waiting.push_back(std::move(event));
        try_now = true;
    }

    /// 0 or an errno. On the writing thread, without the mutex.
    int write(const LedgerEvent& event) {
        if (tail.dirty && ::ftruncate(file.fd(), static_cast<off_t>(tail.size)) != 0) return errno;
        tail.dirty = false;
        Time now = clock.now();
        if (tail.last_time && now < *tail.last_time && !std::holds_alternative<ClockAccepted>(event)) now = *tail.last_time;
        std::string line = half_durable;
        if (line.empty()) line = encode({.number = tail.lines, .previous = tail.head, .time = now, .event = event}, key) + '\n';
        if (const int failed = store::write_at(file.fd(), as_bytes(line), tail.size); failed != 0) {
            // Half a line is not for readers; they wait for its end.
            tail.dirty = ::ftruncate(file.fd(), static_cast<off_t>(tail.size)) != 0;
            return failed;
        }
        if (const int failed = store::sync(file.fd()); failed != 0) {
            half_durable = std::move(line);
            return failed;
        }
        half_durable.clear();
        tail.size += line.size();
        line.pop_back();
        tail.head = digest_of(line);
        ++tail.lines;
        tail.last_time = now;
        return 0;
    }

    void run() {
        std::unique_lock lock(mutex);
        for (;;) {
            wake.wait(lock, [&] { return stop || try_now; });
            try_now = false;
            while (!waiting.empty()) {
                const LedgerEvent event = waiting.front();
                lock.unlock();
                const int failed = write(event);
                lock.lock();
                code = failed;
                if (failed != 0) break;
                note_policy(policies, event, tail.last_time.value_or(0));
                waiting.pop_front();
            }
            if (code != 0 && !stop) {
                put(LedgerAlarm(Word("ledger_delayed")));
                try_now = false;  // not before somebody asks
            }
            if (stop) return;
        }
    }
};

Ledger::Ledger(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Ledger::~Ledger() = default;

std::expected<std::unique_ptr<Ledger>, std::string> Ledger::open(const std::filesystem::path& path, crypto::LedgerKey key,
                                                                 const Clock& clock) {
    auto file = open_ledger_file(path);
    if (!file) return std::unexpected(std::move(file.error()));
    auto tail = read_ledger_tail(file->fd(), path, key.public_key());
    if (!tail) return std::unexpected(std::move(tail.error()));
    auto impl = std::make_unique<Impl>(clock, std::move(key), std::move(*file), std::move(*tail));
    const LedgerTail& found = impl->tail;
    const auto torn = found.torn;
    impl->found = found.lines == 0 ? Found::none : found.damaged ? Found::damaged : Found::whole;
    // On the disk before anything else of a first start is: a directory that was used has a ledger.
    if (const LedgerBegin begin{impl->key.public_key()};
        impl->found == Found::none && impl->write(begin) != 0)
        impl->put(begin);
    if (torn > 0) impl->put(LedgerRepaired{torn});
    if (impl->found == Found::damaged) impl->put(LedgerAlarm(Word("ledger_damaged")));
    impl->thread = std::thread([raw = impl.get()] { raw->run(); });
    return std::unique_ptr<Ledger>(new Ledger(std::move(impl)));
}

void Ledger::append(LedgerEvent event) {
    const std::lock_guard lock(impl_->mutex);
    impl_->put(std::move(event));
    impl_->wake.notify_one();
}

void Ledger::retry() {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->waiting.empty()) return;
    impl_->try_now = true;
    impl_->wake.notify_one();
}

crypto::LedgerPublicKey Ledger::public_key() const { return impl_->key.public_key(); }
std::optional<Time> Ledger::last_time() const { return impl_->last_time_at_open; }

std::optional<Time> Ledger::swept_to(std::string_view cls) const {
    const std::lock_guard lock(impl_->mutex);
    const auto found = impl_->swept.find(cls);
    if (found == impl_->swept.end()) return std::nullopt;
    return found->second;
}

Ledger::Found Ledger::found() const { return impl_->found; }

std::optional<Digest> Ledger::policy_in_force() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->in_force;
}

std::vector<PolicyDate> Ledger::policies() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->policies;
}

Ledger::Trouble Ledger::trouble() const {
    const std::lock_guard lock(impl_->mutex);
    return {.waiting = impl_->waiting.size(), .code = impl_->code};
}

}  // namespace lethe::retention
