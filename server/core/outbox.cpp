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

std::deque<Outgoing> Outbox::extract(const std::function<bool(const Outgoing&)>& wanted) {
    std::deque<Outgoing> out, kept;
    for (auto& item : items_) {
        const bool take = wanted(item);
        if (take) bytes_ -= item.bytes->size();
        (take ? out : kept).push_back(std::move(item));
    }
    items_ = std::move(kept);
    return out;
}

void Outbox::put_back(std::deque<Outgoing> items) {
    for (const auto& item : items) bytes_ += item.bytes->size();
    items_.insert(items_.begin(), std::make_move_iterator(items.begin()), std::make_move_iterator(items.end()));
}

}  // namespace lethe::core
