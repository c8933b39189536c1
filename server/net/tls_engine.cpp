// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/net/tls_engine.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "server/mbedtls_compat.h"

namespace lethe::net {

namespace {

/// Records up to this size touch at most a page or two of a buffer, not worth a system call to win back.
constexpr std::size_t small_record = 2048;

/// Inner pages only: the ones at the edges belong to neighbours on the heap too.
void drop_pages(std::span<unsigned char> bytes) {
    static const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data());
    const auto first = (begin + page - 1) / page * page;
    const auto last = (begin + bytes.size()) / page * page;
    // Failure (memory locked by the operator's wish) only means that the pages stay.
    if (first < last) madvise(bytes.data() + (first - begin), last - first, MADV_DONTNEED);
}

}  // namespace

TlsEngine::TlsEngine(std::shared_ptr<TlsContext> context) : context_(std::move(context)) {
    mbedtls_ssl_init(&ssl_);
    // The only failure is lack of memory.
    dead_ = mbedtls_ssl_setup(&ssl_, &context_->impl().conf) != 0;
    mbedtls_ssl_set_bio(&ssl_, this, on_send, on_receive, nullptr);
}

TlsEngine::~TlsEngine() { mbedtls_ssl_free(&ssl_); }

int TlsEngine::on_send(void* self, const unsigned char* bytes, std::size_t size) {
    static_cast<TlsEngine*>(self)->output_.append(reinterpret_cast<const char*>(bytes), size);
    return static_cast<int>(size);
}

int TlsEngine::on_receive(void* self, unsigned char* out, std::size_t size) {
    auto& engine = *static_cast<TlsEngine*>(self);
    if (engine.kept_used_ < engine.kept_.size()) {
        const std::size_t n = std::min(size, engine.kept_.size() - engine.kept_used_);
        std::memcpy(out, engine.kept_.data() + engine.kept_used_, n);
        engine.kept_used_ += n;
        return static_cast<int>(n);
    }
    if (engine.fresh_.empty()) return MBEDTLS_ERR_SSL_WANT_READ;
    const std::size_t n = std::min(size, engine.fresh_.size());
    std::memcpy(out, engine.fresh_.data(), n);
    engine.fresh_ = engine.fresh_.subspan(n);
    return static_cast<int>(n);
}

void TlsEngine::feed(std::span<const char> ciphertext) {
    fresh_ = ciphertext;
    keep_unread_input();
}

void TlsEngine::keep_unread_input() {
    if (kept_used_ == kept_.size()) {
        if (fresh_.empty() && kept_.capacity() > 0) std::string().swap(kept_);  // an idle session keeps no buffer
        kept_.assign(fresh_.begin(), fresh_.end());
        kept_used_ = 0;
    } else if (!fresh_.empty()) {
        kept_.erase(0, kept_used_);
        kept_used_ = 0;
        kept_.append(fresh_.begin(), fresh_.end());
    }
    fresh_ = {};
}

TlsEngine::Status TlsEngine::verdict(int rc) {
    if (rc >= 0) return Status::ok;
    if (rc == MBEDTLS_ERR_SSL_WANT_READ) return Status::want_input;
    if (rc == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
        peer_closed_ = true;
        return Status::closed_by_peer;
    }
    dead_ = true;
    return Status::failed;
}

TlsEngine::Status TlsEngine::handshake() {
    if (dead_) return Status::failed;
    const Status status = verdict(mbedtls_ssl_handshake(&ssl_));
    keep_unread_input();
    dirty_ = true;
    return status;
}

TlsEngine::Status TlsEngine::read(std::span<const char> ciphertext, std::span<char> plaintext, std::size_t* got) {
    *got = 0;
    if (dead_) return Status::failed;
    if (peer_closed_) return Status::closed_by_peer;
    fresh_ = ciphertext;
    if (kept_.size() - kept_used_ + fresh_.size() > small_record) dirty_ = true;
    Status status = Status::ok;
    unsigned char none = 0;  // for a look without a buffer: mbedTLS copies nothing, but to a valid address
    auto* out = plaintext.empty() ? &none : reinterpret_cast<unsigned char*>(plaintext.data());
    do {
        // Zero is no end here (on_receive reports none): a record without data, or a look at what is waiting.
        const int rc = mbedtls_ssl_read(&ssl_, out, plaintext.size());
        status = verdict(rc);
        if (rc > 0) *got = static_cast<std::size_t>(rc);
    } while (status == Status::ok && *got == 0 && !plaintext_waiting());
    keep_unread_input();
    return status;
}

TlsEngine::Status TlsEngine::write(std::string_view plaintext, std::size_t* taken) {
    *taken = 0;
    if (dead_) return Status::failed;
    if (plaintext.size() > small_record) dirty_ = true;
    const int rc = mbedtls_ssl_write(&ssl_, reinterpret_cast<const unsigned char*>(plaintext.data()), plaintext.size());
    const Status status = verdict(rc);
    if (rc > 0) *taken = static_cast<std::size_t>(rc);
    return status;
}

void TlsEngine::close_notify() {
    if (!dead_) mbedtls_ssl_close_notify(&ssl_);
}

void TlsEngine::release_output() {
    if (output_.empty() && output_.capacity() > std::string().capacity()) std::string().swap(output_);
}

bool TlsEngine::plaintext_waiting() const { return mbedtls_ssl_get_bytes_avail(&ssl_) > 0; }

std::string_view TlsEngine::version() const { return mbedtls_ssl_get_version(&ssl_); }

std::optional<std::vector<std::uint8_t>> TlsEngine::exporter() {
    if (version() != "TLSv1.3") return std::nullopt;
    std::vector<std::uint8_t> binding(32);
    if (!mbedtls_compat::export_keying_material(&ssl_, "EXPORTER-Channel-Binding", binding)) return std::nullopt;
    return binding;
}

std::optional<std::vector<std::uint8_t>> TlsEngine::unique() const {
    if (version() != "TLSv1.2") return std::nullopt;
    const auto finished = mbedtls_compat::client_finished(ssl_);
    if (finished.empty()) return std::nullopt;
    return std::vector<std::uint8_t>(finished.begin(), finished.end());
}

void TlsEngine::drop_idle_pages() {
    if (!dirty_ || dead_) return;
    const auto buffers = mbedtls_compat::idle_buffers(ssl_);
    if (!buffers) return;
    for (const auto& buffer : *buffers) drop_pages(buffer);
    dirty_ = false;
}

}  // namespace lethe::net
