// SPDX-License-Identifier: AGPL-3.0-or-later
// Destroys what is due, when it is due, and signs that it did (4-retention: Sweeper, Ledger).
//
// A timer waits for the next deadline. While the clock is in doubt, or is still to be synchronised after the start, nothing is destroyed; what is overdue
// is not served all the same. Nothing else delays destruction: no full disk, no ledger that cannot be written, no log.
// Log files are overwritten on the pool, keys and files of buckets by the store's threads: the core thread waits for none of it.
// Thread: the core's. Lifetime: everything in Parts outlives it; the pool is joined before.
#pragma once
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>
#include <expected>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "retention/buckets.h"
#include "retention/clock_guard.h"
#include "retention/ledger.h"
#include "retention/log.h"
#include "server/admin/control.h"
#include "server/admin/invitations.h"
#include "store/store.h"

namespace lethe::server {

class Sweeper {
public:
    struct Parts {
        asio::io_context& io;
        asio::thread_pool& pool;
        std::filesystem::path data;
        bool wait_for_sync = true;
        retention::ClockGuard& guard;
        store::Store& store;
        retention::Buckets& buckets;
        admin::Invitations& invitations;
        retention::Log& log;
        retention::Ledger& ledger;
        std::function<retention::Digest()> policy;  ///< digest of the policy in force
        std::function<void()> swept;                ///< after buckets died: caches may let go of them
    };
    explicit Sweeper(Parts parts);

    /// Before the listeners are open; returns when all that is due is dead, at once if the clock may not be believed yet. Runs `io`.
    void first_sweep();
    void start();
    void stop();

    /// For lethectl; refused while nothing may be destroyed.
    std::expected<void, admin::Failure> may_sweep() const;
    void sweep_log();
    void accept_clock(admin::ControlHandler::Answer answer);
    /// clock, clock_record, ledger, ledger_lines_waiting, keys_not_overwritten, and alarms: its own and
    /// `others`.
    void add_status(admin::Facts& facts, std::int64_t others) const;
    /// Alarms of the buckets go to the log and, unless a message set them off, to the ledger. Static: the buckets raise some before there is a sweeper.
    static void raise(retention::Log& log, retention::Ledger& ledger, retention::Buckets::Alarm alarm, const store::BucketId& id);

private:
    void schedule();
    void tick();
    void look_at_records();
    void look_at_clock();
    bool may_destroy() const { return waited_ && state_ == retention::ClockState::good; }
    void sweep_buckets();
    void sign_sweeps();
    void sign_sweep(const std::string& cls, retention::Time mark, retention::Time now);
    void tend_ledger();
    void tend_keys();
    void record_clock();
    void recorded(int code);

    Parts parts_;
    asio::steady_timer timer_;
    retention::ClockState state_ = retention::ClockState::good;
    bool waited_ = false;         ///< the clock was synchronised, or the wait is over
    bool ledger_missing_ = false, clock_missing_ = false;  ///< at the start
    bool log_running_ = false, recording_ = false;
    bool record_failed_ = false, ledger_failed_ = false, keys_failed_ = false;  ///< said in the log
    retention::Time started_;     ///< since the machine's start
    retention::Time ledger_asked_ = 0, keys_asked_ = 0;
    std::map<std::string, retention::Time> signed_in_;  ///< the minute of a class's last line
};

}  // namespace lethe::server
