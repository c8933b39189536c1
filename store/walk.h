// SPDX-License-Identifier: AGPL-3.0-or-later
// Reads one environment table by table without trusting it, except that LMDB may die of what it reads: for
// a child process (store/confined). Knows no table by name; nothing is written.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "crypto/bytes.h"

namespace lethe::store {

class Walk {
public:
    /// With `lock`, LMDB's lock file beside it is used and must exist: for an environment that a server may
    /// be writing to. Without, nobody may.
    enum class Locking { none, lock };
    Walk();
    ~Walk();
    Walk(const Walk&) = delete;

    /// The newest state of `path`, which is `size` bytes long; it stays as it is to this reader.
    bool open(const std::filesystem::path& path, std::uint64_t size, Locking locking);
    /// Some pages that the file says it uses lie beyond its end. They may never have been written, and
    /// then nothing refers to them.
    bool shorter_than_it_says() const;
    /// It goes on behind the last page that it says it uses for longer than any transaction that was cut short can have left behind.
    bool longer_than_it_says() const;

    /// Key and value; valid during the call. False: stop, the walk has failed.
    using Row = std::function<bool(ByteView key, ByteView value)>;
    /// The rows of the unnamed table: the names of all others, and whatever else somebody put there.
    bool each_name(const Row& row);
    enum class Found { whole, broken, no_table };
    /// Every row in order, and as many as the table says it has. `ends`: the first and the last only.
    Found each(std::string_view table, const Row& row, bool ends = false);
    /// Whether there is such a row; false too if the table cannot be read.
    bool contains(std::string_view table, ByteView key);
    /// Whether the list of free pages holds together.
    bool free_list();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace lethe::store
