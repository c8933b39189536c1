// SPDX-License-Identifier: AGPL-3.0-or-later
// What the tests of this folder share: certificates, a server on a thread of its own, and OpenSSL as the other side.
#pragma once
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/thread_pool.hpp>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
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

/// peer.py against this port with this version of TLS; what it printed.
std::string peer(std::uint16_t port, const std::string& scenario, const std::string& version = "1.2");
std::string peer_command(std::uint16_t port, const std::string& scenario, const std::string& version = "1.2");
/// "1.2", and "1.3" where the library has it.
std::vector<std::string> versions();

/// A shell command that runs beside the test, with its standard input and output on pipes.
class Process {
public:
    explicit Process(const std::string& command);
    ~Process();  ///< ends its input and waits for it
    std::string line();
    void say(const std::string& text);

private:
    int in_ = -1, out_ = -1;
    int pid_ = -1;
};

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

/// A core thread with a pool; `serve` is called for every connection, with this server.
class Server {
public:
    using Serve = std::function<asio::awaitable<void>(std::shared_ptr<net::Stream>, Server*)>;
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
asio::awaitable<void> echo_tls(std::shared_ptr<net::Stream> stream, Server* server, std::shared_ptr<net::TlsContext> context);
Server::Serve echo_with(std::shared_ptr<net::TlsContext> context);

/// What an operation that was spawned came to; empty while it is under way.
template <class T> struct Outcome {
    std::optional<std::expected<T, net::NetError>> value;
    bool pending() const { return !value; }
    bool ok() const { return value && value->has_value(); }
    bool is(net::NetError error) const { return value && !value->has_value() && value->error() == error; }
};

template <class T>
asio::awaitable<void> into(asio::awaitable<std::expected<T, net::NetError>> operation, Outcome<T>* outcome) {
    auto result = co_await std::move(operation);
    outcome->value = std::move(result);
}

/// Starts an operation; it runs as `io` does.
template <class T>
void spawn(asio::io_context& io, asio::awaitable<std::expected<T, net::NetError>> operation, Outcome<T>& outcome) {
    asio::co_spawn(io, into(std::move(operation), &outcome), asio::detached);
}

/// Runs `io` until the operation has ended.
template <class T> void finish(asio::io_context& io, const Outcome<T>& outcome) {
    io.restart();
    while (outcome.pending() && io.run_one() > 0) {}
}

/// Runs everything that can run without the outside world.
inline void settle(asio::io_context& io) {
    io.restart();
    while (io.poll() > 0) {}
}

}  // namespace lethe::test
