// SPDX-License-Identifier: AGPL-3.0-or-later
// Which buckets exist, their spans and their keyring slots; and which numbers were ever used.
//
// Thread: any. Only the writer thread changes it (reserve excepted).
#pragma once
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "store/format.h"

namespace lethe::store {

class BucketTable {
public:
    enum class State {
        alive,
        quarantined,  ///< damaged: left alone until it is destroyed
        keyless,      ///< the same: whole, with data in it, and the keyring has no slot of it
        dying         ///< marked closed; its key may not be overwritten yet
    };
    struct Entry {
        BucketSpan span;
        format::SlotRef slot;
        State state = State::alive;
    };

    void set(const BucketId& id, const Entry& entry);
    void erase(const BucketId& id);
    std::optional<Entry> find(const BucketId& id) const;
    bool alive(const BucketId& id) const;
    std::vector<Bucket> list(State state) const;

    /// Numbers up to `number` are used: next() is above it. Called when a creation is queued, so that two in
    /// a row differ.
    void reserve(ClassId cls, std::uint32_t number);
    std::uint32_t next(ClassId cls) const;

private:
    mutable std::mutex mutex_;
    std::map<BucketId, Entry> entries_;
    std::map<ClassId, std::uint32_t> reserved_;
};

}  // namespace lethe::store
