// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tools/audit/even.h"

#include <numeric>

namespace lethe::audit {

namespace {

// The chi-square distribution with 255 degrees of freedom lies above this with probability 1e-9
// (Wilson and Hilferty: 255 * (1 - 2/2295 + 5.9978 * sqrt(2/2295))^3 = 414.9, rounded up).
constexpr double critical = 415;

}  // namespace

std::uint64_t Histogram::total() const {
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

bool looks_even(const Histogram& histogram) {
    const auto total = histogram.total();
    if (total < least_bytes) return true;
    const double expected = static_cast<double>(total) / 256;
    double sum = 0;
    for (const auto count : histogram.counts) {
        const double off = static_cast<double>(count) - expected;
        sum += off * off / expected;
    }
    return sum <= critical;
}

std::optional<std::size_t> find_text(ByteView bytes) {
    std::size_t run = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        run = bytes[i] >= 0x20 && bytes[i] < 0x7f ? run + 1 : 0;
        if (run == text_run) return i + 1 - text_run;
    }
    return std::nullopt;
}

}  // namespace lethe::audit
