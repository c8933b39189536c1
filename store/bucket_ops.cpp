// SPDX-License-Identifier: AGPL-3.0-or-later
// The life of a bucket, step by step: after a crash between any two steps the next open finishes it
// (open.cpp).
#include <algorithm>

#include "store/engine.h"

namespace lethe::store {

std::expected<std::uint32_t, Error> Engine::high_water(ClassId cls) {
    auto pin = state();
    if (!pin) return std::unexpected(to_error(pin.error()));
    const ReadTransaction txn(**pin);
    if (txn.code() != 0) return std::unexpected(to_error(txn.code()));
    const auto value = txn.get(format::meta, format::high_water_key(cls));
    if (!value) return std::unexpected(to_error(value.error()));
    if (!*value) return 0;
    const auto number = format::decode_u32(**value);
    if (!number) return std::unexpected(Error{ErrorKind::damaged, 0});
    return *number;
}

/// Before anything carries the number, so that it is not used again whatever happens.
Result Engine::raise_high_water(const BucketId& id) {
    return as_result(transact(*registry, state_path(), state_layout(), [&](WriteTransaction& txn) {
        return txn.put(format::meta, format::high_water_key(id.cls), format::encode_u32(id.number));
    }));
}

namespace {

/// The first bucket of an archive choice brings its directory.
int make_class_directory(const std::filesystem::path& directory) {
    std::error_code error;
    if (std::filesystem::exists(directory, error)) return 0;
    const int code = make_directory(directory);
    return code == 0 ? sync_directory(directory.parent_path()) : code;
}

}  // namespace

Result Engine::make_environment(const CreateBucket& op) {
    const auto path = path_of(op.id);
    if (const int code = make_class_directory(path.parent_path()); code != 0) return as_result(code);
    // Tables come into being with the environment; the row that names it comes next, and a file without it
    // has no slot yet.
    if (auto pin = registry->acquire(path, bucket_layout(), Access::create); !pin)
        return as_result(pin.error());
    const auto info = format::encode_info({.id = op.id, .span = op.span});
    int code = transact(*registry, path, bucket_layout(), [&](WriteTransaction& txn) {
        return txn.put(format::info, as_bytes(format::key_info), info);
    });
    if (code == 0) code = sync_directory(path.parent_path());
    return as_result(code);
}

Result Engine::create_bucket(const CreateBucket& op) {
    const auto used = high_water(op.id.cls);
    if (!used) return std::unexpected(used.error());
    if (op.id.number <= *used) return std::unexpected(Error{ErrorKind::exists, EEXIST});
    if (auto raised = raise_high_water(op.id); !raised) return raised;
    BucketTable::Entry entry{op.span, {}, BucketTable::State::dying};
    Result made = make_environment(op);
    if (made) {
        const auto slot = keyring->write(format::Part::bucket, format::owner_of(op.id),
                                         retag<Keyring::SlotKey>(op.key), op.span);
        if (slot) entry.slot = *slot;
        made = slot ? keyring->flush() : Result(std::unexpected(slot.error()));
    }
    if (made) entry.state = BucketTable::State::alive;
    buckets.set(op.id, entry);
    // A half-made bucket goes the way of every bucket: key first. If even that fails its file stays with its
    // key.
    if (!made && kill_bucket_key(op.id)) reap(op.id, {});
    return made;
}

Result Engine::shorten_bucket(const ShortenBucket& op) {
    auto entry = buckets.find(op.id);
    if (!entry || entry->state != BucketTable::State::alive) {
        return std::unexpected(Error{ErrorKind::not_found, ENOENT});
    }
    entry->span.end = std::min(entry->span.end, op.span.end);
    entry->span.deadline = std::min(entry->span.deadline, op.span.deadline);
    const auto info = format::encode_info({.id = op.id, .span = entry->span});
    const int code = transact(*registry, path_of(op.id), bucket_layout(), [&](WriteTransaction& txn) {
        return txn.put(format::info, as_bytes(format::key_info), info);
    });
    if (code == 0) buckets.set(op.id, *entry);
    return as_result(code);
}

bool Engine::was_ever_used(const BucketId& id) {
    const auto used = high_water(id.cls);
    return !used || id.number <= *used;
}

Result Engine::kill_bucket_key(const BucketId& id) {
    auto entry = buckets.find(id);
    if (!entry) return {};  // dead already
    entry->state = BucketTable::State::dying;
    buckets.set(id, *entry);
    registry->retire(path_of(id));
    if (entry->slot.index != 0) keyring->doom(entry->slot);
    if (auto flushed = keyring->flush(); !flushed) return flushed;
    buckets.erase(id);
    return {};
}

void Engine::reap(const BucketId& id, Completion gone) {
    reaper_->post(path_of(id), [this, id, g = std::move(gone)](Result result) mutable {
        writer->enqueue({Reaped{id, result}, std::move(g)});
    });
}

}  // namespace lethe::store
