// SPDX-License-Identifier: AGPL-3.0-or-later
// One after the other: coroutines that want the same scarce thing, such as the pool for a long job.
//
// Thread: core. Shared by whoever waits, so that it outlives the last of them.
#pragma once
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>

#include "server/core/async.h"

namespace lethe::core {

class Turns {
public:
    Turns(asio::io_context& io, std::size_t most_waiting) : io_(io), most_waiting_(most_waiting) {}
    /// No more should come: the caller is to be told to try later.
    bool full() const { return waiting_.size() >= most_waiting_; }
    /// Resumes when it is the caller's turn. He makes a Turn of it at once.
    asio::awaitable<void> enter();

private:
    friend class Turn;
    void leave();

    asio::io_context& io_;
    std::size_t most_waiting_;
    bool taken_ = false;
    std::deque<std::function<void()>> waiting_;
};

/// Lasts as long as the turn.
class Turn {
public:
    explicit Turn(std::shared_ptr<Turns> turns) : turns_(std::move(turns)) {}
    Turn(const Turn&) = delete;
    ~Turn() { turns_->leave(); }

private:
    std::shared_ptr<Turns> turns_;
};

}  // namespace lethe::core
