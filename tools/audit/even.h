// SPDX-License-Identifier: AGPL-3.0-or-later
// Do these bytes look like ciphertext? Two tests without a key, each with false alarms so rare that no disk
// of our time meets one. Pure.
#pragma once
#include <array>
#include <cstdint>
#include <optional>

#include "crypto/bytes.h"

namespace lethe::audit {

/// How often each byte value occurs.
struct Histogram {
    std::array<std::uint64_t, 256> counts{};
    void add(ByteView bytes) {
        for (const auto byte : bytes) ++counts[byte];
    }
    std::uint64_t total() const;
};

/// False if evenly spread bytes would come out as uneven as this less than once in 10^9 times
/// (Pearson's chi-square, 255 degrees of freedom). Fewer than `least_bytes` pass: the test says nothing then.
bool looks_even(const Histogram& histogram);
inline constexpr std::uint64_t least_bytes = 1280;  // five of each are expected

/// Where a run of `text_run` printable ASCII bytes begins. In random bytes one in 10^14 places has one.
std::optional<std::size_t> find_text(ByteView bytes);
inline constexpr std::size_t text_run = 32;

}  // namespace lethe::audit
