// SPDX-License-Identifier: AGPL-3.0-or-later
// File descriptors, durable directories, and the checks of owner and permissions.
#pragma once
#include <expected>
#include <filesystem>
#include <utility>

#include "crypto/bytes.h"
#include "store/store.h"

namespace lethe::store {

/// Owns a file descriptor.
class File {
public:
    File() = default;
    explicit File(int fd) : fd_(fd) {}
    File(File&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
    File& operator=(File&& o) noexcept;
    ~File() { close(); }
    int fd() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    void close() noexcept;

private:
    int fd_ = -1;
};

// The functions below return 0 or an errno.

/// Opens without following a link in the last component, close-on-exec; `create` makes a new file 0600 and
/// fails if it exists. EINVAL at once for what is not a regular file.
enum class OpenMode { read, write, create };
std::expected<File, int> open_file(const std::filesystem::path& path, OpenMode mode);
[[nodiscard]] int write_at(int fd, ByteView bytes, std::uint64_t offset);
/// Reads exactly out.size() bytes; EIO at the end of the file.
[[nodiscard]] int read_at(int fd, std::span<std::uint8_t> out, std::uint64_t offset);
/// LMDB calls a write that was cut short EIO, and on a full disk most are. What the file system says when
/// asked for one more page at the end of the file: ENOSPC or the like, 0 if it has one.
[[nodiscard]] int ask_for_room(const std::filesystem::path& file);
[[nodiscard]] int sync(int fd);
[[nodiscard]] int sync_directory(const std::filesystem::path& directory);
/// 0700; an existing directory is fine.
[[nodiscard]] int make_directory(const std::filesystem::path& directory);

std::expected<void, Problem> check_private_directory(const std::filesystem::path& directory);
std::expected<void, Problem> check_private_file(const std::filesystem::path& file);
/// "PATH cannot be read (Permission denied): REMEDY"
Problem problem(const std::filesystem::path& path, int code, std::string_view what, std::string_view remedy);

}  // namespace lethe::store
