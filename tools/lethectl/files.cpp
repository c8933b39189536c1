// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tools/lethectl/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <limits>
#include <system_error>

#include "crypto/regular_file.h"

namespace lethe::lethectl {
namespace {

constexpr std::string_view check_place = "; check the permissions and the disk, or choose another place";

std::unexpected<std::string> fail(const std::filesystem::path& path, std::string_view what, int code,
                                  std::string_view remedy = {}) {
    return std::unexpected(path.string() + ' ' + std::string(what) + " (" +
                           std::generic_category().message(code) + ")" + std::string(remedy));
}

/// 0 or errno.
int write_all(int fd, std::string_view content) {
    while (!content.empty()) {
        const auto written = write(fd, content.data(), content.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return errno;
        content.remove_prefix(static_cast<std::size_t>(written));
    }
    return fsync(fd) == 0 ? 0 : errno;
}

int sync_directory(const std::filesystem::path& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno;
    const int code = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return code;
}

}  // namespace

std::expected<void, std::string> replace_file(const std::filesystem::path& path, std::string_view content,
                                              mode_t mode) {
    constexpr auto any_size = std::numeric_limits<std::size_t>::max();
    if (const auto before = crypto::open_regular(path, any_size); !before && before.error().code == 0)
        return std::unexpected(path.string() + ' ' + before.error().text);
    std::error_code missing;
    const auto resolved = std::filesystem::canonical(path, missing);  // a link stays one
    const auto target = missing ? path : resolved;
    const std::string fresh = target.string() + ".new";
    unlink(fresh.c_str());  // of an attempt that was interrupted; if it is something else, what follows fails
    const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) return fail(path, "cannot be written", errno);
    int code = write_all(fd, content);
    if (close(fd) != 0 && code == 0) code = errno;
    if (code == 0 && rename(fresh.c_str(), target.c_str()) != 0) code = errno;
    if (code == 0) return {};
    unlink(fresh.c_str());
    return fail(path, "cannot be written", code);
}

NewFiles::~NewFiles() {
    for (auto path = made_.rbegin(); path != made_.rend(); ++path) {
        std::error_code
            ignored;  // the first failure has been reported; a leftover is found by the next attempt
        std::filesystem::remove_all(*path, ignored);
    }
}

std::expected<void, std::string> NewFiles::parents(const std::filesystem::path& path) {
    std::filesystem::path first_new;
    std::error_code error;
    for (auto above = path.parent_path(); !above.empty() && !std::filesystem::exists(above, error) && !error;
         above = above.parent_path())
        first_new = above;
    std::filesystem::create_directories(path.parent_path(), error);
    if (error) return fail(path.parent_path(), "cannot be made", error.value(), check_place);
    if (!first_new.empty()) made_.push_back(first_new);
    return {};
}

std::expected<void, std::string> NewFiles::directory(const std::filesystem::path& path) {
    if (auto above = parents(path); !above) return above;
    if (mkdir(path.c_str(), 0700) == 0) {
        made_.push_back(path);
        return {};
    }
    if (errno != EEXIST) return fail(path, "cannot be made", errno, check_place);
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) return fail(path, "cannot be examined", errno, check_place);
    if (!S_ISDIR(info.st_mode))
        return std::unexpected(path.string() + " is not a directory; choose another place");
    if (info.st_uid != geteuid())
        return std::unexpected(path.string() + " belongs to another user; run lethectl init as that user");
    if ((info.st_mode & 0077) != 0)
        return std::unexpected(path.string() + " is open to other users; run: chmod 0700 " + path.string());
    return {};
}

std::expected<void, std::string> NewFiles::file(const std::filesystem::path& path, std::string_view content) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return fail(path, "cannot be made", errno, check_place);
    made_.push_back(path);
    int code = write_all(fd, content);
    if (close(fd) != 0 && code == 0) code = errno;
    if (code == 0) code = sync_directory(path.parent_path());
    if (code != 0) return fail(path, "cannot be written", code, check_place);
    return {};
}

}  // namespace lethe::lethectl
