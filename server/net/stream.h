// SPDX-License-Identifier: AGPL-3.0-or-later
// A TCP connection that can become a TLS connection in place, over Asio and mbedTLS. Bytes; knows no XMPP.
//
// Thread: constructed and used on the core thread (the socket's executor). TLS handshake steps run on the pool: while start_tls() is
// under way no other call is allowed but close(). One read() or wait_readable() and one write() may be under way at a time, concurrently
// with each other. The pool is joined before the io_context is destroyed.
// Errors are values; exceptions never leave. After an error every further call of that direction fails at once (the peer's end of stream
// ends reading only: what is owed to it may still be written). An operation ends early by close() alone; Asio's cancellation slots are
// not for these operations.
// Memory: nothing is buffered for a plain connection; an idle TLS connection keeps no buffer of ours, and the unused pages of mbedTLS's
// two record buffers go back to the kernel whenever it waits.
// Secrets: TLS buffers of mbedTLS are wiped by it; close() frees them.
#pragma once
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/thread_pool.hpp>
#include <array>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lethe::net {

enum class NetError { closed, timed_out, tls_failed, io };

/// Certificate, key and TLS settings; shared by all connections of one kind, replaced as a whole on reload.
/// Only ephemeral key exchange; no tickets, no session cache, no renegotiation, no early data; minimum version set explicitly.
class TlsContext {
public:
    struct Options {
        std::string certificate_path, key_path;
        std::string minimum = "1.2";                 ///< "1.2" or "1.3"
        std::vector<std::string> alpn = {};          ///< offered to clients of direct TLS, e.g. {"xmpp-client"}
    };
    /// The error is one sentence with the path and the remedy: missing, unreadable by permissions, key readable by others, key does not match, expired, not yet valid.
    static std::expected<std::shared_ptr<TlsContext>, std::string> load(const Options& options);
    ~TlsContext();
    struct Impl;
    Impl& impl() { return *impl_; }

private:
    explicit TlsContext(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

struct PeerAddress {
    std::array<std::uint8_t, 16> ip{};  ///< IPv4 in the first four bytes (also for ::ffff:a.b.c.d)
    bool v6 = false;
};

class Stream {
public:
    explicit Stream(asio::ip::tcp::socket socket);
    ~Stream();
    Stream(const Stream&) = delete;
    /// Precondition: no operation is under way. What is left may only be closed, destroyed and asked for its peer, which it has none of.
    Stream(Stream&&) noexcept;

    /// Waits, without a buffer, until read() has something to give (TLS: decrypted) or to report. An error is the one read() gives.
    asio::awaitable<std::expected<void, NetError>> wait_readable();
    /// Some bytes; 0 never: end of stream is NetError::closed. Precondition: the buffer is not empty.
    asio::awaitable<std::expected<std::size_t, NetError>> read(std::span<char> buffer);
    /// All bytes. `bytes` must live until it completes.
    asio::awaitable<std::expected<void, NetError>> write(std::string_view bytes);
    /// Server side handshake. Bytes already buffered in plain are never treated as TLS input or the other way round.
    asio::awaitable<std::expected<void, NetError>> start_tls(std::shared_ptr<TlsContext> context, asio::thread_pool& pool);

    bool encrypted() const;
    /// RFC 5929 tls-server-end-point: hash of the certificate we sent. Precondition: encrypted().
    std::vector<std::uint8_t> tls_server_end_point() const;
    /// RFC 9266, only on TLS 1.3 and while the connection is open. nullopt also where mbedTLS cannot export keying material: 2.28 and
    /// the first releases of 3.6 (Debian 13's 3.6.6 can).
    std::optional<std::vector<std::uint8_t>> tls_exporter() const;
    /// RFC 5929 tls-unique, only on TLS 1.2: the one that clients without XEP-0440 take -PLUS to mean there. Sound because every handshake
    /// here is a full one with an ephemeral key exchange. nullopt after close().
    std::optional<std::vector<std::uint8_t>> tls_unique() const;
    std::string_view tls_version() const;  ///< "TLSv1.2", "TLSv1.3"
    std::optional<PeerAddress> peer() const;
    /// Ends our direction after everything written: close_notify, then FIN. Reading goes on. Precondition: no write is under way.
    asio::awaitable<std::expected<void, NetError>> end_output();
    /// end_output(), then discards what still arrives until the peer ends too or has sent `discard_limit` bytes, then close(). A close()
    /// with bytes unread would make the kernel reset the connection, and the peer could lose our last words (a stream error).
    /// The caller bounds it in time by close(). Precondition: neither read nor write is under way.
    asio::awaitable<void> finish(std::size_t discard_limit);
    /// Cancels whatever is under way; sends close_notify if it can without waiting. Idempotent.
    void close();

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace lethe::net
