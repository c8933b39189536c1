// SPDX-License-Identifier: AGPL-3.0-or-later
// Wall time as a value that tests can set. Microseconds since the Unix epoch everywhere.
// Thread: any; the log asks from whichever thread writes.
#pragma once
#include <atomic>
#include <cstdint>
#include <string>

namespace lethe::retention {

using Time = std::int64_t;

class Clock {
public:
    virtual ~Clock() = default;
    virtual Time now() const = 0;
};

/// What the machine says. Thread: any.
class TimeSource {
public:
    virtual ~TimeSource() = default;
    virtual Time wall() const;             ///< CLOCK_REALTIME
    virtual Time since_boot() const;       ///< CLOCK_BOOTTIME: runs while the machine sleeps, and nobody can set it
    virtual std::string boot() const;      ///< a name that changes with each start of the machine; empty if there is none
    virtual bool synchronised() const;     ///< the kernel's clock follows another one (adjtimex)
};
const TimeSource& system_time();

/// Wall time that never goes backwards: a step back holds still until real time has caught up, or somebody accepts the new time.
class SystemClock final : public Clock {
public:
    explicit SystemClock(const TimeSource& source = system_time()) : source_(source) {}
    Time now() const override;
    void hold_at(Time latest);  ///< not earlier than this from now on
    void accept();              ///< now() is the machine's time again, whatever it was before

private:
    const TimeSource& source_;
    mutable std::atomic<Time> last_ = 0;
};

}  // namespace lethe::retention
