// SPDX-License-Identifier: AGPL-3.0-or-later
// Every open environment of this process, by path: LMDB must not see one file opened twice. Opened when first
// used; the least recently used one without users is closed when there are too many.
//
// Thread: any. A Pin keeps its environment open; hold it for one short transaction.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "store/environment.h"

namespace lethe::store {

class Registry {
    struct Entry {
        std::unique_ptr<Environment> env;
        unsigned pins = 0;
        std::uint64_t last_use = 0;
        bool closing = false;  ///< close() waits for the pins: new ones wait for it
        bool retired = false;
    };

public:
    class Pin {
    public:
        Pin(Pin&& o) noexcept : registry_(std::exchange(o.registry_, nullptr)), entry_(o.entry_) {}
        Pin(const Pin&) = delete;
        ~Pin();
        const Environment& operator*() const { return *entry_->env; }

    private:
        friend class Registry;
        Pin(Registry& registry, Entry& entry) : registry_(&registry), entry_(&entry) {}
        Registry* registry_;
        Entry* entry_;
    };

    explicit Registry(std::size_t limit) : limit_(limit) {}
    ~Registry();

    /// The environment at `path`, opened if it is not. ESHUTDOWN once retired.
    std::expected<Pin, int> acquire(const std::filesystem::path& path, const Layout& layout,
                                    Access access = Access::existing);
    /// Waits for the last pin, then closes; the next acquire opens it afresh. LMDB needs that after some
    /// failures.
    void close(const std::filesystem::path& path);
    /// From now on acquire fails; returns when the last pin is gone and the environment is closed.
    void retire(const std::filesystem::path& path);
    /// The file of a retired environment is gone: nothing is left to be kept from opening it.
    void forget(const std::filesystem::path& path);
    std::size_t open_count() const;

private:
    void unpin(Entry& entry);
    void close_surplus();
    void close_and_wait(std::unique_lock<std::mutex>& lock, Entry& entry);

    const std::size_t limit_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::string, Entry> entries_;
    std::size_t open_ = 0;
    std::uint64_t uses_ = 0;
};

}  // namespace lethe::store
