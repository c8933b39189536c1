// SPDX-License-Identifier: AGPL-3.0-or-later
// One HTTP connection: a request, its answer, the next.
//
// The data's way: bytes are read 16 KiB at a time into one piece that waits for the parser; a complete head finds its handler in the router;
//   the handler reads the body straight from the connection, as much as it has room for; what it answers is written, a long one piece by piece,
//   each made only when the one before has left; then the next request, if both sides want one. So one connection holds at most a head,
//   16 KiB that were read too far, and one piece, whatever is sent or fetched.
// Time: a head must be complete within limits.handshake_seconds of its first byte, and every 64 KiB of a body, either way, within
//   limits.stall_seconds; between requests limits.http_idle_seconds may pass. Who is too slow while asking is told so (408).
// A connection that becomes something else (101) is handed over whole, and this one is over.
// Secrets: what was read is wiped as soon as it was used; a form may hold a password.
// Lifetime: keeps itself alive through its coroutine and ends when the connection does. Thread: core.
#pragma once
#include <asio/steady_timer.hpp>
#include <chrono>
#include <memory>

#include "server/core/core.h"
#include "server/http/request_parser.h"
#include "server/http/router.h"

namespace lethe::http {

class Connection : public std::enable_shared_from_this<Connection>, private Body {
public:
    /// `tls` null: in plain, from a proxy or onion service on this machine. `core` and `router` outlive it.
    Connection(core::Core& core, const Router& router, asio::ip::tcp::socket socket, std::shared_ptr<net::TlsContext> tls);
    void start(std::function<void()> on_end);
    void close() { stream_.close(); }
    std::optional<net::PeerAddress> peer() const { return stream_.peer(); }

private:
    asio::awaitable<void> run();
    asio::awaitable<bool> handshake();
    asio::awaitable<bool> read_request(bool first);
    asio::awaitable<bool> fill();
    void use(std::size_t bytes);
    asio::awaitable<bool> answer(bool last);
    asio::awaitable<void> hand_over(Response response);
    asio::awaitable<bool> send(Response response, bool head_only, bool keep_alive);
    asio::awaitable<bool> send_pieces(Response::Pieces pieces, std::uint64_t length);
    asio::awaitable<std::expected<std::size_t, net::NetError>> read(std::span<char> into) override;
    asio::awaitable<std::optional<net::NetError>> say_continue();
    asio::awaitable<void> tell_too_slow();
    void within(std::chrono::seconds time);
    void out_of_time();

    core::Core& core_;
    const Router& router_;
    const admin::Config::Limits& limits_;
    net::Stream stream_;
    std::shared_ptr<net::TlsContext> tls_;
    RequestParser parser_;
    std::string rest_;             ///< read, and not used yet
    std::uint64_t body_left_ = 0;  ///< of the request being handled
    std::size_t piece_left_ = 0;   ///< of what must arrive before the time runs out
    bool continue_owed_ = false;   ///< "100 Continue", when the body is asked for
    bool waits_for_head_ = false;
    bool handed_over_ = false;     ///< stream_ is somebody else's
    bool telling_ = false;  ///< tell_too_slow() is under way beside run(), which may still be reading
    asio::steady_timer timer_, told_;  ///< told_: cancelled at the end of that
};

}  // namespace lethe::http
