// SPDX-License-Identifier: AGPL-3.0-or-later
// Bridges between callbacks, the pool and coroutines. Written so that no awaited expression holds a temporary with a destructor
// (g++ 12 destroys such temporaries twice or not at all).
#pragma once
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>

namespace lethe::core {

/// Runs `start` with a callback to be called once, on any thread; resumes on the io thread.
asio::awaitable<void> wait_for(asio::io_context& io, std::function<void(std::function<void()>)> start);

/// Runs `job` on the pool and resumes on the io thread with what it returned. The job must own or share all it touches.
template <class T>
asio::awaitable<T> on_pool(asio::io_context& io, asio::thread_pool& pool, std::function<T()> job) {
    auto result = std::make_shared<std::optional<T>>();
    std::function<void(std::function<void()>)> start = [&pool, job, result](std::function<void()> done) {
        asio::post(pool, [job, result, done] {
            result->emplace(job());
            done();
        });
    };
    auto waiting = wait_for(io, std::move(start));
    co_await std::move(waiting);
    co_return std::move(**result);
}

}  // namespace lethe::core
