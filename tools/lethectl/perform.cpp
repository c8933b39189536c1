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
#include "server/admin/control_client.h"
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

/// Sweeps log files too, and knows what the sweep could not destroy.
class DirectoryHandler final : public admin::StoreControlHandler {
public:
    DirectoryHandler(Options options, retention::Log* log, const std::size_t& stuck)
        : StoreControlHandler(std::move(options)), log_(log), stuck_(stuck) {}

private:
    void sweep_extra() override {
        if (log_) log_->sweep();
    }
    std::size_t stuck_buckets() const override { return stuck_; }
    retention::Log* log_;
    const std::size_t& stuck_;
};

std::expected<void, Failure> become_owner_of(const std::filesystem::path& data) {
    struct stat info {};
    if (geteuid() != 0 || stat(data.c_str(), &info) != 0 || info.st_uid == 0) return {};
    if (setgroups(1, &info.st_gid) == 0 && setgid(info.st_gid) == 0 && setuid(info.st_uid) == 0) return {};
    return system_failure("this process cannot become the owner of " + data.string() + " (" +
                          std::strerror(errno) + "); run it as that user");
}

Reply from_directory(const admin::Config& config, std::optional<int> passphrase_fd, admin::Request request) {
    const bool sweeping = request.command == admin::Command::sweep;
    std::optional<retention::Policy> policy;
    // The other commands work without, so that a mistake in it never stands in the way of an erasure.
    if (sweeping || request.command == admin::Command::account_add) {
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
    auto opened =
        store::Store::open({.data = config.data, .keys = &keys, .deliver = [&](std::vector<Job> jobs) {
                                loop.post(std::move(jobs));
                            }});
    if (!opened) return system_failure(opened.error().text);
    store::Store& store = **opened;
    const retention::SystemClock clock;
    if (sweeping) {
        // What the file loosens waits for its notice; what it tightens acts at once. The next start of the server writes that down.
        auto kept = store.policy_standing();
        if (!kept) return system_failure("the policy kept in state.mdb cannot be read; check the disk");
        auto obeyed = retention::policy_at_rest(*kept, std::move(*policy), clock.now());
        if (!obeyed) return system_failure(obeyed.error());
        policy = std::move(*obeyed);
    }
    admin::Operations operations({store, keys, policy ? policy->max_accounts : std::nullopt});
    std::size_t stuck = 0;
    std::unique_ptr<retention::Buckets> buckets;
    std::unique_ptr<retention::Log> log;
    std::size_t alarms = 0;
    if (sweeping) {
        buckets = std::make_unique<retention::Buckets>(
            store, *policy, clock, [&](retention::Buckets::Alarm, store::BucketId) { ++alarms; });
        auto found = retention::Log::open(config.data / "log", *policy, clock, false);
        if (!found) return system_failure(found.error());
        log = std::move(*found);
    }
    DirectoryHandler handler({.domain = config.domain,
                              .scram_sha_1 = config.sasl.scram_sha_1,
                              .operations = operations,
                              .store = store,
                              .clock = clock,
                              .buckets = buckets.get(),
                              .offload =
                                  [](Job work, Job then) {
                                      work();
                                      then();
                                  }},
                             log.get(), stuck);
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

Performed perform(const admin::Config& config, std::optional<int> passphrase_fd, admin::Request request) {
    if (const auto fine = admin::check_passphrase_fd(config, passphrase_fd); !fine)
        return {std::unexpected(fine.error())};
    if (const auto dropped = become_owner_of(config.data); !dropped)
        return {std::unexpected(dropped.error())};
    if (store::Store::in_use(config.data)) return {admin::ask(config.data, request), true};
    return {from_directory(config, passphrase_fd, std::move(request))};
}

}  // namespace lethe::lethectl
