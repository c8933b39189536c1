// SPDX-License-Identifier: AGPL-3.0-or-later
// DATA/lock: one process at a time, and how the last one ended.
#pragma once
#include <expected>
#include <filesystem>

#include "store/files.h"

namespace lethe::store {

struct DataLock {
    File file;                  ///< holds the lock while it is open
    bool ended_cleanly = true;  ///< the last process closed every environment (or there was none)
};
/// Takes the lock and notes that a process runs.
std::expected<DataLock, Problem> lock_data(const std::filesystem::path& data);
void note_clean_end(const File& lock);
bool is_locked(const std::filesystem::path& data);

}  // namespace lethe::store
