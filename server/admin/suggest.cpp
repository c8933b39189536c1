// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/admin/suggest.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace lethe::admin {
namespace {

// Levenshtein distance, one row at a time.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
        }
    }
    return row.back();
}

}  // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
    // A word longer than any key is no misspelling, and the cost stays bounded.
    if (word.size() > 64) return {};
    std::string_view best;
    std::size_t best_distance = 3;
    for (const auto candidate : known) {
        const std::size_t d = distance(word, candidate);
        if (d < best_distance && d * 2 < candidate.size()) {
            best = candidate;
            best_distance = d;
        }
    }
    return best;
}

}  // namespace lethe::admin
