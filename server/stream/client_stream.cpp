// SPDX-License-Identifier: AGPL-3.0-or-later
// The connection: reading, writing, TLS, time limits. What is said on it is in client_negotiation.cpp.
#include "server/stream/client_stream.h"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <string.h>  // explicit_bzero

#include <algorithm>
#include <array>

#include "server/feature/ping.h"

namespace lethe::stream {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr std::size_t write_chunk = 64 * 1024;
constexpr seconds closing_time{5};

/// One buffer for all connections: nothing of it is kept across an await.
std::array<char, 16 * 1024>& scratch() {
    static std::array<char, 16 * 1024> buffer;
    return buffer;
}

}  // namespace

xml::Limits reader_limits(const admin::Config::Limits& limits, bool authenticated) {
    xml::Limits out;
    out.stanza_bytes = authenticated ? limits.stanza_bytes : std::min(limits.stanza_bytes, limits.unauthenticated_bytes);
    out.depth = limits.depth;
    return out;
}

ClientStream::ClientStream(ClientService& service, net::Stream stream, Transport transport)
    : service_(service),
      stream_(std::move(stream)),
      limits_(service.core.env.config.limits),
      state_(transport == Transport::starttls ? State::header_plain : State::header_secure),
      transport_(transport),
      outbox_(std::make_shared<core::Outbox>(limits_.queue_bytes)),
      wake_(service.core.env.io),
      deadline_(service.core.env.io),
      allowance_at_(steady_clock::now()) {
    Framing::Events events;
    events.opened = [this](const xml::StreamHeader& header) { inbox_.push_back(header); };
    events.element = [this](xml::Document document) { inbox_.push_back(std::move(document)); };
    events.closed = [this] { inbox_.push_back(StreamEnd{}); };
    events.left = [this] { inbox_.push_back(Departure{}); };
    framing_ = (is_websocket(transport) ? websocket_framing : tcp_framing)(reader_limits(limits_, false), std::move(events));
    if (is_websocket(transport)) expect_login();
    wake_.expires_at(steady_clock::time_point::max());
    allowance_ = static_cast<double>(limits_.c2s_bytes_per_second);
}

void ClientStream::start(std::function<void()> on_end) {
    on_end_ = std::move(on_end);
    outbox_->wake = [this] { wake_.cancel(); };
    outbox_->overflow = [this] { stream_.close(); };  // it does not read: no use in telling it so
    deadline_.expires_after(seconds(limits_.handshake_seconds));
    auto& io = service_.core.env.io;
    auto self = shared_from_this();
    asio::co_spawn(io, watch_deadline(), [self](std::exception_ptr) {});
    asio::co_spawn(io, write_loop(), [self](std::exception_ptr) {});
    asio::co_spawn(io, run(), [self](std::exception_ptr) {
        self->serve_held();
        self->stream_.close();
        self->outbox_->wake = nullptr;
        self->outbox_->close();
        self->wake_.cancel();
        self->state_ = State::closing;
        self->deadline_.cancel();
        if (self->session_) self->lose();
        if (self->on_end_) std::exchange(self->on_end_, nullptr)();
    });
}

asio::awaitable<void> ClientStream::watch_deadline() {
    for (;;) {
        std::error_code error;
        auto token = asio::redirect_error(asio::use_awaitable, error);
        const auto until = deadline_.expiry();
        auto waiting = deadline_.async_wait(token);
        co_await std::move(waiting);
        if (state_ == State::bound) {
            watched_ = false;
            co_return;
        }
        if (error && deadline_.expiry() == until) co_return;  // over
        if (error) continue;                                  // moved
        if (state_ == State::closing) {
            stream_.close();
            co_return;
        }
        finish(xmpp::StreamCondition::connection_timeout,
               registering_ ? "There is no more time for making an account and logging in" : "The login took too long (handshake_seconds)");
    }
}

