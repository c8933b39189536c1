// SPDX-License-Identifier: AGPL-3.0-or-later
#include "store/registry.h"

#include <cassert>
#include <cerrno>

namespace lethe::store {

Registry::Pin::~Pin() {
    if (registry_) registry_->unpin(*entry_);
}

Registry::~Registry() {
    for (const auto& [path, entry] : entries_) assert(entry.pins == 0);
}

std::expected<Registry::Pin, int> Registry::acquire(const std::filesystem::path& path, const Layout& layout,
                                                    Access access) {
    std::unique_lock lock(mutex_);
    const std::string key = path.string();
    // Looked up at each waking: another thread may have taken the entry out.
    changed_.wait(lock, [&] { return entries_[key].retired || !entries_[key].closing; });
    Entry& entry = entries_[key];
    if (entry.retired) return std::unexpected(ESHUTDOWN);
    if (!entry.env) {
        // Under the lock: opening takes a fraction of a millisecond, and two threads must not open one file.
        auto opened = Environment::open(path, layout, access);
        if (!opened) {
            entries_.erase(key);
            return std::unexpected(opened.error());
        }
        entry.env = std::move(*opened);
        ++open_;
    }
    ++entry.pins;
    entry.last_use = ++uses_;
    close_surplus();
    return Pin(*this, entry);
}

void Registry::unpin(Entry& entry) {
    const std::lock_guard lock(mutex_);
    if (--entry.pins == 0) changed_.notify_all();
}

void Registry::close_surplus() {
    while (open_ > limit_) {
        Entry* oldest = nullptr;
        for (auto& [path, entry] : entries_) {
            if (!entry.env || entry.pins != 0) continue;
            if (!oldest || entry.last_use < oldest->last_use) oldest = &entry;
        }
        if (!oldest) return;  // all in use: closed at a later acquire
        oldest->env.reset();
        --open_;
    }
}

void Registry::close_and_wait(std::unique_lock<std::mutex>& lock, Entry& entry) {
    changed_.wait(lock, [&] { return entry.pins == 0; });
    if (!entry.env) return;
    entry.env.reset();
    --open_;
}

void Registry::close(const std::filesystem::path& path) {
    std::unique_lock lock(mutex_);
    Entry& entry = entries_[path.string()];
    entry.closing = true;
    close_and_wait(lock, entry);
    entry.closing = false;
    changed_.notify_all();
}

void Registry::retire(const std::filesystem::path& path) {
    std::unique_lock lock(mutex_);
    Entry& entry = entries_[path.string()];
    entry.retired = true;
    changed_.notify_all();
    close_and_wait(lock, entry);
}

void Registry::forget(const std::filesystem::path& path) {
    const std::lock_guard lock(mutex_);
    const auto it = entries_.find(path.string());
    if (it != entries_.end() && it->second.retired && it->second.pins == 0) entries_.erase(it);
}

std::size_t Registry::open_count() const {
    const std::lock_guard lock(mutex_);
    return open_;
}

}  // namespace lethe::store
