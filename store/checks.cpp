// SPDX-License-Identifier: AGPL-3.0-or-later
#include "store/checks.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <vector>

#include "crypto/bytes.h"

namespace lethe::store {

namespace {

constexpr std::uintmax_t mebibyte = std::uintmax_t{1} << 20;
constexpr std::uintmax_t always_whole = 64 * mebibyte;  // takes a fraction of a second
constexpr MDB_dbi free_pages = 0, main_table = 1;       // LMDB's own two

/// Walks one file. Lives in the child: whatever LMDB does about damage happens to the child.
class Walk {
public:
    Walk(const std::filesystem::path& path, std::uintmax_t size, Depth depth)
        : path_(path), size_(size), depth_(depth) {}

    bool sound() {
        if (mdb_env_create(&env_) != 0 || mdb_env_set_maxdbs(env_, 64) != 0) return false;
        // LMDB raises this to what the file says it holds.
        const auto map = static_cast<std::size_t>((size_ / mebibyte + 1) * mebibyte);
        if (mdb_env_set_mapsize(env_, map) != 0) return false;
        if (mdb_env_open(env_, path_.c_str(), MDB_NOSUBDIR | MDB_NOTLS | MDB_RDONLY | MDB_NOLOCK, 0600) != 0)
            return false;
        if (mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn_) != 0) return false;
        if (shorter_than_it_says()) depth_ = Depth::all;
        std::vector<std::string> names;
        const bool main_sound = table(main_table, [&](ByteView key, ByteView) {
            names.emplace_back(as_text(key));
            return true;
        });
        if (!main_sound) return false;
        for (const auto& name : names) {
            MDB_dbi dbi = 0;
            if (mdb_dbi_open(txn_, name.c_str(), 0, &dbi) != 0) return false;
            if (!table(dbi, [](ByteView, ByteView) { return true; })) return false;
        }
        return table(free_pages, [&](ByteView key, ByteView value) { return free_list(key, value); });
    }

private:
    /// Pages at the end may never have been written; everything that is in use must be there, and only a
    /// whole walk tells.
    bool shorter_than_it_says() {
        MDB_envinfo info{};
        MDB_stat stat{};
        if (mdb_env_info(env_, &info) != 0 || mdb_env_stat(env_, &stat) != 0) return true;
        last_page_ = info.me_last_pgno;
        return size_ < (info.me_last_pgno + 1) * stat.ms_psize;
    }

    template <class F>
    bool table(MDB_dbi dbi, F&& row) {
        MDB_stat stat{};
        MDB_cursor* cursor = nullptr;
        if (mdb_stat(txn_, dbi, &stat) != 0 || mdb_cursor_open(txn_, dbi, &cursor) != 0) return false;
        MDB_val key{}, value{};
        int rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
        std::size_t rows = 0;
        const bool whole = depth_ == Depth::all || dbi == main_table;
        while (rc == 0 && rows < stat.ms_entries) {
            ++rows;
            if (!touch(key) || !touch(value) || !row(view(key), view(value))) return false;
            rc = mdb_cursor_get(cursor, &key, &value, whole ? MDB_NEXT : MDB_LAST);
            if (!whole && rows == 2) return true;
        }
        return rc == MDB_NOTFOUND ? rows == stat.ms_entries : !whole && stat.ms_entries == 1;
    }

    /// The free list: page numbers in descending order, counted by the first word.
    bool free_list(ByteView key, ByteView value) const {
        if (key.size() != sizeof(std::size_t) || value.size() < sizeof(std::size_t)) return false;
        std::vector<std::size_t> words(value.size() / sizeof(std::size_t));
        std::memcpy(words.data(), value.data(), words.size() * sizeof(std::size_t));
        if (words[0] > words.size() - 1) return false;
        for (std::size_t i = 1; i <= words[0]; ++i) {
            if (words[i] > last_page_ || words[i] < 2) return false;
            if (i > 1 && words[i] >= words[i - 1]) return false;
        }
        return true;
    }

    static ByteView view(const MDB_val& v) {
        return {static_cast<const std::uint8_t*>(v.mv_data), v.mv_size};
    }
    static bool touch(const MDB_val& v) {
        if (v.mv_size == 0) return true;
        const volatile auto* bytes = static_cast<const volatile std::uint8_t*>(v.mv_data);
        for (std::size_t i = 0; i < v.mv_size; i += 4096) static_cast<void>(bytes[i]);
        static_cast<void>(bytes[v.mv_size - 1]);
        return true;
    }

    const std::filesystem::path& path_;
    const std::uintmax_t size_;
    Depth depth_;
    MDB_env* env_ = nullptr;
    MDB_txn* txn_ = nullptr;
    std::size_t last_page_ = 0;
};

/// No core file with secrets, no words on standard error, no end that outlives the parent, no endless loop.
void confine(std::uintmax_t size) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::prctl(PR_SET_DUMPABLE, 0);
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    const rlim_t seconds = 30 + size / (16 * mebibyte);
    const rlimit cpu{seconds, seconds};
    ::setrlimit(RLIMIT_CPU, &cpu);
    for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}) std::signal(signal, SIG_DFL);
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0) ::dup2(null, STDERR_FILENO);
}

}  // namespace

Health check_environment(const std::filesystem::path& existing, Depth depth) {
    std::error_code error;
    const auto size = std::filesystem::file_size(existing, error);
    if (error) return Health::unknown;
    if (size == 0) return Health::damaged;
    if (size <= always_whole) depth = Depth::all;
    const pid_t child = ::fork();
    if (child < 0) return Health::unknown;
    if (child == 0) {
        confine(size);
        ::_exit(Walk(existing, size, depth).sound() ? 0 : 1);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) return Health::unknown;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? Health::sound : Health::damaged;
}

}  // namespace lethe::store
