// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/async.h"

namespace lethe::core {

asio::awaitable<void> wait_for(asio::io_context& io, std::function<void(std::function<void()>)> start) {
    auto initiation = [&io, start](auto handler) {
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        // The guard keeps io.run() from returning while the callback is pending elsewhere.
        auto work = asio::make_work_guard(io);
        start([&io, shared, work = std::move(work)] { asio::post(io, [shared] { (*shared)(); }); });
    };
    auto operation = asio::async_initiate<const asio::use_awaitable_t<>, void()>(std::move(initiation), asio::use_awaitable);
    co_await std::move(operation);
}

}  // namespace lethe::core
