// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/turns.h"

namespace lethe::core {

asio::awaitable<void> Turns::enter() {
    if (!std::exchange(taken_, true)) co_return;
    std::function<void(std::function<void()>)> start = [this](std::function<void()> done) { waiting_.push_back(std::move(done)); };
    auto waiting = wait_for(io_, std::move(start));
    co_await std::move(waiting);
}

void Turns::leave() {
    if (waiting_.empty()) {
        taken_ = false;
        return;
    }
    const auto next = std::move(waiting_.front());
    waiting_.pop_front();
    next();
}

}  // namespace lethe::core
