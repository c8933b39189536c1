// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/sweeper.h"

#include <algorithm>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>

#include "retention/log_words.h"
#include "retention/promises.h"

namespace lethe::server {
namespace {

using retention::ClockState;
using retention::Event;
using retention::Time;
using retention::Word;

constexpr Time second = 1'000'000, minute = 60 * second;
constexpr Time longest_wait = 10 * minute;
constexpr Time ledger_pause = 5 * second, keys_pause = 5 * second;

Word word(ClockState state) { return state == ClockState::jumped ? Word("clock_jumped") : Word("clock_went_back"); }

}  // namespace

Sweeper::Sweeper(Parts parts)
    : parts_(std::move(parts)), timer_(parts_.io), started_(retention::system_time().since_boot()) {
    look_at_records();
    look_at_clock();
    // One line a minute over restarts, too.
    if (const auto last = parts_.ledger.last_time()) {
        for (const auto cls : parts_.buckets.classes()) signed_in_[crypto::class_name(cls)] = *last - *last % minute;
        signed_in_[std::string(retention::log_class)] = *last - *last % minute;
    }
    if (!waited_) parts_.log.write(Event::clock_alarm, {Word("clock_not_synchronised")});
}

void Sweeper::raise(retention::Log& log, retention::Ledger& ledger, retention::Buckets::Alarm alarm, const store::BucketId& id) {
    retention::write_alarm(log, alarm, id);
    if (auto line = retention::ledger_alarm(alarm)) ledger.append(std::move(*line));
}

/// What a former start left. The clock's record is on the disk before anybody is served, so that whoever
/// removes it later is found out.
void Sweeper::look_at_records() {
    for (const auto& word : retention::missing_records(parts_.ledger, parts_.guard, parts_.store)) {
        (word.text() == std::string_view("clock_missing") ? clock_missing_ : ledger_missing_) = true;
        parts_.log.write(Event::storage_alarm, {word});
    }
    if (parts_.ledger.found() == retention::Ledger::Found::damaged)
        parts_.log.write(Event::storage_alarm, {Word("ledger_damaged")});
    if (const auto record = parts_.guard.due_record())
        recorded(retention::ClockGuard::write_record(parts_.data, *record));
}

void Sweeper::recorded(int code) {
    if (code != 0 && !record_failed_)
        parts_.log.write(Event::storage_alarm,
                         {Word("clock_not_recorded"), retention::Count{static_cast<std::uint64_t>(code)}});
    record_failed_ = code != 0;
}

void Sweeper::look_at_clock() {
    const auto& machine = retention::system_time();
    if (!waited_)
        waited_ = !parts_.wait_for_sync || machine.synchronised() || machine.since_boot() - started_ >= longest_wait;
    const auto state = parts_.guard.check();
    if (state == state_) return;
    state_ = state;
    if (state == ClockState::good) return;
    parts_.log.write(Event::clock_alarm, {word(state)});
    parts_.ledger.append(retention::LedgerAlarm(word(state)));
}

void Sweeper::first_sweep() {
    if (!may_destroy()) return;
    parts_.log.sweep();
    parts_.invitations.sweep([](std::size_t) {});  // in the store's queue before the buckets
    bool swept = false;
    parts_.buckets.sweep([&swept](std::size_t) { swept = true; });
    {
        // Without work of its own io would stop for good before the writer thread has answered.
        const auto guard = asio::make_work_guard(parts_.io);
        while (!swept) parts_.io.run_one();
    }
    parts_.io.restart();  // letting go of the last work stopped it
}

void Sweeper::start() { tick(); }
void Sweeper::stop() { timer_.cancel(); }

void Sweeper::schedule() {
    // A bucket made meanwhile may be due before those known now, and wall clocks move: look again every second at the latest.
    const Time due = std::min({parts_.buckets.next_deadline(), parts_.log.next_deadline(), parts_.invitations.next_deadline()});
    const Time wait = std::clamp<Time>(due - parts_.guard.latest(), second / 1000, second);
    timer_.expires_after(std::chrono::microseconds(may_destroy() ? wait : second));
    timer_.async_wait([this](std::error_code error) {
        if (!error) tick();
    });
}

void Sweeper::tick() {
    look_at_clock();
    if (may_destroy()) {
        const Time now = parts_.guard.latest();
        if (parts_.buckets.next_deadline() <= now) sweep_buckets();
        if (parts_.invitations.next_deadline() <= now) parts_.invitations.sweep([](std::size_t) {});
        if (parts_.log.next_deadline() <= now) sweep_log();
        sign_sweeps();
    }
    tend_ledger();
    tend_keys();
    record_clock();
    schedule();
}

void Sweeper::sweep_buckets() {
    parts_.buckets.sweep([this](std::size_t destroyed) {
        if (destroyed) parts_.log.write(Event::bucket_destroyed, {retention::Count{destroyed}});
        if (parts_.swept) parts_.swept();
    });
    if (parts_.swept) parts_.swept();
}

void Sweeper::sweep_log() {
    if (std::exchange(log_running_, true)) return;
    asio::post(parts_.pool, [this] {
        parts_.log.sweep();
        asio::post(parts_.io, [this] { log_running_ = false; });
    });
}

void Sweeper::sign_sweeps() {
    const Time now = parts_.guard.latest();
    for (const auto cls : parts_.buckets.classes()) sign_sweep(crypto::class_name(cls), retention::sweep_mark(parts_.buckets, cls, now), now);
    sign_sweep(std::string(retention::log_class), retention::sweep_mark(parts_.log, now), now);
}

void Sweeper::sign_sweep(const std::string& cls, Time mark, Time now) {
    const Time this_minute = now - now % minute;
    if (const auto last = signed_in_.find(cls); last != signed_in_.end() && last->second == this_minute) return;
    if (mark <= parts_.ledger.swept_to(cls).value_or(0)) return;
    parts_.ledger.append(retention::Swept{.cls = cls, .swept_to = mark, .policy = parts_.policy()});
    signed_in_[cls] = this_minute;
}

void Sweeper::tend_ledger() {
    const auto trouble = parts_.ledger.trouble();
    const bool failing = trouble.waiting > 0 && trouble.code != 0;
    if (failing && !ledger_failed_)
        parts_.log.write(Event::storage_alarm, {Word("ledger_delayed"), retention::Count{static_cast<std::uint64_t>(trouble.code)}});
    ledger_failed_ = failing;
    const Time now = retention::system_time().since_boot();
    if (!failing || now - ledger_asked_ < ledger_pause) return;
    ledger_asked_ = now;
    parts_.ledger.retry();
}

/// What was to be erased, whoever asked for it, is erased as soon as the disk lets us; no clock and no policy
/// has a say in it. Not in the ledger: a change of password is among it, and its time is nobody's business.
void Sweeper::tend_keys() {
    const bool failing = parts_.store.keys_left_over() > 0;
    if (failing && !keys_failed_) parts_.log.write(Event::storage_alarm, {Word("key_not_overwritten")});
    keys_failed_ = failing;
    const Time now = retention::system_time().since_boot();
    if (!failing || now - keys_asked_ < keys_pause) return;
    keys_asked_ = now;
    parts_.store.overwrite_again({});
}

void Sweeper::record_clock() {
    if (recording_) return;
    auto record = parts_.guard.due_record();
    if (!record) return;
    recording_ = true;
    asio::post(parts_.pool, [this, record = std::move(*record)] {
        const int code = retention::ClockGuard::write_record(parts_.data, record);
        asio::post(parts_.io, [this, code] {
            recording_ = false;
            recorded(code);
        });
    });
}

std::expected<void, admin::Failure> Sweeper::may_sweep() const {
    if (state_ != ClockState::good)
        return std::unexpected(admin::Failure{admin::Status::refused,
                                              "the clock is in doubt, and nothing is destroyed by it; set it right, or if it is right, run lethectl clock accept"});
    if (!waited_)
        return std::unexpected(admin::Failure{admin::Status::refused,
                                              "the clock is not synchronised yet; nothing is destroyed before it is, or ten minutes have passed since the start"});
    return {};
}

void Sweeper::accept_clock(admin::ControlHandler::Answer answer) {
    retention::accept_clock(parts_.guard, parts_.buckets, parts_.ledger);
    waited_ = true;
    look_at_clock();
    parts_.log.write(Event::clock_accepted);
    asio::post(parts_.pool, [this] { parts_.log.clock_accepted(); });
    record_clock();
    parts_.store.barrier([answer = std::move(answer)](store::Result result) mutable {
        if (!result)
            return answer(std::unexpected(admin::Failure{admin::Status::system,
                                                         "the shortened deadlines could not be recorded; look at the disk, they are kept in memory and tried again"}));
        answer(admin::Facts{});
    });
}

void Sweeper::add_status(admin::Facts& facts, std::int64_t others) const {
    const auto trouble = parts_.ledger.trouble();
    const bool delayed = trouble.waiting > 0 && trouble.code != 0;
    const bool damaged = parts_.ledger.found() == retention::Ledger::Found::damaged;
    const std::string clock = state_ == ClockState::went_back ? "went back" : state_ == ClockState::jumped ? "jumped" : waited_ ? "good" : "not synchronised";
    const auto log_files = static_cast<std::int64_t>(parts_.log.trouble().files_overdue);
    const auto keys = static_cast<std::int64_t>(parts_.store.keys_left_over());
    facts.emplace_back("clock", clock);
    facts.emplace_back(
        "clock_record",
        clock_missing_
            ? "was missing at the start, and the clock may have jumped unnoticed; find out who removed it"
            : "good");
    facts.emplace_back("ledger",
                       damaged ? "was damaged at the start; lethectl ledger verify says in which line"
                       : ledger_missing_
                           ? "was missing at the start, and a new one was begun; find out who removed it"
                           : "good");
    facts.emplace_back("ledger_lines_waiting", static_cast<std::int64_t>(trouble.waiting));
    facts.emplace_back("keys_not_overwritten", keys);
    facts.emplace_back("alarms", others + std::int64_t{state_ != ClockState::good} +
                                     std::int64_t{clock_missing_} + std::int64_t{damaged || ledger_missing_} +
                                     std::int64_t{delayed} + std::int64_t{keys > 0} + log_files);
}

}  // namespace lethe::server
