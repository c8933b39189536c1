// SPDX-License-Identifier: AGPL-3.0-or-later
// Files that somebody names: a key, a policy, a ledger. Whatever stands in such a place, opening and reading
// it comes to an end: a FIFO without a writer, a terminal and a device without end are errors, and so is a
// file that is larger than any of its kind.
//
// The one way in which lethed and lethectl open what an operator or an auditor can name. Thread: any.
#pragma once
#include <sys/types.h>

#include <cstddef>
#include <expected>
#include <string>
#include <utility>

namespace lethe::crypto {

/// Why a file was not taken.
struct FileFault {
    int code = 0;  ///< errno; 0 if it is there and is not of the kind or the size that is taken
    std::string
        text;  ///< follows the path: "cannot be opened (Permission denied)", "is a FIFO, not a regular file"
};

/// Owns a descriptor that is open for reading.
struct RegularFile {
    int fd = -1;
    std::size_t size = 0;
    uid_t owner = 0;
    mode_t mode = 0;
    RegularFile() = default;
    RegularFile(RegularFile&& o) noexcept
        : fd(std::exchange(o.fd, -1)), size(o.size), owner(o.owner), mode(o.mode) {}
    RegularFile& operator=(RegularFile&&) = delete;
    ~RegularFile();
};

/// A link is followed.
std::expected<RegularFile, FileFault> open_regular(const std::string& path, std::size_t most);
/// Of a descriptor that was opened by other means and without waiting (O_NONBLOCK).
std::expected<void, FileFault> check_regular(int fd);
/// The whole of it. Not for secrets: copies stay behind in memory.
std::expected<std::string, FileFault> read_regular(const std::string& path, std::size_t most);

}  // namespace lethe::crypto
