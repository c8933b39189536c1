// SPDX-License-Identifier: AGPL-3.0-or-later
// One server-side TLS connection without I/O: ciphertext in and out, plaintext in and out. One thread at a time.
#pragma once
#include <mbedtls/ssl.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/net/tls_context.h"

namespace lethe::net {

class TlsEngine {
public:
    enum class Status {
        ok,
        want_input,      ///< everything given was used up; feed more
        closed_by_peer,  ///< close_notify arrived
        failed,          ///< for good; output() may hold an alert for the peer
    };

    explicit TlsEngine(std::shared_ptr<TlsContext> context);
    ~TlsEngine();
    TlsEngine(const TlsEngine&) = delete;
    TlsEngine& operator=(const TlsEngine&) = delete;

    /// Gives ciphertext; copied.
    void feed(std::span<const char> ciphertext);
    /// One step of the handshake with what was fed: the costly call.
    Status handshake();
    /// Decrypts into `plaintext`; ok means *got > 0, or for an empty `plaintext` that some is waiting. `ciphertext` is taken after what was
    /// fed before, and what it holds beyond the first record with data is kept.
    Status read(std::span<const char> ciphertext, std::span<char> plaintext, std::size_t* got);
    /// Encrypts at most one record; *taken bytes of `plaintext` are done.
    Status write(std::string_view plaintext, std::size_t* taken);
    /// Queues close_notify.
    void close_notify();

    /// Ciphertext for the peer, in order. The owner erases from its front what it has sent.
    std::string& output() { return output_; }
    /// Frees output()'s memory if it is empty.
    void release_output();

    bool plaintext_waiting() const;
    std::string_view version() const;
    std::optional<std::vector<std::uint8_t>> exporter();
    std::optional<std::vector<std::uint8_t>> unique() const;
    const TlsContext::Impl& context() const { return context_->impl(); }

    /// Gives the kernel back the pages of mbedTLS's two record buffers (16 KiB each) if a record larger than a chat message
    /// dirtied them since the last time and nothing in them is needed. Cheap when there is nothing to do.
    void drop_idle_pages();

private:
    static int on_send(void* self, const unsigned char* bytes, std::size_t size);
    static int on_receive(void* self, unsigned char* out, std::size_t size);
    Status verdict(int rc);
    void keep_unread_input();

    std::shared_ptr<TlsContext> context_;
    mbedtls_ssl_context ssl_;
    std::string output_;
    std::string kept_;             ///< ciphertext that arrived together with what was read before it
    std::size_t kept_used_ = 0;
    std::span<const char> fresh_;  ///< the caller's ciphertext, during read() only
    bool dead_ = false;
    bool peer_closed_ = false;
    bool dirty_ = true;            ///< calloc may have cleared, and so touched, whole buffers
};

}  // namespace lethe::net
