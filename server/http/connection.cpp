// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/http/connection.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

#include "crypto/secret.h"

namespace lethe::http {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr std::size_t read_size = std::size_t{16} << 10;
constexpr std::size_t piece_size = std::size_t{64} << 10;
/// What a peer whom we answered early may go on sending before the connection is cut: less, and a reset could overtake the answer.
constexpr std::size_t discard_limit = std::size_t{256} << 10;
constexpr seconds closing_time{5};

}  // namespace

Connection::Connection(core::Core& core, const Router& router, asio::ip::tcp::socket socket, std::shared_ptr<net::TlsContext> tls)
    : core_(core), router_(router), limits_(core.env.config.limits), stream_(std::move(socket)), tls_(std::move(tls)),
      parser_({.head_bytes = core.env.config.limits.http_head_bytes}), timer_(core.env.io), told_(core.env.io) {}

void Connection::start(std::function<void()> on_end) {
    asio::co_spawn(core_.env.io, run(), [self = shared_from_this(), on_end = std::move(on_end)](std::exception_ptr) {
        self->timer_.cancel();
        self->stream_.close();
        on_end();
    });
}

void Connection::within(seconds time) {
    timer_.expires_after(time);
    timer_.async_wait([weak = weak_from_this()](std::error_code error) {
        const auto self = weak.lock();
        // It may have been moved on between running out and coming here.
        if (error || !self || self->timer_.expiry() > steady_clock::now()) return;
        self->out_of_time();
    });
}

void Connection::out_of_time() {
    if (!waits_for_head_ || !parser_.begun()) return stream_.close();
    waits_for_head_ = false;
    telling_ = true;
    told_.expires_at(steady_clock::time_point::max());
    asio::co_spawn(core_.env.io, tell_too_slow(), [self = shared_from_this()](std::exception_ptr) {
        self->stream_.close();
        self->telling_ = false;
        self->told_.cancel();
    });
}

asio::awaitable<void> Connection::tell_too_slow() {
    within(closing_time);
    const Response response = plain(408);
    const std::string bytes = head_of(response, core_.env.clock.now(), false) + response.body;
    auto writing = stream_.write(bytes);
    (void)co_await std::move(writing);
}

asio::awaitable<void> Connection::run() {
    if (tls_) {
        auto shaking = handshake();
        if (!co_await std::move(shaking)) co_return;
    }
    for (unsigned served = 1;; ++served) {
        auto reading = read_request(served == 1);
        if (!co_await std::move(reading)) break;
        auto answering = answer(served == limits_.http_requests);
        if (!co_await std::move(answering)) break;
    }
    if (handed_over_) co_return;
    if (telling_) {  // the stream takes one write at a time; tell_too_slow() has set the time, and closes
        asio::error_code ended;
        auto waiting = told_.async_wait(asio::redirect_error(asio::use_awaitable, ended));
        co_await std::move(waiting);
        co_return;
    }
    within(closing_time);
    auto finishing = stream_.finish(discard_limit);
    co_await std::move(finishing);
}

asio::awaitable<bool> Connection::handshake() {
    within(seconds(limits_.handshake_seconds));
    auto operation = stream_.start_tls(tls_, core_.env.pool);
    const auto done = co_await std::move(operation);
    co_return done.has_value();
}

/// More bytes in rest_. Precondition: it is empty.
asio::awaitable<bool> Connection::fill() {
    std::string().swap(rest_);  // who is silent costs no buffer
    auto waiting = stream_.wait_readable();
    const auto ready = co_await std::move(waiting);
    if (!ready) co_return false;
    rest_.resize(read_size);
    auto reading = stream_.read(rest_);
    const auto got = co_await std::move(reading);
    rest_.resize(got.value_or(0));
    co_return got.has_value();
}

/// Takes so many away from the front of rest_, and leaves none of them in memory.
void Connection::use(std::size_t bytes) {
    const std::size_t left = rest_.size() - bytes;
    std::copy_n(rest_.begin() + static_cast<std::ptrdiff_t>(bytes), left, rest_.begin());
    crypto::detail::wipe(rest_.data() + left, bytes);
    rest_.resize(left);
}

/// False: there is none, or it was refused and answered.
asio::awaitable<bool> Connection::read_request(bool first) {
    waits_for_head_ = true;
    within(seconds(first ? limits_.handshake_seconds : limits_.http_idle_seconds));
    for (bool begun = false;;) {
        use(parser_.feed(rest_));
        if (parser_.state() != RequestParser::State::reading) break;
        if (!begun && parser_.begun()) within(seconds(limits_.handshake_seconds));
        begun = parser_.begun();
        auto filling = fill();
        if (!co_await std::move(filling)) co_return false;
    }
    if (!waits_for_head_) co_return false;  // too late: another answer is on its way
    waits_for_head_ = false;
    if (parser_.state() == RequestParser::State::complete) co_return true;
    auto sending = send(plain(parser_.status()), false, false);
    (void)co_await std::move(sending);
    co_return false;
}

