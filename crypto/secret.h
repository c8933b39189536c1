// SPDX-License-Identifier: AGPL-3.0-or-later
// Secrets in locked, guarded memory: move-only, zeroed on destruction, no comparison, no printing.
//
// Storage comes from a slab (crypto/secret.cpp): few large sodium_malloc regions cut into 64-byte slots, because one guarded allocation
// per key would cost four pages each. initialise() must have succeeded before the first Secret.
// Thread: the slab is thread-safe; one Secret belongs to one thread at a time.
#pragma once
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <utility>

namespace lethe::crypto {

/// sodium_init, the first slab, and a check that memory can be locked. The error names LimitMEMLOCK and what to do.
[[nodiscard]] std::expected<void, std::string> initialise();

/// In a child process that fork() has just made and that has no business with keys: zeroes its copy of every secret. Nothing that holds one
/// may be used there any more.
void wipe_inherited_secrets() noexcept;

namespace detail {
std::uint8_t* take_slot(std::size_t size);  ///< size <= 64; zeroed; aborts when memory cannot be locked
void return_slot(std::uint8_t* slot, std::size_t size) noexcept;  ///< zeroes
void fill_random(std::uint8_t* out, std::size_t size);
void wipe(void* p, std::size_t size) noexcept;
}  // namespace detail

template <class Tag, std::size_t N> class Secret {
    static_assert(N <= 64);

public:
    static constexpr std::size_t size = N;
    static Secret generate() {
        Secret s;
        detail::fill_random(s.slot_, N);
        return s;
    }
    /// Copies, then wipes the source.
    static Secret take(std::span<std::uint8_t, N> source) {
        Secret s;
        for (std::size_t i = 0; i < N; ++i) s.slot_[i] = source[i];
        detail::wipe(source.data(), N);
        return s;
    }
    /// f(std::span<uint8_t, N>) writes the bytes.
    template <class F> static Secret make(F&& f) {
        Secret s;
        std::forward<F>(f)(std::span<std::uint8_t, N>(s.slot_, N));
        return s;
    }
    Secret(Secret&& o) noexcept : slot_(std::exchange(o.slot_, nullptr)) {}
    Secret& operator=(Secret&& o) noexcept {
        if (this != &o) {
            release();
            slot_ = std::exchange(o.slot_, nullptr);
        }
        return *this;
    }
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret() { release(); }
    /// A second copy, for a job on another thread. Named, so that each one is seen in review.
    Secret duplicate() const {
        return make([this](std::span<std::uint8_t, N> out) {
            for (std::size_t i = 0; i < N; ++i) out[i] = slot_[i];
        });
    }
    /// The only door: f(std::span<const uint8_t, N>).
    template <class F> decltype(auto) with_bytes(F&& f) const {
        return std::forward<F>(f)(std::span<const std::uint8_t, N>(slot_, N));
    }

private:
    Secret() : slot_(detail::take_slot(N)) {}
    void release() noexcept {
        if (slot_) detail::return_slot(slot_, N);
    }
    std::uint8_t* slot_;
};

using NodeKey = Secret<struct NodeKeyTag, 32>;
using KeyringKey = Secret<struct KeyringKeyTag, 32>;
using ProfileMasterKey = Secret<struct ProfileMasterKeyTag, 32>;
using UploadSlotKey = Secret<struct UploadSlotKeyTag, 32>;
using UploadToken = Secret<struct UploadTokenTag, 32>;
using AccountKey = Secret<struct AccountKeyTag, 32>;
using BucketKey = Secret<struct BucketKeyTag, 32>;
using VaultSecret = Secret<struct VaultSecretTag, 32>;

}  // namespace lethe::crypto
