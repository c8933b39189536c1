// SPDX-License-Identifier: AGPL-3.0-or-later
// The locked, guarded memory behind every Secret. Inside crypto/ only.
#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace lethe::crypto {

/// Regions from sodium_malloc (guard pages around, out of core dumps) cut into slots; grows, never shrinks,
/// never unmaps. A free slot is all zero. Thread: any.
class Slab {
public:
    static constexpr std::size_t slot_bytes = 64;
    /// One slot less than a power of two: sodium_malloc puts its canary in front, and canary and slots then
    /// fill whole pages. The first region is small because the usual RLIMIT_MEMLOCK is.
    static constexpr std::size_t first_region_slots = (64 << 10) / slot_bytes - 1;
    static constexpr std::size_t region_slots = (256 << 10) / slot_bytes - 1;

    /// Adds a region. False when memory cannot be had or locked; nothing has changed then.
    bool grow();
    /// Null when the slab is empty and cannot grow.
    std::uint8_t* take();
    void give_back(std::uint8_t* slot) noexcept;
    std::size_t free_slots() const;
    /// Zeroes every slot, in use or not; only in a child that fork() has just made. Its parent's stay as they are.
    void wipe_all() noexcept;

private:
    bool grow_locked();
    mutable std::mutex mutex_;
    std::vector<std::uint8_t*> free_;
    std::size_t slots_ = 0;
    std::array<std::span<std::uint8_t>, 4096> regions_;  ///< a gigabyte; those that are made never change
    std::atomic<std::size_t> regions_made_ = 0;
};

/// What crypto::initialise() does, for any slab.
std::expected<void, std::string> initialise(Slab& slab);

}  // namespace lethe::crypto
