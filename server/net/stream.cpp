// SPDX-License-Identifier: AGPL-3.0-or-later
#include <asio/buffer.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

#include <cstring>

#include "server/net/stream_impl.h"

namespace lethe::net {

namespace {

using asio::ip::tcp;
using Status = TlsEngine::Status;

/// Ciphertext is gathered up to this before it is sent.
constexpr std::size_t send_at_once = 64 * 1024;
/// Answers to forbidden renegotiations queue up behind a full socket; a peer that provokes so many is cut off.
constexpr std::size_t most_output = 4 * send_at_once;

std::optional<PeerAddress> address_of(const tcp::socket& socket) {
    asio::error_code ec;
    const tcp::endpoint endpoint = socket.remote_endpoint(ec);
    if (ec) return std::nullopt;
    PeerAddress peer;
    if (endpoint.address().is_v4()) {
        const auto bytes = endpoint.address().to_v4().to_bytes();
        std::memcpy(peer.ip.data(), bytes.data(), bytes.size());
        return peer;
    }
    const auto bytes = endpoint.address().to_v6().to_bytes();
    peer.v6 = !endpoint.address().to_v6().is_v4_mapped();
    if (peer.v6)
        std::memcpy(peer.ip.data(), bytes.data(), bytes.size());
    else
        std::memcpy(peer.ip.data(), bytes.data() + 12, 4);
    return peer;
}

bool would_wait(const asio::error_code& ec) {
    return ec == asio::error::would_block || ec == asio::error::try_again;
}

NetError error_of(const asio::error_code& ec) {
    const bool gone = ec == asio::error::eof || ec == asio::error::connection_reset || ec == asio::error::broken_pipe ||
                      ec == asio::error::operation_aborted;
    return gone ? NetError::closed : NetError::io;
}

}  // namespace

std::span<char> scratch() {
    static thread_local std::array<char, 32 * 1024> buffer;
    return buffer;
}

Stream::Impl::Impl(Socket s) : socket(std::move(s)), peer(address_of(socket)) {
    asio::error_code ec;  // a socket that is dead already says so at the first read
    socket.non_blocking(true, ec);
    socket.set_option(tcp::no_delay(true), ec);
}

Attempt Stream::Impl::fail_read(NetError error) {
    if (!read_error) read_error = error;
    return Attempt::failed;
}

Attempt Stream::Impl::fail_write(NetError error) {
    if (!write_error) write_error = error;
    return Attempt::failed;
}

/// Bytes from the socket.
Attempt Stream::Impl::receive(std::span<char> into, std::size_t* got) {
    *got = 0;
    if (drained) return Attempt::would_wait;
    asio::error_code ec;
    *got = socket.read_some(asio::buffer(into.data(), into.size()), ec);
    drained = *got < into.size();
    if (would_wait(ec)) return Attempt::would_wait;
    if (ec) return fail_read(error_of(ec));
    return Attempt::done;
}

/// Plaintext without waiting; for an empty `into`, done means that some is there.
Attempt Stream::Impl::try_read(std::span<char> into, std::size_t* got) {
    *got = 0;
    if (read_error) return Attempt::failed;
    return engine ? decrypt(into, got) : receive(into, got);
}

Attempt Stream::Impl::decrypt(std::span<char> into, std::size_t* got) {
    std::span<const char> arrived;
    for (;;) {
        if (into.empty() && engine->plaintext_waiting()) return Attempt::done;
        const Status status = engine->read(arrived, into, got);
        answer_from_reader();
        if (status == Status::ok) return Attempt::done;
        if (status == Status::closed_by_peer) return fail_read(NetError::closed);
        if (status == Status::failed || engine->output().size() > most_output) return fail_read(NetError::tls_failed);
        std::size_t n = 0;
        if (const Attempt attempt = receive(scratch(), &n); attempt != Attempt::done) return attempt;
        arrived = scratch().first(n);
    }
}

/// Alerts that reading gave rise to. If the socket is full they leave with the next write.
void Stream::Impl::answer_from_reader() {
    if (!writing && !engine->output().empty()) send_output();
}

/// done: output() is empty.
Attempt Stream::Impl::send_output() {
    std::string& output = engine->output();
    std::size_t sent = 0;
    asio::error_code ec;
    while (sent < output.size() && !ec)
        sent += socket.write_some(asio::buffer(output.data() + sent, output.size() - sent), ec);
    output.erase(0, sent);
    engine->release_output();
    if (would_wait(ec)) return Attempt::would_wait;
    return ec ? fail_write(error_of(ec)) : Attempt::done;
}

Attempt Stream::Impl::send_plain(std::string_view* bytes) {
    while (!bytes->empty()) {
        asio::error_code ec;
        bytes->remove_prefix(socket.write_some(asio::buffer(*bytes), ec));
        if (would_wait(ec)) return Attempt::would_wait;
        if (ec) return fail_write(error_of(ec));
    }
    return Attempt::done;
}

/// Takes what it can from the front of *bytes. done: all of it has left, and all that was queued before it.
Attempt Stream::Impl::try_write(std::string_view* bytes) {
    if (write_error) return Attempt::failed;
    if (!engine) return send_plain(bytes);
    do {
        while (!bytes->empty() && engine->output().size() < send_at_once) {
            std::size_t taken = 0;
            if (engine->write(*bytes, &taken) != Status::ok) return fail_write(NetError::tls_failed);
            bytes->remove_prefix(taken);
        }
        if (const Attempt attempt = send_output(); attempt != Attempt::done) return attempt;
    } while (!bytes->empty());
    return Attempt::done;
}

Stream::Impl::Task<void> Stream::Impl::wait(std::shared_ptr<Impl> self, Socket::wait_type type) {
    if (self->closed) co_return std::unexpected(NetError::closed);
    asio::error_code ec;
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    auto ready = self->socket.async_wait(type, token);
    co_await std::move(ready);
    if (self->closed) co_return std::unexpected(NetError::closed);
    if (ec) co_return std::unexpected(error_of(ec));
    if (type == Socket::wait_read) self->drained = false;
    co_return Result<void>();
}

Stream::Impl::Task<void> Stream::Impl::wait_readable(std::shared_ptr<Impl> self) {
    for (;;) {
        if (self->read_error) co_return std::unexpected(*self->read_error);
        if (self->engine) {
            std::size_t got = 0;
            const Attempt attempt = self->try_read({}, &got);
            if (attempt == Attempt::failed) co_return std::unexpected(*self->read_error);
            if (attempt == Attempt::done) co_return Result<void>();
            self->engine->drop_idle_pages();
        }
        auto waiting = wait(self, Socket::wait_read);
        const Result<void> waited = co_await std::move(waiting);
        if (!waited) self->fail_read(waited.error());
        // Plain: the kernel's word is enough; an end of stream is for read() to find.
        else if (!self->engine) co_return Result<void>();
    }
}

Stream::Impl::Task<std::size_t> Stream::Impl::read(std::shared_ptr<Impl> self, std::span<char> buffer) {
    for (;;) {
        std::size_t got = 0;
        const Attempt attempt = self->try_read(buffer, &got);
        if (attempt == Attempt::failed) co_return std::unexpected(*self->read_error);
        if (attempt == Attempt::done) co_return got;
        auto waiting = wait(self, Socket::wait_read);
        const Result<void> waited = co_await std::move(waiting);
        if (!waited) self->fail_read(waited.error());
    }
}

Stream::Impl::Task<void> Stream::Impl::write(std::shared_ptr<Impl> self, std::string_view bytes) {
    self->writing = true;
    Attempt attempt = self->try_write(&bytes);
    while (attempt == Attempt::would_wait) {
        auto waiting = wait(self, Socket::wait_write);
        const Result<void> waited = co_await std::move(waiting);
        if (!waited) self->fail_write(waited.error());
        attempt = self->try_write(&bytes);
    }
    self->writing = false;
    if (attempt == Attempt::failed) co_return std::unexpected(*self->write_error);
    co_return Result<void>();
}

Stream::Impl::Task<void> Stream::Impl::end_output(std::shared_ptr<Impl> self) {
    if (self->write_error) co_return std::unexpected(*self->write_error);
    if (self->engine) self->engine->close_notify();
    auto flushing = write(self, {});
    const Result<void> flushed = co_await std::move(flushing);
    if (!flushed) co_return flushed;
    asio::error_code ec;  // fails only if the peer is gone, and then nothing is owed to it
    self->socket.shutdown(tcp::socket::shutdown_send, ec);
    self->fail_write(NetError::closed);
    co_return Result<void>();
}

asio::awaitable<void> Stream::Impl::finish(std::shared_ptr<Impl> self, std::size_t discard_limit) {
    auto ending = end_output(self);
    Result<void> alive = co_await std::move(ending);
    std::size_t discarded = 0;
    while (alive && discarded < discard_limit) {
        std::size_t got = 0;
        // Below TLS: nobody wants to know any more what it says.
        const Attempt attempt = self->receive(scratch(), &got);
        if (attempt == Attempt::failed) break;
        discarded += got;
        if (attempt == Attempt::done) continue;
        auto waiting = wait(self, Socket::wait_read);
        alive = co_await std::move(waiting);
    }
    self->close();
}

void Stream::Impl::close() {
    if (closed) return;
    closed = true;
    if (!handshaking) {
        if (engine && encrypted && !write_error) {
            engine->close_notify();
            send_output();
        }
        engine.reset();
    }
    fail_read(NetError::closed);
    fail_write(NetError::closed);
    asio::error_code ec;  // the descriptor is gone afterwards, whatever the kernel says
    socket.close(ec);
}

Stream::Stream(asio::ip::tcp::socket socket) : impl_(std::make_shared<Impl>(std::move(socket))) {}
Stream::Stream(Stream&&) noexcept = default;
Stream::~Stream() { close(); }

asio::awaitable<std::expected<void, NetError>> Stream::wait_readable() { return Impl::wait_readable(impl_); }
asio::awaitable<std::expected<std::size_t, NetError>> Stream::read(std::span<char> buffer) { return Impl::read(impl_, buffer); }
asio::awaitable<std::expected<void, NetError>> Stream::write(std::string_view bytes) { return Impl::write(impl_, bytes); }
asio::awaitable<std::expected<void, NetError>> Stream::start_tls(std::shared_ptr<TlsContext> context, asio::thread_pool& pool) {
    return Impl::start_tls(impl_, std::move(context), &pool);
}
asio::awaitable<std::expected<void, NetError>> Stream::end_output() { return Impl::end_output(impl_); }
asio::awaitable<void> Stream::finish(std::size_t discard_limit) { return Impl::finish(impl_, discard_limit); }
void Stream::close() {
    if (impl_) impl_->close();
}

bool Stream::encrypted() const { return impl_->encrypted; }
std::string_view Stream::tls_version() const { return impl_->version; }
std::optional<PeerAddress> Stream::peer() const { return impl_ ? impl_->peer : std::nullopt; }

std::vector<std::uint8_t> Stream::tls_server_end_point() const { return impl_->context->impl().certificate.end_point; }

std::optional<std::vector<std::uint8_t>> Stream::tls_exporter() const {
    if (!impl_->encrypted || !impl_->engine) return std::nullopt;
    return impl_->engine->exporter();
}

std::optional<std::vector<std::uint8_t>> Stream::tls_unique() const {
    if (!impl_->encrypted || !impl_->engine) return std::nullopt;
    return impl_->engine->unique();
}

}  // namespace lethe::net
