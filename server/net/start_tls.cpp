// SPDX-License-Identifier: AGPL-3.0-or-later
// The handshake: the core thread moves bytes, the pool computes. A thousand clients that return at once keep the pool busy, not the core.
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>

#include "server/net/stream_impl.h"

namespace lethe::net {

namespace {

using Status = TlsEngine::Status;

/// Runs one step on the pool, then the handler on its own executor. `owner` keeps the engine alive meanwhile.
struct StepOnPool {
    asio::thread_pool* pool;
    TlsEngine* engine;
    std::shared_ptr<void> owner;

    template <class Handler> void operator()(Handler handler) {
        auto executor = asio::get_associated_executor(handler);
        asio::post(*pool, [e = engine, o = std::move(owner), executor, h = std::move(handler)]() mutable {
            const Status status = e->handshake();
            asio::post(executor, [status, o = std::move(o), h = std::move(h)]() mutable { h(status); });
        });
    }
};

}  // namespace

Stream::Impl::Task<void> Stream::Impl::handshake(std::shared_ptr<Impl> self, asio::thread_pool* pool) {
    for (;;) {
        std::size_t got = 0;
        const Attempt attempt = self->receive(scratch(), &got);
        if (attempt == Attempt::failed) co_return std::unexpected(*self->read_error);
        if (attempt == Attempt::would_wait) {
            auto waiting = wait(self, Socket::wait_read);
            const Result<void> waited = co_await std::move(waiting);
            if (!waited) co_return waited;
            continue;
        }
        self->engine->feed(scratch().first(got));
        StepOnPool step{pool, self->engine.get(), self};
        auto token = asio::use_awaitable;
        auto stepping = asio::async_initiate<asio::use_awaitable_t<>, void(Status)>(std::move(step), token);
        const Status status = co_await std::move(stepping);
        if (self->closed) co_return std::unexpected(NetError::closed);
        if (status == Status::failed || status == Status::closed_by_peer) {
            self->send_output();  // the alert that says why, if it can go at once
            co_return std::unexpected(NetError::tls_failed);
        }
        auto flushing = write(self, {});
        const Result<void> flushed = co_await std::move(flushing);
        if (!flushed || status == Status::ok) co_return flushed;
    }
}

Stream::Impl::Task<void> Stream::Impl::start_tls(std::shared_ptr<Impl> self, std::shared_ptr<TlsContext> new_context,
                                                 asio::thread_pool* pool) {
    if (self->closed) co_return std::unexpected(NetError::closed);
    self->context = new_context;
    self->engine = std::make_unique<TlsEngine>(new_context);
    self->handshaking = true;
    auto shaking = handshake(self, pool);
    Result<void> shaken = co_await std::move(shaking);
    self->handshaking = false;
    if (self->closed) {
        self->engine.reset();  // close() left it to us: the pool may have been using it
        shaken = std::unexpected(NetError::closed);
    } else if (shaken) {
        self->encrypted = true;
        self->version = self->engine->version();
    } else {
        self->fail_read(shaken.error());
        self->fail_write(shaken.error());
    }
    co_return shaken;
}

}  // namespace lethe::net
