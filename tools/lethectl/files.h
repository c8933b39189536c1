// SPDX-License-Identifier: AGPL-3.0-or-later
// New files and directories, all of them or none: what was made is removed again unless keep() is called. And
// files that are replaced.
#pragma once
#include <sys/types.h>

#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace lethe::lethectl {

/// A file takes the place of the one before at once or not at all. Whoever may look into its directory may
/// read it if `mode` says so. Refuses what stands there and is no file, such as /dev/stdout. The error is a
/// sentence without a remedy.
std::expected<void, std::string> replace_file(const std::filesystem::path& path, std::string_view content,
                                              mode_t mode = 0600);

class NewFiles {
public:
    NewFiles() = default;
    NewFiles(const NewFiles&) = delete;
    ~NewFiles();
    /// What is missing of the directories above it, with the usual mode.
    std::expected<void, std::string> parents(const std::filesystem::path& path);
    /// Mode 0700; its parents too. One that exists is taken if it is nobody else's.
    std::expected<void, std::string> directory(const std::filesystem::path& path);
    /// Mode 0600, synced. Fails if the path exists.
    std::expected<void, std::string> file(const std::filesystem::path& path, std::string_view content);
    /// Made by somebody else just now.
    void add(const std::filesystem::path& path) { made_.push_back(path); }
    void keep() { made_.clear(); }

private:
    std::vector<std::filesystem::path> made_;
};

}  // namespace lethe::lethectl
