// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tools/lethectl/perform.h"

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>

#include "crypto/account.h"
#include "retention/buckets.h"
#include "retention/log.h"
#include "retention/policy_change.h"
#include "retention/promises.h"
#include "server/admin/control_client.h"
#include "server/admin/invitations.h"
#include "server/admin/node_key_source.h"
#include "server/admin/store_control.h"
#include "store/store.h"
#include "tools/lethectl/terminal.h"

namespace lethe::lethectl {
namespace {

using admin::Failure;
using admin::Reply;
using admin::Status;
using Job = std::move_only_function<void()>;

std::unexpected<Failure> system_failure(std::string text) {
    return std::unexpected(Failure{Status::system, std::move(text)});
}

/// The thread that calls run_until() stands for the server's core thread: completions wait here for it.
class Loop {
public:
    void post(std::vector<Job> jobs) {
        const std::lock_guard lock(mutex_);
        for (auto& job : jobs) jobs_.push_back(std::move(job));
        ready_.notify_one();
    }
    void run_until(const bool& done) {
        while (!done) {
            std::unique_lock lock(mutex_);
            ready_.wait(lock, [&] { return !jobs_.empty(); });
            Job job = std::move(jobs_.front());
            jobs_.pop_front();
            lock.unlock();
            job();
        }
    }

private:
    std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<Job> jobs_;
};

/// What destroys and signs, opened for the commands that need it. The store outlives it.
struct Promises {
    std::unique_ptr<retention::Ledger> ledger;
    std::unique_ptr<retention::ClockGuard> guard;
    std::unique_ptr<retention::Log> log;
    std::unique_ptr<retention::Buckets> buckets;
    std::size_t stuck = 0;

    std::expected<void, std::string> open(const std::filesystem::path& data, const crypto::NodeKey& node_key,
                                          const retention::Policy& policy, store::Store& store, retention::SystemClock& clock) {
        auto opened = retention::Ledger::open(data / retention::ledger_file, crypto::LedgerKey(node_key), clock);
        if (!opened) return std::unexpected(opened.error());
        ledger = std::move(*opened);
        guard = std::make_unique<retention::ClockGuard>(data, clock, retention::known_time(*ledger, store));
        const auto missing = retention::missing_records(*ledger, *guard, store);
        auto found = retention::Log::open(data / "log", policy, clock, retention::Echo::nothing);
        if (!found) return std::unexpected(found.error());
        log = std::move(*found);
        for (const auto& word : missing) log->write(retention::Event::storage_alarm, {word});
        buckets = std::make_unique<retention::Buckets>(
            store, policy, clock, [this](retention::Buckets::Alarm alarm, store::BucketId) {
                if (alarm == retention::Buckets::Alarm::key_not_destroyed) ++stuck;
                if (auto line = retention::ledger_alarm(alarm)) ledger->append(std::move(*line));
            });
        return {};
    }
};

/// Sweeps log files too, and knows what the sweep could not destroy.
class DirectoryHandler final : public admin::StoreControlHandler {
public:
    DirectoryHandler(Options options, std::filesystem::path data, store::Store& store, Promises& promises)
        : StoreControlHandler(std::move(options)), data_(std::move(data)), store_(store), promises_(promises) {}

