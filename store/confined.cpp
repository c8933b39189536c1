// SPDX-License-Identifier: AGPL-3.0-or-later
#include "store/confined.h"

#include <fcntl.h>
#include <poll.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <memory>
#include <vector>

#include "crypto/secret.h"

namespace lethe::store {

namespace {

constexpr int unconfined = 100;  // exit status of a child that could not be confined
constexpr rlim_t most_memory = rlim_t{1} << 30;
constexpr rlim_t most_files = 64;

// What reading an open environment takes: memory, and words to the parent.
constexpr int sealed_calls[] = {
    SCMP_SYS(exit),   SCMP_SYS(exit_group),   SCMP_SYS(munmap),         SCMP_SYS(mremap),        SCMP_SYS(brk),
    SCMP_SYS(futex),  SCMP_SYS(madvise),      SCMP_SYS(rt_sigreturn),   SCMP_SYS(rt_sigprocmask), SCMP_SYS(close),
    SCMP_SYS(getpid), SCMP_SYS(gettid),       SCMP_SYS(clock_gettime),  SCMP_SYS(getrandom),     SCMP_SYS(restart_syscall),
    SCMP_SYS(sched_yield), SCMP_SYS(pread64), SCMP_SYS(read),           SCMP_SYS(lseek),         SCMP_SYS(tgkill),
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    // The sanitizers find out by a pipe of their own whether memory can be read.
    SCMP_SYS(pipe),   SCMP_SYS(pipe2),        SCMP_SYS(write),          SCMP_SYS(sigaltstack),
#endif
};
// What opening one takes besides.
constexpr int open_calls[] = {
    SCMP_SYS(open),  SCMP_SYS(openat),     SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(statx),
    SCMP_SYS(fcntl), SCMP_SYS(uname),      SCMP_SYS(prctl), SCMP_SYS(seccomp),    SCMP_SYS(set_robust_list),
    SCMP_SYS(getuid), SCMP_SYS(prlimit64), SCMP_SYS(fstatfs), SCMP_SYS(ftruncate),
};

using Filter = std::unique_ptr<void, decltype(&seccomp_release)>;

bool allow(const Filter& filter, std::span<const int> calls) {
    return std::ranges::all_of(calls, [&](int call) {
        // A call that this machine does not have needs no rule.
        return call < 0 || seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0) == 0;
    });
}

/// Everything else is answered with EPERM and not with death: a C library that tries something new first
/// then goes on with what it did before.
bool confine(bool opening, int out) {
    const Filter filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)), &seccomp_release);
    if (!filter || !allow(filter, sealed_calls) || (opening && !allow(filter, open_calls))) return false;
    const auto without_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    int rc = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, without_exec);
    if (rc == 0) rc = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, without_exec);
    for (const int fd : {out, STDERR_FILENO}) {
        const auto to = SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(fd));
        if (rc == 0) rc = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(write), 1, to);
    }
    return rc == 0 && seccomp_load(filter.get()) == 0;
}

void limit(int what, rlim_t most) {
    const rlimit value{most, most};
    ::setrlimit(static_cast<__rlimit_resource>(what), &value);
}

void close_all_but(std::vector<int> kept) {
    std::ranges::sort(kept);
    unsigned from = STDERR_FILENO + 1;
    for (const int fd : kept) {
        const auto next = static_cast<unsigned>(fd);
        if (next < from) continue;
        if (next > from) ::close_range(from, next - 1, 0);
        from = next + 1;
    }
    ::close_range(from, ~0U, 0);
}

[[noreturn]] void be_child(const ConfinedLimits& limits, std::span<const int> keep, int out, pid_t parent,
                           const std::function<int()>& work) {
    crypto::wipe_inherited_secrets();
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::prctl(PR_SET_DUMPABLE, 0);
    if (::getppid() != parent) ::_exit(unconfined);  // it died before it could be asked to tell
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGTERM, SIGINT, SIGXCPU})
        std::signal(signal, SIG_DFL);
    std::signal(SIGPIPE, SIG_IGN);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
        if (null >= 0) ::dup2(null, fd);
    std::vector<int> kept(keep.begin(), keep.end());
    kept.push_back(out);
    close_all_but(std::move(kept));
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, limits.seconds);
    limit(RLIMIT_NOFILE, static_cast<rlim_t>(std::max(out, keep.empty() ? 0 : *std::ranges::max_element(keep))) + most_files);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // whose shadow is larger than any limit
    limit(RLIMIT_DATA, most_memory);
#endif
    if (!confine(true, out) && limits.required) ::_exit(unconfined);
    ::_exit(work());
}

std::int64_t milliseconds() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

/// False at the limit of time or output.
bool listen(int in, const ConfinedLimits& limits, Bytes& said) {
    const auto until = milliseconds() + std::int64_t{limits.seconds} * 4000;
    std::vector<std::uint8_t> chunk(65536);
    for (;;) {
        const auto left = until - milliseconds();
        if (left <= 0) return false;
        pollfd ready{.fd = in, .events = POLLIN, .revents = 0};
        const int rc = ::poll(&ready, 1, static_cast<int>(std::min<std::int64_t>(left, 1000)));
        if (rc < 0 && errno != EINTR) return false;
        if (rc <= 0) continue;
        const auto n = ::read(in, chunk.data(), chunk.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n == 0;
        if (said.size() + static_cast<std::size_t>(n) > limits.output) return false;
        said.insert(said.end(), chunk.begin(), chunk.begin() + n);
    }
}

}  // namespace

bool Confined::say(ByteView bytes) const {
    while (!bytes.empty()) {
        const auto n = ::write(out_, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return true;
}

bool Confined::seal() const { return confine(false, out_); }

struct ConfinedRun {
    static Confined child(int out) { return Confined(out); }
};

ConfinedEnd run_confined(const ConfinedLimits& limits, std::span<const int> keep,
                         const std::function<int(const Confined&)>& work) {
    ConfinedEnd end;
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return end;
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child == 0) {
        const Confined self = ConfinedRun::child(ends[1]);
        be_child(limits, keep, ends[1], parent, [&] { return work(self); });
    }
    ::close(ends[1]);
    if (child < 0) {
        ::close(ends[0]);
        return end;
    }
    const bool in_time = listen(ends[0], limits, end.said);
    if (!in_time) ::kill(child, SIGKILL);
    ::close(ends[0]);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return end;
    if (!in_time || (WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL)))
        end.how = ConfinedEnd::How::too_long;
    else if (!WIFEXITED(status))
        end.how = ConfinedEnd::How::died;
    else if (WEXITSTATUS(status) != unconfined)
        end.how = ConfinedEnd::How::finished;
    end.status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    return end;
}

}  // namespace lethe::store
