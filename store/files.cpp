// SPDX-License-Identifier: AGPL-3.0-or-later
#include "store/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "crypto/regular_file.h"

namespace lethe::store {

File& File::operator=(File&& o) noexcept {
    if (this != &o) {
        close();
        fd_ = std::exchange(o.fd_, -1);
    }
    return *this;
}

void File::close() noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

std::expected<File, int> open_file(const std::filesystem::path& path, OpenMode mode) {
    // A FIFO in a file's place must not make anybody wait.
    int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    if (mode == OpenMode::read) flags |= O_RDONLY;
    if (mode == OpenMode::write) flags |= O_RDWR;
    if (mode == OpenMode::create) flags |= O_RDWR | O_CREAT | O_EXCL;
    const int fd = ::open(path.c_str(), flags, 0600);
    if (fd < 0) return std::unexpected(errno);
    File file(fd);
    if (!crypto::check_regular(fd)) return std::unexpected(EINVAL);
    return file;
}

int write_at(int fd, ByteView bytes, std::uint64_t offset) {
    while (!bytes.empty()) {
        const auto n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        if (n == 0) return ENOSPC;
        bytes = bytes.subspan(static_cast<std::size_t>(n));
        offset += static_cast<std::uint64_t>(n);
    }
    return 0;
}

int read_at(int fd, std::span<std::uint8_t> out, std::uint64_t offset) {
    while (!out.empty()) {
        const auto n = ::pread(fd, out.data(), out.size(), static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        if (n == 0) return EIO;
        out = out.subspan(static_cast<std::size_t>(n));
        offset += static_cast<std::uint64_t>(n);
    }
    return 0;
}

int ask_for_room(const std::filesystem::path& path) {
    const auto file = open_file(path, OpenMode::write);
    struct stat st {};
    if (!file || ::fstat(file->fd(), &st) != 0) return 0;
    const std::array<std::uint8_t, 4096> page{};
    return write_at(file->fd(), page, static_cast<std::uint64_t>(st.st_size));
}

int sync(int fd) { return ::fsync(fd) == 0 ? 0 : errno; }

int sync_directory(const std::filesystem::path& directory) {
    const File dir(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!dir) return errno;
    return sync(dir.fd());
}

int make_directory(const std::filesystem::path& directory) {
    if (::mkdir(directory.c_str(), 0700) == 0 || errno == EEXIST) return 0;
    return errno;
}

Problem problem(const std::filesystem::path& path, int code, std::string_view what, std::string_view remedy) {
    return {path.string() + " " + std::string(what) + " (" + std::generic_category().message(code) +
            "): " + std::string(remedy)};
}

namespace {

std::expected<void, Problem> check_private(const std::filesystem::path& path, mode_t type, mode_t mode) {
    const bool directory = type == S_IFDIR;
    struct stat st {};
    if (::lstat(path.c_str(), &st) != 0) {
        return std::unexpected(
            problem(path, errno, "cannot be examined", "check the path and its permissions"));
    }
    if ((st.st_mode & S_IFMT) != type) {
        return std::unexpected(Problem{path.string() +
                                       (directory ? " is not a directory" : " is not a regular file") +
                                       ": move it away"});
    }
    if (st.st_uid != ::geteuid()) {
        return std::unexpected(
            Problem{path.string() + " belongs to another user: chown it to the user the server runs as"});
    }
    // Only the nine permission bits: a set-group-id bit that a directory inherited gives nobody access.
    if ((st.st_mode & 0777) != mode) {
        return std::unexpected(Problem{path.string() + " must have mode " + (directory ? "0700" : "0600") +
                                       ": chmod " + (directory ? "700 " : "600 ") + path.string()});
    }
    return {};
}

}  // namespace

std::expected<void, Problem> check_private_directory(const std::filesystem::path& directory) {
    return check_private(directory, S_IFDIR, 0700);
}

std::expected<void, Problem> check_private_file(const std::filesystem::path& file) {
    return check_private(file, S_IFREG, 0600);
}

}  // namespace lethe::store
