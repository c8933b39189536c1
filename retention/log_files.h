// SPDX-License-Identifier: AGPL-3.0-or-later
// Log files as files: names that carry their span, creation, destruction.
#pragma once
#include <cstdint>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "retention/clock.h"
#include "store/store.h"

namespace lethe::retention {

/// START-END-DEADLINE-NUMBER.log; times in microseconds since the Unix epoch, "never" for a file without a
/// deadline.
struct LogFile {
    store::BucketSpan span;
    std::uint32_t number = 0;
    std::string name() const;
    static std::optional<LogFile> parse(std::string_view name);  ///< strict: name() of the result is `name`
};

/// Makes the directory (0700) or checks that it is ours alone. The error is a sentence with the path and the
/// remedy.
std::expected<void, std::string> make_log_directory(const std::filesystem::path& directory);
/// All files with a name of that form.
std::expected<std::vector<LogFile>, std::string> list_log_files(const std::filesystem::path& directory);
/// A descriptor for appending to a new file, or an errno.
std::expected<int, int> create_log_file(const std::filesystem::path& directory, const LogFile& file);
/// Overwrites with zeros, syncs, unlinks, syncs the directory. 0 or an errno: then the file is
/// still there, to be tried again. A file that is gone already is a success.
int destroy_log_file(const std::filesystem::path& directory, const LogFile& file);
/// Appends all or nothing; `size` is the file's and is moved on. False if the line could not be written.
bool append_line(int fd, std::uint64_t& size, std::string_view line);
/// To standard error, unless that would block, fail or raise SIGPIPE.
void print_line(std::string_view line);

}  // namespace lethe::retention
