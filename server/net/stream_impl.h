// SPDX-License-Identifier: AGPL-3.0-or-later
// What is behind Stream. Every operation is a coroutine that owns the Impl, so a Stream may be destroyed while its operations are still
// ending. Only the core thread resumes them; between two awaits an operation has the engine to itself, so reader and writer need no lock.
// All ciphertext goes through engine->output(): records leave in the order they were made, whoever made them.
//
// co_await is given named objects only: g++ 12 destroys temporaries of awaited expressions wrongly.
#pragma once
#include <asio/ip/tcp.hpp>

#include "server/net/stream.h"
#include "server/net/tls_engine.h"

namespace lethe::net {

/// What arrives is read into this (one per thread) and decrypted before the thread does anything else.
std::span<char> scratch();

/// Outcome of one attempt that does not wait.
enum class Attempt { done, would_wait, failed };

struct Stream::Impl {
    using Socket = asio::ip::tcp::socket;
    template <class T> using Result = std::expected<T, NetError>;
    template <class T> using Task = asio::awaitable<Result<T>>;

    explicit Impl(Socket s);

    Socket socket;
    std::optional<PeerAddress> peer;
    std::shared_ptr<TlsContext> context;  ///< outlives the engine: bindings may be asked for after close()
    std::unique_ptr<TlsEngine> engine;
    std::string_view version;
    std::optional<NetError> read_error, write_error;
    bool encrypted = false;
    bool handshaking = false;  ///< the engine may be in use by the pool
    bool writing = false;
    bool closed = false;
    bool drained = false;  ///< the last read took all there was: do not ask again before waiting

    static Task<void> wait(std::shared_ptr<Impl> self, Socket::wait_type type);
    static Task<void> wait_readable(std::shared_ptr<Impl> self);
    static Task<std::size_t> read(std::shared_ptr<Impl> self, std::span<char> buffer);
    static Task<void> write(std::shared_ptr<Impl> self, std::string_view bytes);
    static Task<void> start_tls(std::shared_ptr<Impl> self, std::shared_ptr<TlsContext> new_context, asio::thread_pool* pool);
    static Task<void> handshake(std::shared_ptr<Impl> self, asio::thread_pool* pool);
    static Task<void> end_output(std::shared_ptr<Impl> self);
    static asio::awaitable<void> finish(std::shared_ptr<Impl> self, std::size_t discard_limit);
    void close();

    Attempt receive(std::span<char> into, std::size_t* got);
    Attempt try_read(std::span<char> into, std::size_t* got);
    Attempt decrypt(std::span<char> into, std::size_t* got);
    Attempt try_write(std::string_view* bytes);
    Attempt send_plain(std::string_view* bytes);
    Attempt send_output();
    void answer_from_reader();
    Attempt fail_read(NetError error);
    Attempt fail_write(NetError error);
};

}  // namespace lethe::net
