// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tests/unit/store/faults.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>

namespace lethe::store::test::faults {

namespace {

constexpr off_t page_size = 4096;  // of LMDB on the machines the tests run on

/// What a write that was not synced replaced.
struct Undo {
    std::string path;
    off_t offset = 0, size = 0;  ///< size: of the whole file, before
    std::string bytes;
};

struct State {
    std::recursive_mutex
        mutex;  // serialises every operation: at the end of the process nothing else is under way
    bool armed = false, recording = false;
    std::string directory;
    Plan plan;
    long count = 0;
    std::vector<std::string> events;
    std::vector<Undo> undo;
};
State& state() {
    static auto* s = new State;  // outlives every thread
    return *s;
}

std::string path_of(int fd) {
    char target[4096];
    const auto link = "/proc/self/fd/" + std::to_string(fd);
    const auto n = ::readlink(link.c_str(), target, sizeof target);
    return n < 0 ? std::string() : std::string(target, static_cast<std::size_t>(n));
}

/// Empty if `path` does not count.
std::string name_of(const std::string& path) {
    const auto& directory = state().directory;
    if (!state().armed || !path.starts_with(directory)) return {};
    return path.size() > directory.size() ? path.substr(directory.size() + 1) : ".";
}

void lose_power() {
    auto& undo = state().undo;
    for (auto it = undo.rbegin(); it != undo.rend(); ++it) {
        const int fd = static_cast<int>(::syscall(SYS_open, it->path.c_str(), O_WRONLY | O_CLOEXEC));
        if (fd < 0) continue;  // unlinked since
        ::syscall(SYS_pwrite64, fd, it->bytes.data(), it->bytes.size(), it->offset);
        ::syscall(SYS_ftruncate, fd, it->size);
        ::syscall(SYS_close, fd);
    }
}

void event(const char* what, const std::string& name) {
    if (state().recording) state().events.push_back(std::string(what) + " " + name);
}

enum class Verdict { go_on, fail, tear };

/// Called with the lock held, once for each operation that counts.
Verdict judge(bool is_write) {
    auto& s = state();
    const long now = ++s.count;
    switch (s.plan.kind) {
        case Kind::none:
        case Kind::fail_meta:  // judged by its place, not by its number
            return Verdict::go_on;
        case Kind::fail_once:
            return now == s.plan.at ? Verdict::fail : Verdict::go_on;
        case Kind::fail_on:
            return now >= s.plan.at ? Verdict::fail : Verdict::go_on;
        case Kind::kill:
        case Kind::torn:
        case Kind::power_loss:
            break;
    }
    if (now != s.plan.at) return Verdict::go_on;
    if (s.plan.kind == Kind::torn && is_write) return Verdict::tear;
    if (s.plan.kind == Kind::power_loss) lose_power();
    ::_exit(died);
}

void remember(int fd, const std::string& path, off_t offset, std::size_t size) {
    struct stat st {};
    if (::fstat(fd, &st) != 0) return;
    Undo undo{path, offset, st.st_size, std::string(size, '\0')};
    const int reader = static_cast<int>(::syscall(SYS_open, path.c_str(), O_RDONLY | O_CLOEXEC));
    const auto n = ::syscall(SYS_pread64, reader, undo.bytes.data(), size, offset);
    ::syscall(SYS_close, reader);
    undo.bytes.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    state().undo.push_back(std::move(undo));
}

void synced(const std::string& path) {
    std::erase_if(state().undo, [&](const Undo& u) { return u.path == path; });
}

ssize_t positioned_write(int fd, const void* bytes, std::size_t size, off_t offset) {
    const std::lock_guard lock(state().mutex);
    const auto path = path_of(fd);
    const auto name = name_of(path);
    if (!name.empty()) {
        auto verdict = judge(true);
        if (state().plan.kind == Kind::fail_meta && name.ends_with(".mdb") && offset < 2 * page_size) {
            state().plan.kind = Kind::none;
            verdict = Verdict::fail;
        }
        if (verdict == Verdict::fail) {
            errno = state().plan.error;
            return -1;
        }
        if (verdict == Verdict::tear) {
            ::syscall(SYS_pwrite64, fd, bytes, size / 2, offset);
            ::_exit(died);
        }
        if (state().plan.kind == Kind::power_loss) remember(fd, path, offset, size);
        event("write", name);
    }
    const auto written = ::syscall(SYS_pwrite64, fd, bytes, size, offset);
    // A file opened this way has only its own write on stable storage; earlier ones through other descriptors
    // may be lost.
    if (!name.empty() && (::fcntl(fd, F_GETFL) & O_DSYNC) != 0) {
        if (state().plan.kind == Kind::power_loss) state().undo.pop_back();
        event("sync", name);
    }
    return written;
}

int sync_file(int fd, long call) {
    const std::lock_guard lock(state().mutex);
    const auto path = path_of(fd);
    const auto name = name_of(path);
    if (!name.empty()) {
        if (judge(false) == Verdict::fail) {
            errno = state().plan.error;
            return -1;
        }
        event("sync", name);
    }
    const int code = static_cast<int>(::syscall(call, fd));
    if (code == 0) synced(path);
    return code;
}

int truncate_file(int fd, off_t size) {
    const std::lock_guard lock(state().mutex);
    const auto name = name_of(path_of(fd));
    if (!name.empty()) {
        if (judge(false) == Verdict::fail) {
            errno = state().plan.error;
            return -1;
        }
        event("truncate", name);
    }
    return static_cast<int>(::syscall(SYS_ftruncate, fd, size));
}

}  // namespace

void arm(const std::filesystem::path& directory, const Plan& plan) {
    auto& s = state();
    const std::lock_guard lock(s.mutex);
    s.armed = true;
    s.directory = std::filesystem::canonical(directory).string();
    s.plan = plan;
    s.count = 0;
    s.undo.clear();
    s.events.clear();
}

void disarm() {
    const std::lock_guard lock(state().mutex);
    state().armed = false;
    state().plan = {};
}

long operations() {
    const std::lock_guard lock(state().mutex);
    return state().count;
}

void record(bool on) {
    const std::lock_guard lock(state().mutex);
    state().recording = on;
}

void note(const std::string& line) {
    const std::lock_guard lock(state().mutex);
    if (state().recording) state().events.push_back(line);
}

std::vector<std::string> events() {
    const std::lock_guard lock(state().mutex);
    return state().events;
}

int in_child(const std::function<int()>& f) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(f());
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace lethe::store::test::faults

// The functions in front of the C library's. With large files the header gives `pwrite` the symbol
// `pwrite64`; LMDB as packaged uses both forms, so each symbol is named outright.
namespace faults = lethe::store::test::faults;
extern "C" {
ssize_t faulty_pwrite(int fd, const void* bytes, std::size_t size, off_t offset) __asm__("pwrite");
ssize_t faulty_pwrite(int fd, const void* bytes, std::size_t size, off_t offset) {
    return faults::positioned_write(fd, bytes, size, offset);
}
ssize_t faulty_pwrite64(int fd, const void* bytes, std::size_t size, off_t offset) __asm__("pwrite64");
ssize_t faulty_pwrite64(int fd, const void* bytes, std::size_t size, off_t offset) {
    return faults::positioned_write(fd, bytes, size, offset);
}
// LMDB seeks, then writes several pages.
ssize_t faulty_writev(int fd, const iovec* parts, int count) __asm__("writev");
ssize_t faulty_writev(int fd, const iovec* parts, int count) {
    std::string all;
    for (int i = 0; i < count; ++i) all.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
    const auto offset = static_cast<off_t>(::syscall(SYS_lseek, fd, 0, SEEK_CUR));
    if (offset < 0) return ::syscall(SYS_writev, fd, parts, count);  // a pipe or a terminal
    const auto written = faults::positioned_write(fd, all.data(), all.size(), offset);
    if (written > 0) ::syscall(SYS_lseek, fd, written, SEEK_CUR);
    return written;
}
int faulty_fsync(int fd) __asm__("fsync");
int faulty_fsync(int fd) { return faults::sync_file(fd, SYS_fsync); }
int faulty_fdatasync(int fd) __asm__("fdatasync");
int faulty_fdatasync(int fd) { return faults::sync_file(fd, SYS_fdatasync); }
int faulty_ftruncate(int fd, off_t size) __asm__("ftruncate");
int faulty_ftruncate(int fd, off_t size) { return faults::truncate_file(fd, size); }
int faulty_ftruncate64(int fd, off_t size) __asm__("ftruncate64");
int faulty_ftruncate64(int fd, off_t size) { return faults::truncate_file(fd, size); }
int faulty_unlink(const char* path) __asm__("unlink");
int faulty_unlink(const char* path) {
    auto& s = faults::state();
    const std::lock_guard lock(s.mutex);
    if (const auto name = faults::name_of(path); !name.empty()) {
        if (faults::judge(false) == faults::Verdict::fail) {
            errno = s.plan.error;
            return -1;
        }
        faults::event("unlink", name);
    }
    return static_cast<int>(::syscall(SYS_unlink, path));
}
}
