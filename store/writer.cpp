// SPDX-License-Identifier: AGPL-3.0-or-later
#include "store/writer.h"

namespace lethe::store {

Writer::Writer(Run run) : run_(std::move(run)), thread_([this] { loop(); }) {}

Writer::~Writer() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

void Writer::enqueue(Op op) {
    {
        const std::lock_guard lock(mutex_);
        queue_.push_back(std::move(op));
    }
    wake_.notify_one();
}

void Writer::loop() {
    for (;;) {
        std::deque<Op> taken;
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [&] { return stop_ || !queue_.empty(); });
            if (queue_.empty()) return;
            taken.swap(queue_);
        }
        run_(std::move(taken));
    }
}

}  // namespace lethe::store
