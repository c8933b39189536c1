// SPDX-License-Identifier: AGPL-3.0-or-later
#include "retention/clock.h"

#include <time.h>

namespace lethe::retention {

Time SystemClock::now() const {
    timespec ts{};
    ::clock_gettime(CLOCK_REALTIME, &ts);
    const Time real = Time{ts.tv_sec} * 1'000'000 + ts.tv_nsec / 1'000;
    Time seen = last_.load(std::memory_order_relaxed);
    while (real > seen && !last_.compare_exchange_weak(seen, real, std::memory_order_relaxed)) {}
    return real > seen ? real : seen;
}

}  // namespace lethe::retention
