// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/outbox.h"

namespace lethe::core {

std::deque<Outgoing> Outbox::take(std::size_t max_bytes) {
    std::deque<Outgoing> out;
    std::size_t taken = 0;
    while (!items_.empty() && (out.empty() || taken + items_.front().bytes->size() <= max_bytes)) {
        taken += items_.front().bytes->size();
        out.push_back(std::move(items_.front()));
        items_.pop_front();
    }
    bytes_ -= taken;
    return out;
}

}  // namespace lethe::core
