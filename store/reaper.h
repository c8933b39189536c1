// SPDX-License-Identifier: AGPL-3.0-or-later
// Removes dead bucket files on a thread of its own: unlinking a gigabyte at once stalls every other user of
// the file system, so a file is truncated in steps first. Idempotent: what is not there is removed already.
#pragma once
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>

#include "store/store.h"

namespace lethe::store {

class Reaper {
public:
    using Done = std::move_only_function<void(Result)>;
    Reaper();
    ~Reaper();
    /// Does what was posted, then ends the thread. Later posts are answered with ErrorKind::closed; the next
    /// open resumes them.
    void finish();
    /// Truncates and unlinks `environment` and its lock file, syncs the directory; then calls done on the
    /// reaper's thread.
    void post(std::filesystem::path environment, Done done);

private:
    struct Job {
        std::filesystem::path path;
        Done done;
    };
    void run();
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Job> jobs_;
    bool stop_ = false;
    std::thread thread_;
};

/// What the reaper does to one file. 0 or an errno.
[[nodiscard]] int remove_environment(const std::filesystem::path& environment);

}  // namespace lethe::store
