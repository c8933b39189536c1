// SPDX-License-Identifier: AGPL-3.0-or-later
#include "retention/clock.h"

#include <sys/timex.h>
#include <time.h>

#include <fstream>

namespace lethe::retention {

namespace {

Time read_clock(clockid_t which) {
    timespec ts{};
    ::clock_gettime(which, &ts);
    return Time{ts.tv_sec} * 1'000'000 + ts.tv_nsec / 1'000;
}

}  // namespace

Time TimeSource::wall() const { return read_clock(CLOCK_REALTIME); }
Time TimeSource::since_boot() const { return read_clock(CLOCK_BOOTTIME); }

std::string TimeSource::boot() const {
    std::ifstream in("/proc/sys/kernel/random/boot_id");
    std::string line;
    std::getline(in, line);
    return line;
}

bool TimeSource::synchronised() const {
    timex asked{};  // no modes: only reads, which everybody may
    const int state = ::adjtimex(&asked);
    return state >= 0 && state != TIME_ERROR && (asked.status & STA_UNSYNC) == 0;
}

const TimeSource& system_time() {
    static const TimeSource source;
    return source;
}

Time SystemClock::now() const {
    const Time real = source_.wall();
    Time seen = last_.load(std::memory_order_relaxed);
    while (real > seen && !last_.compare_exchange_weak(seen, real, std::memory_order_relaxed)) {}
    return real > seen ? real : seen;
}

void SystemClock::hold_at(Time latest) {
    Time seen = last_.load(std::memory_order_relaxed);
    while (latest > seen && !last_.compare_exchange_weak(seen, latest, std::memory_order_relaxed)) {}
}

void SystemClock::accept() { last_.store(source_.wall(), std::memory_order_relaxed); }

}  // namespace lethe::retention
