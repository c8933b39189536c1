// SPDX-License-Identifier: AGPL-3.0-or-later
// The queue in front of the one thread that changes anything. What was queued while the last run lasted is
// the next run.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "store/edits.h"

namespace lethe::store {

class Writer {
public:
    using Run = std::function<void(std::deque<Op>)>;
    explicit Writer(Run run);
    ~Writer();  ///< runs what is queued
    void enqueue(Op op);

private:
    void loop();
    Run run_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Op> queue_;
    bool stop_ = false;
    std::thread thread_;
};

}  // namespace lethe::store
