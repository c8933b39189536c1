// SPDX-License-Identifier: AGPL-3.0-or-later
#include "store/lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "store/format.h"

namespace lethe::store {

namespace {

// What the file holds: one of two words of the same length.
constexpr std::string_view running = "running\n", clean = "closed.\n";

struct flock whole_file() {
    struct flock range {};
    range.l_type = F_WRLCK;
    range.l_whence = SEEK_SET;
    return range;
}

}  // namespace

// Open-file-description locks: like flock(2), but they can be asked about without taking them, so that a look
// never gets into the way of a start.
std::expected<DataLock, Problem> lock_data(const std::filesystem::path& data) {
    const auto path = data / format::lock_file;
    auto file = open_file(path, OpenMode::create);
    const bool created = file.has_value();
    if (!created && file.error() == EEXIST) {
        if (auto checked = check_private_file(path); !checked) return std::unexpected(checked.error());
        file = open_file(path, OpenMode::write);
    }
    if (!file) {
        return std::unexpected(
            problem(path, file.error(), "cannot be opened", "check the disk and its permissions"));
    }
    auto range = whole_file();
    if (::fcntl(file->fd(), F_OFD_SETLK, &range) != 0) {
        if (errno != EAGAIN && errno != EACCES) {
            return std::unexpected(problem(path, errno, "cannot be locked", "use a file system with locks"));
        }
        return std::unexpected(
            Problem{path.string() +
                    " is held by another process: stop the server that uses this data directory first"});
    }
    DataLock lock{std::move(*file), created};
    std::array<std::uint8_t, clean.size()> word{};
    if (!created && read_at(lock.file.fd(), word, 0) == 0) lock.ended_cleanly = as_text(word) == clean;
    int code = write_at(lock.file.fd(), as_bytes(running), 0);
    if (code == 0) code = sync(lock.file.fd());
    // A full disk must not hinder destruction: the file keeps its size, so this can fail only when it is new
    // or the disk is broken.
    if (code != 0 && !(code == ENOSPC && created)) {
        return std::unexpected(problem(path, code, "cannot be written", "check the disk"));
    }
    return lock;
}

void note_clean_end(const File& lock) {
    // If it fails the next start checks more than it must.
    if (write_at(lock.fd(), as_bytes(clean), 0) == 0) static_cast<void>(sync(lock.fd()));
}

bool is_locked(const std::filesystem::path& data) {
    const auto file = open_file(data / format::lock_file, OpenMode::read);
    if (!file) return false;
    auto range = whole_file();
    return ::fcntl(file->fd(), F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
}

}  // namespace lethe::store
