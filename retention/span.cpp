// SPDX-License-Identifier: AGPL-3.0-or-later
#include <algorithm>

#include "retention/buckets.h"

namespace lethe::retention {

namespace {

constexpr Time second = 1'000'000;
constexpr Time unlimited_width = 30 * Time{86'400} * second;
constexpr Time spans_in_a_lifetime = 24;

}  // namespace

store::BucketSpan span_at(const Keep& keep, Time now) {
    const Time width = keep.unlimited ? unlimited_width : std::max(second, keep.micros / spans_in_a_lifetime);
    const Time into =
        ((now % width) + width) % width;  // from the grid line at or before now, before 1970 too
    const Time start = now - into;
    return {.start = start,
            .end = start + width,
            .deadline = keep.unlimited ? store::no_deadline : start + keep.micros};
}

}  // namespace lethe::retention
