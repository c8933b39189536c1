// SPDX-License-Identifier: AGPL-3.0-or-later
// LMDB environments and transactions as objects. The only header of this folder that shows LMDB, and only to
// this folder.
//
// Values seen through a transaction die with it: copy out. Codes are 0, an errno, or an LMDB code.
#pragma once
#include <lmdb.h>

#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/bytes.h"
#include "store/store.h"

namespace lethe::store {

Error to_error(int code);

/// Which tables a kind of environment has, and how much address space its map may take.
struct Layout {
    std::span<const char* const> tables;
    std::size_t map_size;
};
const Layout& state_layout();
const Layout& bucket_layout();
/// How many environments may be open at once: 64, fewer if the address space is limited.
std::size_t open_limit();

enum class Access { existing, create };

class Environment {
public:
    static std::expected<std::unique_ptr<Environment>, int> open(const std::filesystem::path& path,
                                                                 const Layout& layout, Access access);
    ~Environment();
    Environment(const Environment&) = delete;
    MDB_env* handle() const { return env_; }
    MDB_dbi table(std::size_t i) const { return tables_[i]; }

private:
    explicit Environment(MDB_env* env) : env_(env) {}
    [[nodiscard]] int open_tables(const Layout& layout, Access access);
    MDB_env* env_;
    std::vector<MDB_dbi> tables_;
};

inline MDB_val to_val(ByteView bytes) { return {bytes.size(), const_cast<std::uint8_t*>(bytes.data())}; }
inline ByteView to_view(const MDB_val& v) { return {static_cast<const std::uint8_t*>(v.mv_data), v.mv_size}; }

/// A read transaction; short, on one thread.
class ReadTransaction {
public:
    explicit ReadTransaction(const Environment& env);
    ~ReadTransaction();
    ReadTransaction(const ReadTransaction&) = delete;
    int code() const { return code_; }  ///< of beginning it; 0 before any other call
    std::expected<std::optional<ByteView>, int> get(std::size_t table, ByteView key) const;
    std::expected<std::size_t, int> count(std::size_t table) const;

    /// f(key, value) for every row whose key starts with `prefix`, from the first key >= `from` on, until f
    /// returns false.
    template <class F>
    [[nodiscard]] int each(std::size_t table, ByteView prefix, ByteView from, F&& f) const {
        MDB_cursor* cursor = nullptr;
        if (const int rc = mdb_cursor_open(txn_, env_.table(table), &cursor); rc != 0) return rc;
        MDB_val key = to_val(from), value{};
        int rc = mdb_cursor_get(cursor, &key, &value, from.empty() ? MDB_FIRST : MDB_SET_RANGE);
        while (rc == 0 && starts_with(to_view(key), prefix) && f(to_view(key), to_view(value))) {
            rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        }
        mdb_cursor_close(cursor);
        return rc == MDB_NOTFOUND ? 0 : rc;
    }

private:
    static bool starts_with(ByteView bytes, ByteView prefix) {
        return bytes.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), bytes.begin());
    }
    const Environment& env_;
    MDB_txn* txn_ = nullptr;
    int code_ = 0;
};

/// A write transaction of the writer thread. After a call failed only abort (the destructor) is left.
class WriteTransaction {
public:
    explicit WriteTransaction(const Environment& env);
    ~WriteTransaction();
    WriteTransaction(const WriteTransaction&) = delete;
    int code() const { return code_; }
    std::expected<bool, int> contains(std::size_t table, ByteView key) const;
    /// The view holds until the next change.
    std::expected<std::optional<ByteView>, int> get(std::size_t table, ByteView key) const;
    /// Copies of all rows whose key starts with `prefix`.
    std::expected<std::vector<std::pair<Bytes, Bytes>>, int> rows(std::size_t table, ByteView prefix) const;
    [[nodiscard]] int put(std::size_t table, ByteView key, ByteView value);
    [[nodiscard]] int erase(std::size_t table, ByteView key);  ///< a missing row is fine
    [[nodiscard]] int erase_prefix(std::size_t table, ByteView prefix);
    /// Returns when the change is on stable storage.
    [[nodiscard]] int commit();

private:
    const Environment& env_;
    MDB_txn* txn_ = nullptr;
    int code_ = 0;
};

}  // namespace lethe::store
