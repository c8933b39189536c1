// SPDX-License-Identifier: AGPL-3.0-or-later
// Wall time as a value that tests can set. Microseconds since the Unix epoch everywhere.
// Thread: any; the log asks from whichever thread writes.
#pragma once
#include <atomic>
#include <cstdint>

namespace lethe::retention {

using Time = std::int64_t;

class Clock {
public:
    virtual ~Clock() = default;
    virtual Time now() const = 0;
};

/// CLOCK_REALTIME, but never backwards: a step back holds still until real time has caught up.
class SystemClock final : public Clock {
public:
    Time now() const override;

private:
    mutable std::atomic<Time> last_ = 0;
};

}  // namespace lethe::retention
