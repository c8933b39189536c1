// SPDX-License-Identifier: AGPL-3.0-or-later
#include "retention/log_files.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>

namespace lethe::retention {

namespace {

constexpr std::string_view suffix = ".log", never = "never";

template <class T>
bool take_number(std::string_view text, T& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc() && end == text.data() + text.size();
}

int sync_directory(const std::filesystem::path& directory) {
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno;
    const int code = ::fsync(fd) == 0 ? 0 : errno;
    ::close(fd);
    return code;
}

int overwrite(int fd) {
    struct stat st {};
    if (::fstat(fd, &st) != 0) return errno;
    static constexpr std::array<char, 65536> zeros{};
    for (off_t at = 0; at < st.st_size;) {
        const auto left = static_cast<std::size_t>(st.st_size - at);
        const ssize_t n = ::pwrite(fd, zeros.data(), std::min(left, zeros.size()), at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n < 0 ? errno : EIO;
        at += n;
    }
    return ::fdatasync(fd) == 0 ? 0 : errno;
}

}  // namespace

std::string LogFile::name() const {
    const std::string deadline =
        span.deadline == store::no_deadline ? std::string(never) : std::to_string(span.deadline);
    return std::to_string(span.start) + '-' + std::to_string(span.end) + '-' + deadline + '-' +
           std::to_string(number) + std::string(suffix);
}

std::optional<LogFile> LogFile::parse(std::string_view name) {
    if (!name.ends_with(suffix)) return std::nullopt;
    std::string_view rest = name.substr(0, name.size() - suffix.size());
    std::array<std::string_view, 4> parts;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const std::size_t end = i + 1 < parts.size() ? rest.find('-') : rest.size();
        if (end == std::string_view::npos) return std::nullopt;
        parts[i] = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    LogFile out;
    if (!take_number(parts[0], out.span.start) || !take_number(parts[1], out.span.end) ||
        !take_number(parts[3], out.number))
        return std::nullopt;
    if (parts[2] != never && !take_number(parts[2], out.span.deadline)) return std::nullopt;
    if (out.name() != name) return std::nullopt;
    return out;
}

std::expected<void, std::string> make_log_directory(const std::filesystem::path& directory) {
    const auto refuse = [&](const std::string& why) {
        return std::unexpected(directory.string() + ' ' + why);
    };
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
        return refuse(std::string("cannot be made: ") + std::strerror(errno) +
                      "; check the directory above it");
    struct stat st {};
    if (::stat(directory.c_str(), &st) != 0)
        return refuse(std::string("cannot be read: ") + std::strerror(errno) + "; check its permissions");
    if (!S_ISDIR(st.st_mode)) return refuse("is not a directory; move it away");
    if (st.st_uid != ::geteuid())
        return refuse("belongs to another user; chown it to the user the server runs as");
    if ((st.st_mode & 077) != 0) return refuse("is open to others; run chmod 700 on it");
    return {};
}

std::expected<std::vector<LogFile>, std::string> list_log_files(const std::filesystem::path& directory) {
    std::vector<LogFile> out;
    std::error_code error;
    for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
         it.increment(error))
        if (const auto file = LogFile::parse(it->path().filename().string())) out.push_back(*file);
    if (error)
        return std::unexpected(directory.string() + " cannot be read: " + error.message() +
                               "; check its permissions");
    return out;
}

std::expected<int, int> create_log_file(const std::filesystem::path& directory, const LogFile& file) {
    const auto path = directory / file.name();
    const int fd =
        ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return std::unexpected(errno);
    return fd;
}

int destroy_log_file(const std::filesystem::path& directory, const LogFile& file) {
    const auto path = directory / file.name();
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return errno == ENOENT ? 0 : errno;
    const int code = overwrite(fd);
    ::close(fd);
    if (code != 0) return code;  // the name stays, so that the bytes can be found and overwritten later
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return errno;
    return sync_directory(directory);
}

bool append_line(int fd, std::uint64_t& size, std::string_view line) {
    std::size_t done = 0;
    while (done < line.size()) {
        const ssize_t n = ::write(fd, line.data() + done, line.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        done += static_cast<std::size_t>(n);
    }
    if (done == line.size()) {
        size += done;
        return true;
    }
    // Half a line would swallow the next one. Should this fail too, the reader finds one bad line and goes
    // on.
    if (done > 0 && ::ftruncate(fd, static_cast<off_t>(size)) != 0) size += done;
    return false;
}

void print_line(std::string_view line) {
    pollfd ready{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
    if (::poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0)
        return;  // a reader that stopped reading must not stop the server
    sigset_t pipe, before, pending;
    ::sigemptyset(&pipe);
    ::sigaddset(&pipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
    ::sigpending(&pending);
    const bool was_pending = ::sigismember(&pending, SIGPIPE) == 1;
    const ssize_t n = ::write(STDERR_FILENO, line.data(), line.size());
    if (n < 0 && errno == EPIPE && !was_pending) {
        const timespec now{};
        ::sigtimedwait(&pipe, nullptr, &now);
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace lethe::retention
