// SPDX-License-Identifier: AGPL-3.0-or-later
#include "store/walk.h"

#include <lmdb.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace lethe::store {

namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
constexpr MDB_dbi free_pages = 0, main_table = 1;  // LMDB's own two
constexpr unsigned most_tables = 1024;
constexpr std::uint64_t most_dirty = 1 << 17;  // pages that a transaction of LMDB's can hold

ByteView view(const MDB_val& v) { return {static_cast<const std::uint8_t*>(v.mv_data), v.mv_size}; }

/// Every page of it, so that one that is not there is found here.
void touch(const MDB_val& v) {
    if (v.mv_size == 0) return;
    const volatile auto* bytes = static_cast<const volatile std::uint8_t*>(v.mv_data);
    for (std::size_t i = 0; i < v.mv_size; i += 4096) static_cast<void>(bytes[i]);
    static_cast<void>(bytes[v.mv_size - 1]);
}

}  // namespace

struct Walk::Impl {
    MDB_env* env = nullptr;
    MDB_txn* txn = nullptr;
    std::uint64_t size = 0;
    std::size_t last_page = 0;
    std::map<std::string, MDB_dbi, std::less<>> open_tables;

    ~Impl() {
        if (txn) mdb_txn_abort(txn);
        if (env) mdb_env_close(env);  // gives its place in the lock file back
    }

    bool open(const std::filesystem::path& path, std::uint64_t bytes, Locking locking) {
        size = bytes;
        if (mdb_env_create(&env) != 0 || mdb_env_set_maxdbs(env, most_tables) != 0) return false;
        // LMDB raises this to what the file says it holds.
        if (mdb_env_set_mapsize(env, static_cast<std::size_t>((size / mebibyte + 1) * mebibyte)) != 0)
            return false;
        const unsigned flags =
            MDB_NOSUBDIR | MDB_NOTLS | MDB_RDONLY | (locking == Locking::none ? MDB_NOLOCK : 0U);
        if (mdb_env_open(env, path.c_str(), flags, 0600) != 0) return false;
        int dead = 0;
        // Readers that died while they read would keep the writer from using free pages again.
        if (locking == Locking::lock && mdb_reader_check(env, &dead) != 0) return false;
        return mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn) == 0;
    }

    /// How many pages it says it uses, and how many there are; nothing if it does not say.
    struct Pages {
        std::uint64_t said, there;
    };
    std::optional<Pages> pages() {
        MDB_envinfo info{};
        MDB_stat stat{};
        if (mdb_env_info(env, &info) != 0 || mdb_env_stat(env, &stat) != 0) return std::nullopt;
        last_page = info.me_last_pgno;
        return Pages{.said = std::uint64_t{last_page} + 1, .there = size / stat.ms_psize};
    }

    std::optional<MDB_dbi> find(std::string_view table) {
        const auto found = open_tables.find(table);
        if (found != open_tables.end()) return found->second;
        MDB_dbi dbi = 0;
        const std::string name(table);
        if (name.find('\0') != std::string::npos || mdb_dbi_open(txn, name.c_str(), 0, &dbi) != 0) return {};
        open_tables.emplace(name, dbi);
        return dbi;
    }

    bool rows(MDB_dbi dbi, const Row& row, bool ends) {
        MDB_stat stat{};
        MDB_cursor* cursor = nullptr;
        if (mdb_stat(txn, dbi, &stat) != 0 || mdb_cursor_open(txn, dbi, &cursor) != 0) return false;
        MDB_val key{}, value{};
        int rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
        std::size_t seen = 0;
        bool good = true;
        while (good && rc == 0 && seen < stat.ms_entries) {
            ++seen;
            touch(key);
            touch(value);
            good = row(view(key), view(value));
            if (ends && seen == 2) break;
            if (good) rc = mdb_cursor_get(cursor, &key, &value, ends ? MDB_LAST : MDB_NEXT);
        }
        mdb_cursor_close(cursor);
        if (!good) return false;
        if (ends && (seen == 2 || (seen == 1 && stat.ms_entries == 1))) return true;
        return rc == MDB_NOTFOUND && seen == stat.ms_entries;
    }

    /// Page numbers in descending order, counted by the first word.
    bool free_row(ByteView key, ByteView value) const {
        if (key.size() != sizeof(std::size_t) || value.size() < sizeof(std::size_t)) return false;
        std::vector<std::size_t> words(value.size() / sizeof(std::size_t));
        std::memcpy(words.data(), value.data(), words.size() * sizeof(std::size_t));
        if (words[0] > words.size() - 1) return false;
        for (std::size_t i = 1; i <= words[0]; ++i) {
            if (words[i] > last_page || words[i] < 2) return false;
            if (i > 1 && words[i] >= words[i - 1]) return false;
        }
        return true;
    }
};

Walk::Walk() : impl_(std::make_unique<Impl>()) {}
Walk::~Walk() = default;

bool Walk::open(const std::filesystem::path& path, std::uint64_t size, Locking locking) {
    return impl_->open(path, size, locking);
}

bool Walk::shorter_than_it_says() const {
    const auto pages = impl_->pages();
    return !pages || pages->there < pages->said;
}
bool Walk::longer_than_it_says() const {
    const auto pages = impl_->pages();
    return pages && pages->there > pages->said && pages->there - pages->said > most_dirty;
}

bool Walk::each_name(const Row& row) { return impl_->rows(main_table, row, false); }

Walk::Found Walk::each(std::string_view table, const Row& row, bool ends) {
    const auto dbi = impl_->find(table);
    if (!dbi) return Found::no_table;
    return impl_->rows(*dbi, row, ends) ? Found::whole : Found::broken;
}

bool Walk::contains(std::string_view table, ByteView key) {
    const auto dbi = impl_->find(table);
    if (!dbi) return false;
    MDB_val k{key.size(), const_cast<std::uint8_t*>(key.data())}, v{};
    return mdb_get(impl_->txn, *dbi, &k, &v) == 0;
}

bool Walk::free_list() {
    if (impl_->last_page == 0) impl_->pages();
    return impl_->rows(free_pages, [this](ByteView key, ByteView value) { return impl_->free_row(key, value); },
                       false);
}

}  // namespace lethe::store
