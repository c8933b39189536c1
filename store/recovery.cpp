// SPDX-License-Identifier: AGPL-3.0-or-later
#include "store/recovery.h"

#include <algorithm>
#include <map>
#include <ranges>
#include <set>

namespace lethe::store {

namespace fs = std::filesystem;
using format::Part;

Problem state_unreadable(const Engine& engine, int code) {
    return {engine.state_path().string() + " cannot be read (" + mdb_strerror(code) + "): check the disk"};
}

namespace {

std::expected<void, Problem> flush(Engine& engine) {
    if (!engine.keyring->needs_flush()) return {};
    if (const auto flushed = engine.keyring->flush(); !flushed) {
        return std::unexpected(problem(engine.options.data / format::keyring_file, flushed.error().code,
                                       "cannot be written", "check the disk and mount it writable"));
    }
    return {};
}

enum class Named { live, dead, damaged };

Named look(const std::map<std::uint32_t, Keyring::Listed>& listed, const AccountId& id,
           const format::SlotRef& slot) {
    const auto it = listed.find(slot.index);
    if (it == listed.end()) return Named::dead;  // free
    const auto& found = it->second;
    if (found.part != Part::account && found.part != Part::bucket) return Named::damaged;
    const bool own = found.part == Part::account && found.slot == slot && found.owner == format::owner_of(id);
    return own ? Named::live : Named::dead;
}

/// Rows of accounts whose key is gone. A full disk may postpone this to the next open: without the key the
/// account is gone for everybody.
void finish_erasures(Engine& engine, const std::vector<AccountId>& dead) {
    if (dead.empty()) return;
    static_cast<void>(
        transact(*engine.registry, engine.state_path(), state_layout(), [&](WriteTransaction& txn) {
            int code = 0;
            for (const auto& id : dead) {
                for (const auto table : format::account_tables) {
                    if (code == 0) code = txn.erase_prefix(table, id.view());
                }
                if (code == 0) code = txn.erase(format::accounts, id.view());
            }
            return code;
        }));
}

}  // namespace

std::optional<BucketId> bucket_of_file(const fs::path& file) {
    constexpr std::string_view lock_ending = "-lock";
    std::string name = file.filename().string();
    if (name.ends_with(lock_ending)) name.resize(name.size() - lock_ending.size());
    const auto number = format::bucket_number(name);
    if (!number) return std::nullopt;
    const auto directory = file.parent_path().filename().string();
    const auto cls = crypto::class_named(directory);
    if (!cls) return std::nullopt;
    return BucketId{*cls, *number};
}

std::expected<void, Problem> recover_accounts(Engine& engine) {
    std::map<std::uint32_t, Keyring::Listed> listed;
    for (const auto& slot : engine.keyring->listed()) listed.emplace(slot.slot.index, slot);
    std::set<std::uint32_t> named;
    std::vector<AccountId> dead;
    bool damaged = false, cut = false;
    {
        auto pin = engine.state();
        if (!pin) return std::unexpected(state_unreadable(engine, pin.error()));
        const ReadTransaction txn(**pin);
        if (txn.code() != 0) return std::unexpected(state_unreadable(engine, txn.code()));
        const int code = txn.each(format::accounts, {}, {}, [&](ByteView key, ByteView value) {
            const auto account = format::decode_account(value);
            damaged = !account || key.size() != AccountId::size;
            cut = !damaged && !engine.keyring->held(account->slot);
            if (damaged || cut) return false;
            AccountId id;
            std::ranges::copy(key, id.bytes.begin());
            if (look(listed, id, account->slot) == Named::dead) {
                dead.push_back(id);
            } else {
                named.insert(account->slot.index);
            }
            return true;
        });
        if (code != 0) return std::unexpected(state_unreadable(engine, code));
    }
    if (damaged) return std::unexpected(state_unreadable(engine, MDB_CORRUPTED));
    // An older or half-copied keyring: nobody's rows are deleted for that.
    if (cut) {
        return std::unexpected(Problem{(engine.options.data / format::keyring_file).string() +
                                       " is cut short or damaged, or is an older copy: it never held the key "
                                       "of an account; put the newest whole file back"});
    }
    for (const auto& [index, slot] : listed) {
        if (slot.part != Part::bucket && !named.contains(index)) engine.keyring->doom(slot.slot);
    }
    if (auto flushed = flush(engine); !flushed) return flushed;
    finish_erasures(engine, dead);
    return {};
}

namespace {

std::expected<std::set<BucketId>, Problem> buckets_on_disk(const Engine& engine) {
    std::set<BucketId> out;
    for (const auto cls : format::first_classes) {
        const auto directory = engine.options.data / format::buckets_directory / format::class_directory(cls);
        if (const int code = make_directory(directory); code != 0)
            return std::unexpected(problem(directory, code, "cannot be made", "check the disk"));
    }
    for (const auto cls : crypto::all_classes()) {
        const auto directory = engine.options.data / format::buckets_directory / format::class_directory(cls);
        std::error_code error;
        if (!fs::exists(directory, error) && !error) continue;
        for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
            if (const auto id = bucket_of_file(it->path())) out.insert(*id);
        }
        if (error)
            return std::unexpected(problem(directory, error.value(), "cannot be listed", "check the disk"));
    }
    return out;
}

/// The name that comes behind it; false: it is the last.
bool next(LogPrefix& prefix) {
    for (auto& byte : std::views::reverse(prefix.bytes))
        if (++byte != 0) return true;
    return false;
}

/// The info row of a sound environment of this very bucket.
std::optional<format::BucketInfo> read_info(Engine& engine, const BucketId& id) {
    auto pin = engine.bucket(id);
    if (!pin) return std::nullopt;
    const ReadTransaction txn(**pin);
    if (txn.code() != 0) return std::nullopt;
    const auto value = txn.get(format::info, as_bytes(format::key_info));
    if (!value || !*value) return std::nullopt;
    const auto info = format::decode_info(**value);
    if (!info || info->version != format::version || info->id != id) return std::nullopt;
    return info;
}

/// Chunks of uploads that never got their header: a crash, or a stop, cut them short. A disk that takes nothing now postpones this to the next
/// open: nobody finds them, whatever happens.
void drop_unfinished_uploads(Engine& engine, const BucketId& id) {
    std::vector<LogPrefix> unfinished;
    {
        auto pin = engine.bucket(id);
        if (!pin) return;
        const ReadTransaction txn(**pin);
        if (txn.code() != 0) return;
        // One look per file, from its first chunk to behind its last possible one.
        for (std::optional<LogPrefix> file = LogPrefix{}; file;) {
            const LogPrefix from = *std::exchange(file, std::nullopt);
            const int code = txn.each(format::entries, {}, from.view(), [&](ByteView key, ByteView) {
                if (key.size() < LogPrefix::size) return true;
                file.emplace();
                std::ranges::copy(key.first(LogPrefix::size), file->bytes.begin());
                return false;
            });
            if (code != 0 || !file) break;
            const auto header = txn.get(format::heads, format::head_key(*file, 0));
            if (!header) break;
            if (!*header) unfinished.push_back(*file);
            if (!next(*file)) break;
        }
    }
    if (unfinished.empty()) return;
    static_cast<void>(transact(*engine.registry, engine.path_of(id), bucket_layout(), [&](WriteTransaction& txn) {
        int code = 0;
        for (const auto& file : unfinished)
            if (code == 0) code = txn.erase_prefix(format::entries, file.view());
        return code;
    }));
}

BucketTable::Entry examine(Engine& engine, const BucketId& id, const format::SlotRef& slot, Depth depth) {
    BucketTable::Entry entry{{0, 0, 0}, slot, BucketTable::State::quarantined};
    const auto content = engine.keyring->read(Part::bucket, format::owner_of(id), slot);
    if (content) entry.span = content->span;
    if (check_environment(engine.path_of(id), depth) != Health::sound) return entry;
    const auto info = read_info(engine, id);
    if (!info) return entry;
    if (!content) {
        entry.span = info->span;  // a whole keyring may be put back until then
        return entry;
    }
    // The row may only shorten what the slot promises: it is public, and anyone with the disk can write it.
    entry.span.end = std::min(entry.span.end, info->span.end);
    entry.span.deadline = std::min(entry.span.deadline, info->span.deadline);
    entry.state = BucketTable::State::alive;
    if (id.cls == ClassId::uploads) drop_unfinished_uploads(engine, id);
    return entry;
}

bool holds_data(Engine& engine, const BucketId& id) {
    auto pin = engine.bucket(id);
    if (!pin) return false;
    const ReadTransaction txn(**pin);
    bool found = false;
    for (const auto table : {format::heads, format::entries}) {
        if (txn.code() != 0 || found) break;
        static_cast<void>(txn.each(table, {}, {}, [&](ByteView, ByteView) {
            found = true;
            return false;
        }));
    }
    return found;
}

/// A bucket that has a file and no key. Empty: it never took anything, or most of it is gone already.
std::optional<BucketTable::Entry> examine_keyless(Engine& engine, const BucketId& id, Depth depth) {
    std::error_code error;
    const auto path = engine.path_of(id);
    if (!fs::exists(path, error) || check_environment(path, depth) != Health::sound) return std::nullopt;
    const auto info = read_info(engine, id);
    if (!info || !holds_data(engine, id)) return std::nullopt;
    return BucketTable::Entry{info->span, {}, BucketTable::State::keyless};
}

}  // namespace