asio::awaitable<void> ClientStream::write_loop() {
    for (;;) {
        if (departed_) break;
        if (outbox_->empty() && !framing_->owes()) {
            if (outbox_->closed()) break;
            wake_.expires_at(steady_clock::time_point::max());
            std::error_code ignored;
            auto token = asio::redirect_error(asio::use_awaitable, ignored);
            auto waiting = wake_.async_wait(token);
            co_await std::move(waiting);
            continue;
        }
        auto items = outbox_->take(write_chunk);
        std::string buffer;
        const std::string_view bytes = framing_->pack(items, buffer);
        writing_ = true;
        auto operation = stream_.write(bytes);
        const auto written = co_await std::move(operation);
        writing_ = false;
        if (!written) {
            // What was taken but not sent is not known to have arrived.
            outbox_->put_back(std::move(items));
            if (const auto& session = session_ ? session_ : former_) service_.core.reclaim(session, *outbox_);
            break;
        }
        // That much is not taken in by a kernel alone for long.
        if (asked_at_ && bytes.size() >= write_chunk / 2) asked_at_ = steady_clock::now();
        if (const auto& session = session_ ? session_ : former_) session->written(items);
    }
    if (state_ == State::closing) {
        const std::string last_words = framing_->last_words();
        auto saying = stream_.write(last_words);
        (void)co_await std::move(saying);
        auto ending = stream_.end_output();
        const auto ended = co_await std::move(ending);
        if (!ended) stream_.close();
    } else {
        stream_.close();
    }
}

asio::awaitable<void> ClientStream::drained() {
    asio::steady_timer timer(service_.core.env.io);
    while ((writing_ || !outbox_->empty()) && state_ != State::closing) {
        timer.expires_after(std::chrono::milliseconds(1));
        std::error_code ignored;
        auto token = asio::redirect_error(asio::use_awaitable, ignored);
        auto waiting = timer.async_wait(token);
        co_await std::move(waiting);
    }
}

asio::awaitable<bool> ClientStream::handshake() {
    handshaking_ = true;
    auto operation = stream_.start_tls(service_.tls, service_.core.env.pool);
    const auto done = co_await std::move(operation);
    handshaking_ = false;
    if (!done) co_return false;
    expect_login();
    co_return true;
}

void ClientStream::expect_login() { login_ = std::make_unique<Login>(service_.authenticator, channel_binding(), network()); }

asio::awaitable<void> ClientStream::run() {
    if (transport_ == Transport::direct_tls) {
        auto operation = handshake();
        if (!co_await std::move(operation)) co_return;
    }
    for (;;) {
        auto reading = read_some();
        if (!co_await std::move(reading)) co_return;
        auto processing = process();
        co_await std::move(processing);
        // Only now: stanzas that were read take far more memory than their bytes did.
        auto slowing = slow_down();
        co_await std::move(slowing);
        if (!tls_wanted_ || state_ == State::closing) continue;
        tls_wanted_ = false;
        auto draining = drained();
        co_await std::move(draining);
        if (state_ == State::closing) continue;
        auto operation = handshake();
        if (!co_await std::move(operation)) co_return;
        restart(State::header_secure);
    }
}

asio::awaitable<bool> ClientStream::read_some() {
    auto waiting = stream_.wait_readable();
    const auto ready = co_await std::move(waiting);
    if (!ready) co_return false;
    auto& buffer = scratch();
    // Nothing else runs on this thread between the bytes arriving in the buffer and the reader taking them.
    auto reading = stream_.read(buffer);
    const auto got = co_await std::move(reading);
    if (!got) co_return false;
    if (state_ == State::closing) co_return true;  // discarded, until the peer ends too or the deadline passes
    if (!vault_ && !session_ && (unauthenticated_bytes_ += *got) > limits_.unauthenticated_bytes) {
        finish(xmpp::StreamCondition::policy_violation,
               "More than " + std::to_string(limits_.unauthenticated_bytes) +
                   " bytes before the login was done (unauthenticated_bytes)");
        co_return true;
    }
    const auto error = framing_->feed(std::string_view(buffer.data(), *got));
    explicit_bzero(buffer.data(), *got);  // it may have been a new password
    if (error != xml::ReadError::none) read_error_ = error;
    if (framing_->owes()) wake_.cancel();
    heard_ = true;
    heard_at_ = steady_clock::now();
    asked_at_.reset();
    arrived_ = *got;
    co_return true;
}

