// SPDX-License-Identifier: AGPL-3.0-or-later
#include "store/environment.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>

#include "store/files.h"
#include "store/format.h"

namespace lethe::store {

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20, gibibyte = std::size_t{1} << 30;
constexpr std::size_t smallest_map = 16 * mebibyte;
// Read transactions at one moment: pools have a few threads.
constexpr unsigned max_readers = 254;
constexpr off_t lock_file_size = 20 * 1024;  // room for max_readers: 64 bytes each, and a head

/// Address space that maps may take; none if there is no limit.
std::optional<std::size_t> address_budget() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return 64 * gibibyte;  // shadow memory leaves less room
#else
    rlimit limit{};
    if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
    return static_cast<std::size_t>(limit.rlim_cur) / 2;
#endif
}

// Maps are sparse: size costs address space only. With a limited address space a quarter of the budget goes
// to state.mdb.
std::size_t state_map() {
    const auto budget = address_budget();
    return budget ? std::max(*budget / 4, smallest_map) : 64 * gibibyte;
}
std::size_t bucket_map() {
    const auto budget = address_budget();
    return budget ? std::max(*budget / 2 / open_limit(), smallest_map) : 256 * gibibyte;
}

/// LMDB maps its lock file writable and leaves holes in it: on a full disk touching one would kill the
/// process.
int reserve_lock_file(const std::filesystem::path& path) {
    auto file = open_file(path, OpenMode::create);
    if (!file && file.error() == EEXIST) file = open_file(path, OpenMode::write);
    if (!file) return file.error();
    return ::posix_fallocate(file->fd(), 0, lock_file_size);
}

std::expected<MDB_env*, int> open_mapped(const std::filesystem::path& path, const Layout& layout,
                                         std::size_t map_size) {
    MDB_env* env = nullptr;
    if (const int rc = mdb_env_create(&env); rc != 0) return std::unexpected(rc);
    int rc = mdb_env_set_maxdbs(env, static_cast<MDB_dbi>(layout.tables.size()));
    if (rc == 0) rc = mdb_env_set_maxreaders(env, max_readers);
    if (rc == 0) rc = mdb_env_set_mapsize(env, map_size);
    // MDB_NOTLS: a read transaction belongs to its object, not to its thread.
    if (rc == 0) rc = mdb_env_open(env, path.c_str(), MDB_NOSUBDIR | MDB_NOTLS, 0600);
    if (rc == 0) return env;
    mdb_env_close(env);
    return std::unexpected(rc);
}

}  // namespace

std::size_t open_limit() { return address_budget() ? 16 : 64; }

const Layout& state_layout() {
    static const Layout layout{format::state_tables, state_map()};
    return layout;
}

const Layout& bucket_layout() {
    static const Layout layout{format::bucket_tables, bucket_map()};
    return layout;
}

Error to_error(int code) {
    switch (code) {
        case MDB_MAP_FULL:
        case MDB_TXN_FULL:
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
            return {ErrorKind::full, code};
        case MDB_CORRUPTED:
        case MDB_PAGE_NOTFOUND:
        case MDB_INVALID:
        case MDB_VERSION_MISMATCH:
        case MDB_BAD_VALSIZE:
        case MDB_INCOMPATIBLE:
            return {ErrorKind::damaged, code};
        case MDB_NOTFOUND:
        case ENOENT:
            return {ErrorKind::not_found, code};
        case MDB_KEYEXIST:
        case EEXIST:
            return {ErrorKind::exists, code};
        case ESHUTDOWN:
            return {ErrorKind::closed, code};
        default:
            return {ErrorKind::io, code};
    }
}

std::expected<std::unique_ptr<Environment>, int> Environment::open(const std::filesystem::path& path,
                                                                   const Layout& layout, Access access) {
    std::error_code ignored;
    // LMDB would create what is missing.
    if (access == Access::existing && !std::filesystem::exists(path, ignored)) return std::unexpected(ENOENT);
    if (const int code = reserve_lock_file(format::lock_of(path)); code != 0) return std::unexpected(code);
    std::size_t map_size = layout.map_size;
    auto opened = open_mapped(path, layout, map_size);
    while (!opened && opened.error() == ENOMEM && map_size / 2 >= smallest_map) {
        opened = open_mapped(path, layout, map_size /= 2);
    }
    if (!opened) return std::unexpected(opened.error());
    std::unique_ptr<Environment> env(new Environment(*opened));
    if (const int rc = env->open_tables(layout, access); rc != 0) return std::unexpected(rc);
    return env;
}