std::expected<std::vector<BucketId>, Problem> adopt_buckets(Engine& engine, Depth depth) {
    auto files = buckets_on_disk(engine);
    if (!files) return std::unexpected(files.error());
    for (const auto cls : crypto::all_classes()) {
        const auto used = engine.high_water(cls);
        if (!used) return std::unexpected(state_unreadable(engine, used.error().code));
        engine.buckets.reserve(cls, *used);
    }
    for (const auto& listed : engine.keyring->listed()) {
        if (listed.part != Part::bucket) continue;
        const auto id = format::bucket_of(listed.owner);
        if (!id || engine.buckets.find(*id)) {
            engine.keyring->doom(
                listed.slot);  // a damaged head, or a second key for one bucket: no use of it is right
            continue;
        }
        engine.buckets.set(*id, examine(engine, *id, listed.slot, depth));
        files->erase(*id);
    }
    if (auto flushed = flush(engine); !flushed) return std::unexpected(flushed.error());
    // A file beyond the high water came from elsewhere; it goes too, and its number is not given out before
    // it is gone.
    for (const auto& id : *files) engine.buckets.reserve(id.cls, id.number);
    std::vector<BucketId> orphans;
    for (const auto& id : *files) {
        if (const auto keyless = examine_keyless(engine, id, depth))
            engine.buckets.set(id, *keyless);
        else
            orphans.push_back(id);
    }
    return orphans;
}

}  // namespace lethe::store
