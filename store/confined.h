// SPDX-License-Identifier: AGPL-3.0-or-later
// A child process for reading what may be damaged or hostile: whatever happens, happens to the child.
//
// The child has no key (it wipes what it inherited first), no descriptor but those it was given, no way to
// make a process, open a connection or change a file but through those, and an end: limits of memory, time
// and output. What it says is as trustworthy as what it read. Thread: any.
#pragma once
#include <cstdint>
#include <functional>
#include <span>

#include "crypto/bytes.h"

namespace lethe::store {

class Confined {
public:
    /// To the parent, in order. False if the parent takes no more: end then.
    bool say(ByteView bytes) const;
    /// After this no file can be opened any more. False if the system cannot do it.
    bool seal() const;

private:
    friend struct ConfinedRun;
    explicit Confined(int out) : out_(out) {}
    int out_;
};

struct ConfinedLimits {
    unsigned seconds = 30;                      ///< of its processor's time, and four times that by the clock
    std::size_t output = std::size_t{1} << 20;  ///< bytes
    bool required = false;                      ///< without seccomp: do not start
};

struct ConfinedEnd {
    enum class How {
        finished,     ///< `status` is what the work returned
        died,         ///< of a signal
        too_long,     ///< stopped at a limit of time or output
        not_started,  ///< no child could be made, or none that is confined
    } how = How::not_started;
    int status = 0;
    Bytes said;
};

/// Runs `work` in a child. `keep`: descriptors that the child needs. `work` returns 0..99.
ConfinedEnd run_confined(const ConfinedLimits& limits, std::span<const int> keep,
                         const std::function<int(const Confined&)>& work);

}  // namespace lethe::store
