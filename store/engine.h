// SPDX-License-Identifier: AGPL-3.0-or-later
// What the parts of an open store share. Built by open.cpp before any thread starts.
#pragma once
#include <atomic>
#include <cerrno>
#include <memory>

#include "store/bucket_table.h"
#include "store/edits.h"
#include "store/environment.h"
#include "store/keyring.h"
#include "store/reaper.h"
#include "store/registry.h"
#include "store/writer.h"

namespace lethe::store {

struct AccountState {
    format::SlotRef slot;
    Sealed record;
};

class Engine {
public:
    explicit Engine(Store::Options given);
    ~Engine();  ///< runs what is queued, reaps what is dead, closes, and notes that the end was clean
    void start();

    std::filesystem::path state_path() const { return options.data / format::state_file; }
    std::filesystem::path path_of(const BucketId& id) const { return format::bucket_path(options.data, id); }
    std::expected<Registry::Pin, int> state() { return registry->acquire(state_path(), state_layout()); }
    std::expected<Registry::Pin, int> bucket(const BucketId& id) {
        return registry->acquire(path_of(id), bucket_layout());
    }
    /// The committed record of an account.
    std::expected<std::optional<AccountState>, Error> account(const AccountId& id);
    /// The highest bucket number ever used in a class, 0 if none.
    std::expected<std::uint32_t, Error> high_water(ClassId cls);

    // On the writer thread.
    void run(std::deque<Op> ops);
    void hand_over(std::vector<std::pair<Completion, Result>> completions);

    // bucket_ops.cpp
    Result create_bucket(const CreateBucket& op);
    Result shorten_bucket(const ShortenBucket& op);
    Result kill_bucket_key(const BucketId& id);
    bool was_ever_used(const BucketId& id);
    void reap(const BucketId& id, Completion gone);

    Store::Options options;
    File lock;
    bool ended_cleanly = false;  ///< the process before this one
    std::unique_ptr<Keyring> keyring;
    std::unique_ptr<Registry> registry;
    BucketTable buckets;
    std::vector<BucketId> orphans;  ///< as found by open; never changed after
    std::atomic<std::size_t> keys_left_over = 0;  ///< slots that the last flush could not overwrite

private:
    void run_bucket_op(Op op);
    Result raise_high_water(const BucketId& id);
    Result make_environment(const CreateBucket& op);

    bool started_ = false;
    std::unique_ptr<Reaper> reaper_;

public:
    std::unique_ptr<Writer> writer;  ///< last: its thread uses all the others
};

struct Store::Impl : Engine {
    using Engine::Engine;
};

/// One write transaction in the environment at `path`: change(transaction) returns 0 or a code. 0, or a code
/// and nothing has changed.
template <class F>
int transact(Registry& registry, const std::filesystem::path& path, const Layout& layout, F&& change) {
    int code = 0;
    {
        auto pin = registry.acquire(path, layout);
        if (!pin) return pin.error();
        WriteTransaction txn(**pin);
        code = txn.code();
        if (code == 0) code = change(txn);
        if (code == 0) code = txn.commit();
    }
    // After a failed write LMDB may refuse everything until the environment is opened afresh.
    if (code != 0 && code != MDB_MAP_FULL && code != ENOENT) registry.close(path);
    if (code != EIO) return code;
    const int room = ask_for_room(path);
    return room == 0 ? EIO : room;
}

inline Result as_result(int code) {
    if (code == 0) return {};
    return std::unexpected(to_error(code));
}

}  // namespace lethe::store
