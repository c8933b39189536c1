// SPDX-License-Identifier: AGPL-3.0-or-later
// Listening sockets. "[::]:5222" falls back to 0.0.0.0 where the kernel has no IPv6.
#pragma once
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>

namespace lethe::net {

class Listener {
public:
    /// `address`: "HOST:PORT" with a literal host; port 0 picks one. The error is one sentence naming address and remedy.
    static std::expected<std::unique_ptr<Listener>, std::string> open(asio::io_context& io, const std::string& address);
    /// Accepts until stop(). Running out of descriptors pauses accepting and retries, never ends it. on_accept runs on io's thread.
    void start(std::function<void(asio::ip::tcp::socket)> on_accept);
    /// on_accept is not called any more once this returns.
    void stop();
    std::uint16_t port() const;
    bool ipv4_only() const;  ///< "[::]" was asked for and the kernel has no IPv6: worth a log event
    ~Listener();

private:
    struct Impl;
    explicit Listener(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> impl_;
};

}  // namespace lethe::net
