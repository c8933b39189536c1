// SPDX-License-Identifier: AGPL-3.0-or-later
#include "crypto/key_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>

namespace lethe::crypto::key_file {
namespace {

std::string reason(const std::string& path, const char* what, int error) {
    return path + ": " + what + ": " + std::strerror(error);
}

bool write_all(int fd, ByteView bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return true;
}

bool sync_directory(const std::string& path) {
    const std::filesystem::path parent = std::filesystem::path(path).parent_path();
    const int fd = ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    const bool ok = ::fsync(fd) == 0;
    const int error = errno;
    ::close(fd);
    errno = error;
    return ok;
}

}  // namespace

std::expected<RegularFile, std::string> open_private(const std::string& path, mode_t forbidden) {
    auto file = open_regular(path, std::numeric_limits<std::size_t>::max());
    if (!file) {
        if (file.error().code == ENOENT)
            return std::unexpected(
                path + ": there is no node key; 'lethectl init' makes one, or restore it from your copy");
        return std::unexpected(path + ": the node key " + file.error().text +
                               "; check the file, and its path in [node_key] of lethe.toml");
    }
    if (file->owner != ::geteuid() && file->owner != 0)
        return std::unexpected(
            path + ": this node key belongs to another user; run this as that user, or 'chown " + std::to_string(::geteuid()) + ' ' + path + "'");
    if ((file->mode & forbidden) != 0)
        return std::unexpected(path + ": others may read or change this node key; run 'chmod 600 " + path +
                               "'");
    return std::move(*file);
}

std::expected<void, std::string> read_all(const RegularFile& file, std::span<std::uint8_t> out,
                                          const std::string& path) {
    while (!out.empty()) {
        const ssize_t n = ::read(file.fd, out.data(), out.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return std::unexpected(reason(path, "the node key cannot be read", errno));
        if (n == 0) return std::unexpected(path + ": the node key ended early while it was read");
        out = out.subspan(static_cast<std::size_t>(n));
    }
    return {};
}

std::expected<void, std::string> create(const std::string& path, ByteView bytes) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        if (errno == EEXIST)
            return std::unexpected(
                path +
                ": a node key exists already; a new one would make everything stored unreadable, "
                "so move the old one away first if that is meant");
        return std::unexpected(reason(path, "the node key cannot be created", errno));
    }
    bool ok = write_all(fd, bytes) && ::fsync(fd) == 0;
    int error = errno;
    if (::close(fd) != 0 && ok) {
        ok = false;
        error = errno;
    }
    if (ok && !sync_directory(path)) {
        ok = false;
        error = errno;
    }
    if (ok) return {};
    ::unlink(path.c_str());
    return std::unexpected(reason(path, "the node key cannot be written", error));
}

}  // namespace lethe::crypto::key_file
