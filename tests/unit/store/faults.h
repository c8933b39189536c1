// SPDX-License-Identifier: AGPL-3.0-or-later
// Faults between the product and the kernel: this program's own write, sync, truncation and unlink functions
// stand in front of the C library's, for LMDB too, and die, fail or write by halves when told to. Only files
// below one directory count.
#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace lethe::store::test::faults {

enum class Kind {
    none,
    kill,        ///< the process ends before the operation; what was written stays
    torn,        ///< a write is cut in the middle, then the process ends
    power_loss,  ///< the process ends before the operation, and no write survives that was not synced
    fail_once,
    fail_meta,  ///< the first write of a meta page of LMDB (page 0 or 1), which ends a commit; `at` is not used
    fail_on     ///< that operation and every one after it
};
struct Plan {
    Kind kind = Kind::none;
    long at = 0;  ///< the first operation is 1
    int error = 0;
};
inline constexpr int died = 99;  ///< exit status of a process that a plan ended

/// Counts operations below `directory` from now on.
void arm(const std::filesystem::path& directory, const Plan& plan);
void disarm();
long operations();

/// What happened, in order: "write NAME", "sync NAME", "truncate NAME", "unlink NAME"; NAME is relative to
/// the directory. A write through a descriptor that syncs each write is "write NAME" and "sync NAME". note()
/// adds a line of the test's own.
void record(bool on);
void note(const std::string& line);
std::vector<std::string> events();

/// Runs f in a child process; its exit status, or 128 + the signal. f returns the status.
int in_child(const std::function<int()>& f);

}  // namespace lethe::store::test::faults