    void accept_clock(Answer answer) override {
        retention::accept_clock(*promises_.guard, *promises_.buckets, *promises_.ledger);
        promises_.log->clock_accepted();
        promises_.log->write(retention::Event::clock_accepted);
        int code = 0;
        if (const auto record = promises_.guard->due_record()) code = retention::ClockGuard::write_record(data_, *record);
        store_.barrier([code, answer = std::move(answer)](store::Result result) mutable {
            if (result && code == 0) return answer(admin::Facts{});
            answer(system_failure("the clock is accepted, but the disk did not take all that follows from it; look at the disk and try again"));
        });
    }

private:
    std::expected<void, Failure> may_sweep() const override {
        const auto state = promises_.guard->check();
        if (state == retention::ClockState::good) return {};
        return std::unexpected(Failure{Status::refused,
                                       "the clock is in doubt, and nothing is destroyed by it; set it right, or if it is right, run lethectl clock accept"});
    }
    void sweep_extra() override { promises_.log->sweep(); }
    std::size_t stuck_buckets() const override { return promises_.stuck; }
    const std::filesystem::path data_;
    store::Store& store_;
    Promises& promises_;
};

/// An account made now needs not be told of what was announced before it; without a readable standing it is told once too often.
std::uint32_t last_announced(const store::Store& store) {
    const auto row = store.policy_standing();
    if (!row || !*row) return 0;
    const auto standing = retention::PolicyStanding::decode(**row);
    return standing ? standing->serial() : 0;
}

Reply from_directory(const admin::Config& config, std::optional<int> passphrase_fd, admin::Request request) {
    const bool destroys = request.command == admin::Command::sweep || request.command == admin::Command::clock_accept;
    std::optional<retention::Policy> policy;
    // The other commands work without, so that a mistake in it never stands in the way of an erasure.
    const bool invites = request.command == admin::Command::invite;
    if (destroys || invites || request.command == admin::Command::account_add) {
        auto loaded = retention::load_policy(config.policy_file);
        if (!loaded) {
            report(loaded.error());
            return std::unexpected(
                Failure{Status::usage, config.policy_file + " is not a valid policy; correct it first"});
        }
        policy = std::move(*loaded);
    }
    if (const auto ready = crypto::initialise(); !ready) return system_failure(ready.error());
    const auto node_key = admin::load_node_key(config, passphrase_fd);
    if (!node_key) return std::unexpected(node_key.error());
    const crypto::NodeKeys keys(*node_key);

    Loop loop;
    auto opened = store::Store::open({.data = config.data,
                                      .keys = &keys,
                                      .domain = admin::domain_of(config),
                                      .deliver = [&](std::vector<Job> jobs) { loop.post(std::move(jobs)); }});
    if (!opened) return system_failure(opened.error().text);
    store::Store& store = **opened;
    retention::SystemClock clock;
    if (destroys || invites) {
        // What the file loosens waits for its notice; what it tightens acts at once. The next start of the server writes that down.
        auto kept = store.policy_standing();
        if (!kept) return system_failure("the policy kept in state.mdb cannot be read; check the disk");
        auto obeyed = retention::policy_at_rest(*kept, std::move(*policy), clock.now());
        if (!obeyed) return system_failure(obeyed.error());
        policy = std::move(*obeyed);
    }
    admin::Operations operations({store, keys, policy ? policy->max_accounts : std::nullopt, last_announced(store)});
    std::optional<admin::Invitations> invitations;
    if (policy) invitations.emplace(admin::Invitations::Options{store, keys, clock, config.domain, config.http.url}, *policy);
    Promises promises;
    if (destroys)
        if (const auto ready = promises.open(config.data, *node_key, *policy, store, clock); !ready) return system_failure(ready.error());
    DirectoryHandler handler({.domain = config.domain,
                              .scram_sha_1 = config.sasl.scram_sha_1,
                              .operations = operations,
                              .store = store,
                              .clock = clock,
                              .invitations = invitations ? &*invitations : nullptr,
                              .buckets = promises.buckets.get(),
                              .offload =
                                  [](Job work, Job then) {
                                      work();
                                      then();
                                  }},
                             config.data, store, promises);
    Reply answered = system_failure("no answer came from the store");
    bool done = false;
    admin::dispatch(std::move(request), handler, [&](Reply reply) {
        answered = std::move(reply);
        done = true;
    });
    loop.run_until(done);
    return answered;
}

}  // namespace

std::optional<admin::Config> read_config(const std::string& path) {
    auto config = admin::load_config(path);
    if (config) return std::move(*config);
    report(config.error());
    if (access(path.c_str(), F_OK) != 0)
        message("name the configuration with --config FILE, or make one with lethectl init");
    return {};
}

std::expected<void, admin::Failure> become_owner_of(const std::filesystem::path& data) {
    struct stat info {};
    if (geteuid() != 0 || stat(data.c_str(), &info) != 0 || info.st_uid == 0) return {};
    if (setgroups(1, &info.st_gid) == 0 && setgid(info.st_gid) == 0 && setuid(info.st_uid) == 0) return {};
    return system_failure("this process cannot become the owner of " + data.string() + " (" +
                          std::strerror(errno) + "); run it as that user");
}

Performed perform(const admin::Config& config, std::optional<int> passphrase_fd, admin::Request request) {
    if (const auto fine = admin::check_passphrase_fd(config, passphrase_fd); !fine)
        return {std::unexpected(fine.error())};
    if (const auto dropped = become_owner_of(config.data); !dropped)
        return {std::unexpected(dropped.error())};
    if (store::Store::in_use(config.data)) return {admin::ask(config.data, request), true};
    return {from_directory(config, passphrase_fd, std::move(request))};
}

}  // namespace lethe::lethectl