asio::awaitable<void> ClientStream::slow_down() {
    const auto bytes = std::exchange(arrived_, 0);
    if (limits_.c2s_bytes_per_second == 0 || state_ == State::closing) co_return;
    const auto rate = static_cast<double>(limits_.c2s_bytes_per_second);
    const auto now = steady_clock::now();
    const double passed = std::chrono::duration<double>(now - allowance_at_).count();
    allowance_ = std::min(rate, allowance_ + passed * rate) - static_cast<double>(bytes);
    allowance_at_ = now;
    if (allowance_ >= 0) co_return;
    asio::steady_timer timer(service_.core.env.io);
    timer.expires_after(std::chrono::microseconds(static_cast<std::int64_t>(-allowance_ / rate * 1e6)));
    std::error_code ignored;
    auto token = asio::redirect_error(asio::use_awaitable, ignored);
    auto waiting = timer.async_wait(token);
    co_await std::move(waiting);
}

void ClientStream::release_idle_memory() {
    if (!std::exchange(heard_, false)) framing_->release_memory();
}

void ClientStream::check_alive(steady_clock::time_point now) {
    if (state_ != State::bound) return;
    if (asked_at_) {
        if (now - *asked_at_ >= seconds(limits_.answer_seconds)) finish(xmpp::StreamCondition::connection_timeout, "Nothing was heard for too long");
        return;
    }
    if (session_->owes_acknowledgement()) {
        asked_at_ = now;
    } else if (limits_.ping_seconds != 0 && now - heard_at_ >= seconds(limits_.ping_seconds)) {
        asked_at_ = now;
        session_->send(feature::ping_request(service_.core.domain, session_->jid()));
    }
}

void ClientStream::restart(State next) {
    state_ = next;
    replied_ = false;
    inbox_.clear();
    read_error_ = xml::ReadError::none;
    framing_->set_limits(reader_limits(limits_, next == State::header_authenticated));
    framing_->restart();
}

void ClientStream::authenticated() {
    state_ = State::authenticated;
    framing_->set_limits(reader_limits(limits_, true));
}

void ClientStream::finish(xmpp::StreamCondition condition, std::string_view text, std::string_view extra) {
    if (state_ == State::closing) return;
    if (handshaking_) {
        state_ = State::closing;
        return stream_.close();
    }
    open_reply();
    push(xmpp::stream_error(condition, text, extra));
    begin_closing(condition == xmpp::StreamCondition::connection_timeout ? Session::may_go_on : Session::ends);
}

void ClientStream::lose() {
    session_->on_kick = nullptr;
    former_ = std::move(session_);
    core::connection_lost(service_.core, former_);
}

void ClientStream::begin_closing(Session session) {
    if (!departed_) push(framing_->close());
    state_ = State::closing;
    outbox_->close();
    deadline_.expires_after(closing_time);
    if (session_) {
        // Not here: whoever ends it may be in the middle of a walk over the account's sessions.
        asio::post(service_.core.env.io, [self = shared_from_this(), session] {
            if (!self->session_) return;  // handed over meanwhile
            if (session == Session::ends) return self->service_.core.end_session(self->session_);
            self->lose();
        });
    }
    if (watched_) return;
    watched_ = true;
    asio::co_spawn(service_.core.env.io, watch_deadline(), [self = shared_from_this()](std::exception_ptr) {});
}

}  // namespace lethe::stream
