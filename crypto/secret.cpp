// SPDX-License-Identifier: AGPL-3.0-or-later
#include "crypto/secret.h"

#include <sodium.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>

#include "crypto/account.h"
#include "crypto/slab.h"

namespace lethe::crypto {
namespace {

/// Never destroyed: a Secret with static storage may be returned after any destructor has run.
Slab& slab() {
    static Slab& only = *new Slab;
    return only;
}

std::string lock_problem() {
    std::string limit = "unknown";
    rlimit r{};
    if (getrlimit(RLIMIT_MEMLOCK, &r) == 0)
        limit = r.rlim_cur == RLIM_INFINITY ? "unlimited" : std::to_string(r.rlim_cur >> 10) + " KiB";
    return "memory for keys cannot be locked (the limit is " + limit +
           "): set LimitMEMLOCK=64M in the systemd unit, or raise it with 'ulimit -l 65536' before starting, "
           "so "
           "that keys never reach the swap";
}

}  // namespace

bool Slab::grow() {
    const std::lock_guard lock(mutex_);
    return grow_locked();
}

bool Slab::grow_locked() {
    const std::size_t count = slots_ == 0 ? first_region_slots : region_slots;
    const std::size_t bytes = count * slot_bytes;
    const std::size_t made = regions_made_.load();
    if (made == regions_.size()) return false;
    // All of it now, so that give_back() never allocates.
    free_.reserve(slots_ + count);
    auto* const region = static_cast<std::uint8_t*>(sodium_malloc(bytes));
    if (region == nullptr) return false;
    // sodium_malloc locks too but does not say whether it could; locking again is idempotent and does.
    if (sodium_mlock(region, bytes) != 0) {
        sodium_free(region);
        return false;
    }
    sodium_memzero(region, bytes);
    regions_[made] = {region, bytes};
    regions_made_.store(made + 1);
    // Handed out from the front.
    for (std::size_t i = count; i-- > 0;) free_.push_back(region + i * slot_bytes);
    slots_ += count;
    return true;
}

std::uint8_t* Slab::take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty() && !grow_locked()) return nullptr;
    std::uint8_t* const slot = free_.back();
    free_.pop_back();
    return slot;
}

void Slab::give_back(std::uint8_t* slot) noexcept {
    sodium_memzero(slot, slot_bytes);
    const std::lock_guard lock(mutex_);
    if (free_.size() == slots_) std::abort();  // returned twice
    free_.push_back(slot);
}

void Slab::wipe_all() noexcept {
    // Without the mutex: a thread that held it at the fork does not exist here and will never let it go.
    const std::size_t made = regions_made_.load();
    for (std::size_t i = 0; i < made; ++i) sodium_memzero(regions_[i].data(), regions_[i].size());
}

std::size_t Slab::free_slots() const {
    const std::lock_guard lock(mutex_);
    return free_.size();
}

std::expected<void, std::string> initialise(Slab& memory) {
    if (sodium_init() < 0)
        return std::unexpected("libsodium cannot be initialised: the system gives no random numbers");
    if (memory.free_slots() == 0 && !memory.grow()) return std::unexpected(lock_problem());
    return {};
}

std::expected<void, std::string> initialise() { return initialise(slab()); }

void wipe_inherited_secrets() noexcept { slab().wipe_all(); }

void random_bytes(std::span<std::uint8_t> out) { randombytes_buf(out.data(), out.size()); }

namespace detail {

std::uint8_t* take_slot(std::size_t size) {
    if (size > Slab::slot_bytes) std::abort();
    std::uint8_t* const slot = slab().take();
    if (slot == nullptr) {
        // Going on with a key that may be swapped out would break a promise silently.
        std::fputs("lethe: no more memory for keys can be locked: raise LimitMEMLOCK\n", stderr);
        std::abort();
    }
    return slot;
}

void return_slot(std::uint8_t* slot, std::size_t) noexcept { slab().give_back(slot); }

void fill_random(std::uint8_t* out, std::size_t size) { randombytes_buf(out, size); }

void wipe(void* p, std::size_t size) noexcept { sodium_memzero(p, size); }

}  // namespace detail
}  // namespace lethe::crypto
