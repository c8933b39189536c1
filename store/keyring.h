// SPDX-License-Identifier: AGPL-3.0-or-later
// The keyring file: account and bucket keys, each in a 4 KiB slot of its own that is written once and
// overwritten once, in place.
//
// Outside LMDB, because LMDB copies what it changes; never mapped, because a mapping is written back whenever
// the kernel likes. Thread: read() from any thread; everything else from the writer thread (or before it
// starts).
#pragma once
#include <expected>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "store/files.h"
#include "store/format.h"

namespace lethe::store {

class Keyring {
public:
    using Part = format::Part;
    using Owner = format::Owner;
    using SlotRef = format::SlotRef;
    using SlotKey = crypto::Secret<struct SlotKeyTag, 32>;
    struct Content {
        SlotKey key;
        BucketSpan span;  ///< of a bucket's slot
    };
    /// What the clear head of a slot says. It may lie; read() finds out.
    struct Listed {
        SlotRef slot;
        Part part;
        Owner owner;
    };
    enum class Unreadable {
        dead,     ///< overwritten, or since taken by another
        damaged,  ///< its own head, but the seal does not open
        io
    };

    /// Makes the file; it must not exist. 0 or an errno.
    [[nodiscard]] static int create(const std::filesystem::path& path, const crypto::KeyringKey& key);
    /// Reads every slot's head. The key must outlive the keyring.
    static std::expected<std::unique_ptr<Keyring>, Problem> open(const std::filesystem::path& path,
                                                                 const crypto::KeyringKey& key);

    std::expected<Content, Unreadable> read(Part part, const Owner& owner, const SlotRef& slot) const;

    /// Takes a free slot and writes the key into it. Durable after the next flush().
    std::expected<SlotRef, Error> write(Part part, const Owner& owner, const SlotKey& key,
                                        const BucketSpan& span);
    /// The slot is to be overwritten by the next flush(); by every further one until one succeeds. Nothing
    /// happens if that use of the slot is over already, so asking again is safe.
    void doom(const SlotRef& slot);
    /// Takes back what doom() said, after a flush() that failed. Precondition: the slot can still be read.
    void spare(const SlotRef& slot);
    /// Overwrites what is doomed, and syncs. Only then doomed slots are free again.
    Result flush();
    bool needs_flush() const { return dirty_ || !doomed_.empty(); }
    std::size_t doomed() const { return doomed_.size(); }

    /// As found by open(); slots that are not free.
    const std::vector<Listed>& listed() const { return listed_; }
    void forget_listed() { listed_ = {}; }
    /// Whether the file ever came to hold this use of the slot, by what open() found. What a record names was durable before the
    /// record: if it is behind the end, or the slot is still in an earlier use, this is not the file that the record saw.
    bool held(const SlotRef& slot) const {
        return slot.index < whole_ && slots_[slot.index].generation >= slot.generation;
    }

private:
    Keyring(File file, const crypto::KeyringKey& key) : file_(std::move(file)), key_(key) {}
    [[nodiscard]] std::expected<void, Problem> scan(const std::filesystem::path& path);
    int overwrite(std::uint32_t index);
    std::optional<SlotRef> take_free();

    File file_;
    const crypto::KeyringKey& key_;
    mutable std::mutex io_;  ///< no reader sees half a slot
    enum class Use : std::uint8_t { free, taken, doomed };
    struct Slot {
        std::uint32_t generation = 0;
        Use use = Use::taken;
    };
    std::vector<Slot> slots_{{}};               ///< by index; block 0 is the head and counts as taken
    std::vector<std::uint32_t> free_, doomed_;  ///< indexes
    std::vector<Listed> listed_;
    std::uint64_t whole_ = 0;  ///< blocks that open() found
    bool dirty_ = false;
};

}  // namespace lethe::store