int Environment::open_tables(const Layout& layout, Access access) {
    MDB_txn* txn = nullptr;
    if (const int rc = mdb_txn_begin(env_, nullptr, access == Access::existing ? MDB_RDONLY : 0, &txn);
        rc != 0) {
        return rc;
    }
    for (const char* name : layout.tables) {
        MDB_dbi dbi = 0;
        const int rc = mdb_dbi_open(txn, name, access == Access::create ? MDB_CREATE : 0, &dbi);
        if (rc != 0) {
            mdb_txn_abort(txn);
            // A missing table, not a missing file: the file is not what its name says.
            return rc == MDB_NOTFOUND ? MDB_INVALID : rc;
        }
        tables_.push_back(dbi);
    }
    return mdb_txn_commit(txn);
}

Environment::~Environment() { mdb_env_close(env_); }

ReadTransaction::ReadTransaction(const Environment& env) : env_(env) {
    code_ = mdb_txn_begin(env.handle(), nullptr, MDB_RDONLY, &txn_);
    if (code_ != 0) txn_ = nullptr;
}

ReadTransaction::~ReadTransaction() {
    if (txn_) mdb_txn_abort(txn_);
}

std::expected<std::optional<ByteView>, int> ReadTransaction::get(std::size_t table, ByteView key) const {
    MDB_val k = to_val(key), v{};
    const int rc = mdb_get(txn_, env_.table(table), &k, &v);
    if (rc == MDB_NOTFOUND) return std::nullopt;
    if (rc != 0) return std::unexpected(rc);
    return to_view(v);
}

std::expected<std::size_t, int> ReadTransaction::count(std::size_t table) const {
    MDB_stat stat{};
    if (const int rc = mdb_stat(txn_, env_.table(table), &stat); rc != 0) return std::unexpected(rc);
    return stat.ms_entries;
}

WriteTransaction::WriteTransaction(const Environment& env) : env_(env) {
    code_ = mdb_txn_begin(env.handle(), nullptr, 0, &txn_);
    if (code_ != 0) txn_ = nullptr;
}

WriteTransaction::~WriteTransaction() {
    if (txn_) mdb_txn_abort(txn_);
}

std::expected<std::optional<ByteView>, int> WriteTransaction::get(std::size_t table, ByteView key) const {
    MDB_val k = to_val(key), v{};
    const int rc = mdb_get(txn_, env_.table(table), &k, &v);
    if (rc == MDB_NOTFOUND) return std::nullopt;
    if (rc != 0) return std::unexpected(rc);
    return to_view(v);
}

std::expected<bool, int> WriteTransaction::contains(std::size_t table, ByteView key) const {
    const auto found = get(table, key);
    if (!found) return std::unexpected(found.error());
    return found->has_value();
}

std::expected<std::vector<std::pair<Bytes, Bytes>>, int> WriteTransaction::rows(std::size_t table,
                                                                              ByteView prefix) const {
    MDB_cursor* cursor = nullptr;
    if (const int rc = mdb_cursor_open(txn_, env_.table(table), &cursor); rc != 0) return std::unexpected(rc);
    std::vector<std::pair<Bytes, Bytes>> out;
    MDB_val key = to_val(prefix), value{};
    int rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    for (; rc == 0; rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        const auto found = to_view(key), content = to_view(value);
        if (found.size() < prefix.size() || !std::equal(prefix.begin(), prefix.end(), found.begin())) break;
        out.emplace_back(Bytes(found.begin(), found.end()), Bytes(content.begin(), content.end()));
    }
    mdb_cursor_close(cursor);
    if (rc != 0 && rc != MDB_NOTFOUND) return std::unexpected(rc);
    return out;
}

int WriteTransaction::put(std::size_t table, ByteView key, ByteView value) {
    MDB_val k = to_val(key), v = to_val(value);
    return mdb_put(txn_, env_.table(table), &k, &v, 0);
}

int WriteTransaction::erase(std::size_t table, ByteView key) {
    MDB_val k = to_val(key);
    const int rc = mdb_del(txn_, env_.table(table), &k, nullptr);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int WriteTransaction::erase_prefix(std::size_t table, ByteView prefix) {
    MDB_cursor* cursor = nullptr;
    if (const int rc = mdb_cursor_open(txn_, env_.table(table), &cursor); rc != 0) return rc;
    int rc = 0;
    while (rc == 0) {
        MDB_val key = to_val(prefix), value{};
        rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
        if (rc != 0) break;
        const auto found = to_view(key);
        if (found.size() < prefix.size() || !std::equal(prefix.begin(), prefix.end(), found.begin())) break;
        rc = mdb_cursor_del(cursor, 0);
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int WriteTransaction::commit() {
    MDB_txn* txn = std::exchange(txn_, nullptr);
    return mdb_txn_commit(txn);  // frees it, failed or not
}

}  // namespace lethe::store
