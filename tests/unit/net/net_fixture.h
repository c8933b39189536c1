// SPDX-License-Identifier: AGPL-3.0-or-later
// What the tests of this folder share: certificates, a server on a thread of its own, and OpenSSL as the other side.
#pragma once
#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/thread_pool.hpp>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "server/net/listener.h"
#include "server/net/stream.h"

namespace lethe::test {

/// A directory of its own, removed at the end.
struct Directory {
    Directory();
    ~Directory();
    std::filesystem::path path;
    std::string file(const std::string& name) const { return (path / name).string(); }
    std::string write(const std::string& name, const std::string& text, unsigned mode = 0600) const;
};

/// Standard output of a shell command; aborts the test if it fails.
std::string output_of(const std::string& command);

/// Certificates made once for all tests with OpenSSL: "ec" and "rsa" (valid), "expired", "future", "sha1", "sha384".
std::string certificate(const std::string& name);
std::string key(const std::string& name);
std::shared_ptr<net::TlsContext> context(const std::string& name = "ec", std::vector<std::string> alpn = {});

/// peer.py against this port; its line.
std::string peer(std::uint16_t port, const std::string& scenario);
std::string peer_command(std::uint16_t port, const std::string& scenario);

/// A connected pair: a blocking descriptor for the test, a socket for the code under test.
struct Pair {
    explicit Pair(asio::io_context& io);
    ~Pair();
    void send(std::string_view bytes);
    std::string receive(std::size_t size);  ///< fewer at the end of the stream
    void hang_up();
    int fd = -1;
    std::shared_ptr<net::Stream> stream;
};

/// A core thread with a pool; `serve` is called for every connection.
class Server {
public:
    using Serve = std::function<asio::awaitable<void>(std::shared_ptr<net::Stream>, asio::thread_pool*)>;
    explicit Server(Serve serve);
    ~Server();
    std::uint16_t port() const { return port_; }
    asio::io_context io{1};
    asio::thread_pool pool{2};

private:
    std::unique_ptr<net::Listener> listener_;
    std::uint16_t port_ = 0;
    std::thread core_;
};

/// Handshake, then every byte comes back. Waits without a buffer.
asio::awaitable<void> echo_tls(std::shared_ptr<net::Stream> stream, asio::thread_pool* pool, std::shared_ptr<net::TlsContext> context);
Server::Serve echo_with(std::shared_ptr<net::TlsContext> context);

/// Runs one operation to its end on a fresh spawn and keeps its result.
template <class T> struct Outcome {
    std::optional<std::expected<T, net::NetError>> value;
    bool is(net::NetError error) const { return value && !*value && value->error() == error; }
    bool ok() const { return value && value->has_value(); }
};

}  // namespace lethe::test
