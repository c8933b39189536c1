// SPDX-License-Identifier: AGPL-3.0-or-later
// Whether the clock may be believed: data is destroyed by what it says, and a wrong clock destroys too early or too late.
//
// The latest time that was believed is kept in DATA/clock, in steps of ten minutes whatever happens, so that the file shows that the
// server ran and nothing else (store/FORMAT.md). A clock that went back by up to an hour holds still until time has caught up. One that went
// back further, or forward by more than a day against the time since the machine was started, is in doubt until somebody accepts it.
// A forward step while the machine was off cannot be told from time that passed.
// Thread: one, except write_record().
#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "retention/clock.h"

namespace lethe::retention {

inline constexpr std::string_view clock_file = "clock";

enum class ClockState { good, went_back, jumped };

class ClockGuard {
public:
    static constexpr Time backward_limit = 3600 * Time{1'000'000}, forward_limit = 24 * backward_limit;
    static constexpr Time record_step = 600 * Time{1'000'000};

    /// Reads DATA/clock. `known`: the latest time that other things in DATA show; 0 if none. From here on the clock is not earlier than both. Clock and source
    /// must outlive the guard.
    ClockGuard(const std::filesystem::path& data, SystemClock& clock, Time known, const TimeSource& source = system_time());

    /// Compares anew. A clock that has come right by itself is good again.
    ClockState check();
    /// The machine's time is right: now() follows it, and it is the base of what comes.
    void accept();
    /// The latest time that was believed, however the machine's clock stands now.
    Time latest() const { return clock_.now(); }

    /// Whether DATA/clock held a record. Without one, a clock that jumped before this start is not noticed.
    bool found_record() const { return found_; }

    /// What DATA/clock is to say now; nothing if it says so already, or the clock is in doubt.
    std::optional<std::string> due_record();
    /// The TIME that DATA/clock with this content says; nothing if it is not a record.
    static std::optional<Time> recorded_time(std::string_view text);
    /// In place, synced; 0 or an errno. Any thread.
    static int write_record(const std::filesystem::path& data, const std::string& record);

private:
    Time offset() const { return source_.wall() - source_.since_boot(); }
    SystemClock& clock_;
    const TimeSource& source_;
    Time base_ = 0;      ///< wall time at the machine's start, as far as it is believed
    bool found_ = false;
    Time recorded_ = 0;  ///< what DATA/clock was last asked to say
};

}  // namespace lethe::retention
