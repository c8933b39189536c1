// SPDX-License-Identifier: AGPL-3.0-or-later
#include "store/bucket_table.h"

#include <algorithm>

namespace lethe::store {

void BucketTable::set(const BucketId& id, const Entry& entry) {
    const std::lock_guard lock(mutex_);
    entries_[id] = entry;
}

void BucketTable::erase(const BucketId& id) {
    const std::lock_guard lock(mutex_);
    entries_.erase(id);
}

std::optional<BucketTable::Entry> BucketTable::find(const BucketId& id) const {
    const std::lock_guard lock(mutex_);
    const auto it = entries_.find(id);
    if (it == entries_.end()) return std::nullopt;
    return it->second;
}

bool BucketTable::alive(const BucketId& id) const {
    const auto entry = find(id);
    return entry && entry->state == State::alive;
}

std::vector<Bucket> BucketTable::list(State state) const {
    const std::lock_guard lock(mutex_);
    std::vector<Bucket> out;
    for (const auto& [id, entry] : entries_) {
        if (entry.state == state) out.push_back({id, entry.span});
    }
    return out;
}

void BucketTable::reserve(ClassId cls, std::uint32_t number) {
    const std::lock_guard lock(mutex_);
    auto& reserved = reserved_[cls];
    reserved = std::max(reserved, number);
}

std::uint32_t BucketTable::next(ClassId cls) const {
    const std::lock_guard lock(mutex_);
    const auto it = reserved_.find(cls);
    return it == reserved_.end() ? 1 : it->second + 1;
}

}  // namespace lethe::store
