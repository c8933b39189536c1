// SPDX-License-Identifier: AGPL-3.0-or-later
#include "crypto/regular_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>

namespace lethe::crypto {
namespace {

std::unexpected<FileFault> fault(std::string_view what, int code) {
    return std::unexpected(
        FileFault{code, std::string(what) + " (" + std::generic_category().message(code) + ')'});
}

std::unexpected<FileFault> another_kind(mode_t mode) {
    const std::string_view kind = S_ISDIR(mode)    ? "directory"
                                  : S_ISFIFO(mode) ? "FIFO"
                                  : S_ISSOCK(mode) ? "socket"
                                                   : "device";
    return std::unexpected(FileFault{0, "is a " + std::string(kind) + ", not a regular file"});
}

std::unexpected<FileFault> too_large(std::size_t most) {
    return std::unexpected(FileFault{0, "is larger than " + std::to_string(most) + " bytes"});
}

std::expected<struct stat, FileFault> examine(int fd) {
    struct stat info {};
    if (::fstat(fd, &info) != 0) return fault("cannot be examined", errno);
    if (!S_ISREG(info.st_mode)) return another_kind(info.st_mode);
    return info;
}

}  // namespace

RegularFile::~RegularFile() {
    if (fd >= 0) ::close(fd);
}

std::expected<void, FileFault> check_regular(int fd) {
    if (const auto info = examine(fd); !info) return std::unexpected(info.error());
    return {};
}

std::expected<RegularFile, FileFault> open_regular(const std::string& path, std::size_t most) {
    RegularFile file;
    // Not waiting for a FIFO's writer, and no terminal that is named by mistake becomes ours.
    file.fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file.fd < 0) {
        const int code = errno;
        // A socket cannot be opened at all, and the reason that the system gives explains nothing.
        struct stat info {};
        if (code == ENXIO && ::stat(path.c_str(), &info) == 0) return another_kind(info.st_mode);
        return fault("cannot be opened", code);
    }
    const auto info = examine(file.fd);
    if (!info) return std::unexpected(info.error());
    file.size = static_cast<std::size_t>(info->st_size);
    file.owner = info->st_uid;
    file.mode = info->st_mode;
    if (file.size > most) return too_large(most);
    return file;
}

std::expected<std::string, FileFault> read_regular(const std::string& path, std::size_t most) {
    const auto file = open_regular(path, most);
    if (!file) return std::unexpected(file.error());
    std::string text;
    text.reserve(file->size);
    // Until the end and not so many bytes as it had: a ledger grows, and files of /proc have no size.
    for (std::array<char, 65536> piece;;) {
        const auto n = ::read(file->fd, piece.data(), std::min(piece.size(), most + 1 - text.size()));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fault("cannot be read", errno);
        if (n == 0) return text;
        text.append(piece.data(), static_cast<std::size_t>(n));
        if (text.size() > most) return too_large(most);
    }
}

}  // namespace lethe::crypto