asio::awaitable<bool> Connection::answer(bool last) {
    const auto peer = tls_ ? stream_.peer() : std::nullopt;  // in plain it is a proxy or onion service of this machine
    Exchange exchange{.request = parser_.take(), .network = peer ? stream::network_of(*peer) : stream::behind_proxy, .body = this};
    const bool head_only = exchange.request.method == Method::head;
    const bool wanted = exchange.request.keep_alive && !last;
    body_left_ = exchange.request.content_length.value_or(0);
    piece_left_ = 0;
    continue_owed_ = exchange.request.expects_continue && body_left_ != 0;
    Response response;
    if (const Handler* handler = router_.find(exchange.request.path)) {
        timer_.cancel();  // what the handler does is not the peer's fault; reading the body sets the time again
        auto handling = (*handler)(std::move(exchange));
        response = co_await std::move(handling);
    } else {
        response = exchange.request.path == "*" ? Response{.status = 204, .fields = {{"Allow", "GET, HEAD, POST, PUT, OPTIONS"}}} : plain(404);
    }
    if (response.upgrade) {
        // Nobody may speak the other protocol before he has heard that it is spoken here.
        if (body_left_ == 0 && rest_.empty()) {
            auto handing = hand_over(std::move(response));
            co_await std::move(handing);
            co_return false;
        }
        response = plain(400);
        response.close = true;
    }
    const bool keep_alive = wanted && !response.close && body_left_ == 0;
    auto sending = send(std::move(response), head_only, keep_alive);
    co_return co_await std::move(sending);
}

asio::awaitable<void> Connection::hand_over(Response response) {
    within(seconds(limits_.stall_seconds));
    const std::string head = head_of(response, core_.env.clock.now(), true);
    auto writing = stream_.write(head);
    const auto written = co_await std::move(writing);
    // It may have run out already, and its handler wait for its turn.
    timer_.expires_at(steady_clock::time_point::max());
    handed_over_ = true;
    if (written) response.upgrade(std::move(stream_));
}

/// True: another request may follow.
asio::awaitable<bool> Connection::send(Response response, bool head_only, bool keep_alive) {
    within(seconds(limits_.stall_seconds));
    std::string bytes = head_of(response, core_.env.clock.now(), keep_alive);
    if (!head_only && !response.pieces) bytes += response.body;
    for (std::size_t sent = 0; sent < bytes.size(); sent += piece_size) {
        within(seconds(limits_.stall_seconds));
        auto writing = stream_.write(std::string_view(bytes).substr(sent, piece_size));
        const auto written = co_await std::move(writing);
        if (!written) co_return false;
    }
    if (head_only || !response.pieces) co_return keep_alive;
    auto sending = send_pieces(std::move(response.pieces), response.length);
    const bool whole = co_await std::move(sending);
    // A body that ends early must not look like a whole one.
    if (!whole) stream_.close();
    co_return whole && keep_alive;
}

asio::awaitable<bool> Connection::send_pieces(Response::Pieces pieces, std::uint64_t length) {
    while (length > 0) {
        timer_.cancel();
        auto making = pieces();
        const std::optional<std::string> piece = co_await std::move(making);
        if (!piece || piece->empty() || piece->size() > length) co_return false;
        length -= piece->size();
        for (std::size_t sent = 0; sent < piece->size(); sent += piece_size) {
            within(seconds(limits_.stall_seconds));
            auto writing = stream_.write(std::string_view(*piece).substr(sent, piece_size));
            const auto written = co_await std::move(writing);
            if (!written) co_return false;
        }
    }
    co_return true;
}

asio::awaitable<std::optional<net::NetError>> Connection::say_continue() {
    continue_owed_ = false;
    auto writing = stream_.write("HTTP/1.1 100 Continue\r\n\r\n");
    const auto written = co_await std::move(writing);
    co_return written ? std::nullopt : std::optional(written.error());
}

asio::awaitable<std::expected<std::size_t, net::NetError>> Connection::read(std::span<char> into) {
    if (body_left_ == 0) co_return 0;
    if (piece_left_ == 0) {
        piece_left_ = piece_size;
        within(seconds(limits_.stall_seconds));
    }
    if (continue_owed_) {
        auto saying = say_continue();
        if (const auto failed = co_await std::move(saying)) co_return std::unexpected(*failed);
    }
    into = into.first(static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), body_left_)));
    std::size_t got = std::min(into.size(), rest_.size());
    if (got > 0) {
        std::copy_n(rest_.begin(), got, into.begin());
        use(got);
    } else {
        auto reading = stream_.read(into);
        const auto arrived = co_await std::move(reading);
        if (!arrived) co_return std::unexpected(arrived.error());
        got = *arrived;
    }
    body_left_ -= got;
    piece_left_ -= std::min(got, piece_left_);
    // Between pieces it is the reader who takes his time: a disk, say.
    if (body_left_ == 0 || piece_left_ == 0) timer_.cancel();
    co_return got;
}

}  // namespace lethe::http
