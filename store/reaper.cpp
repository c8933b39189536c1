// SPDX-License-Identifier: AGPL-3.0-or-later
#include "store/reaper.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "store/environment.h"
#include "store/files.h"
#include "store/format.h"

namespace lethe::store {

namespace {

constexpr off_t truncation_step = off_t{32} << 20;

int truncate_in_steps(const std::filesystem::path& path) {
    const auto file = open_file(path, OpenMode::write);
    if (!file) return file.error() == ENOENT ? 0 : file.error();
    struct stat st {};
    if (::fstat(file->fd(), &st) != 0) return errno;
    for (off_t size = st.st_size; size > 0;) {
        size = size > truncation_step ? size - truncation_step : 0;
        if (::ftruncate(file->fd(), size) != 0) return errno;
    }
    return 0;
}

int unlink_file(const std::filesystem::path& path) {
    return ::unlink(path.c_str()) == 0 || errno == ENOENT ? 0 : errno;
}

}  // namespace

int remove_environment(const std::filesystem::path& environment) {
    // A file that cannot be truncated may still be unlinked; then the first failure is only slowness.
    const int truncated = truncate_in_steps(environment);
    int code = unlink_file(environment);
    if (code != 0 && truncated != 0) code = truncated;
    if (const int failed = unlink_file(format::lock_of(environment)); failed != 0 && code == 0) code = failed;
    if (const int failed = sync_directory(environment.parent_path()); failed != 0 && code == 0) code = failed;
    return code;
}

Reaper::Reaper() : thread_([this] { run(); }) {}

Reaper::~Reaper() { finish(); }

void Reaper::finish() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void Reaper::post(std::filesystem::path environment, Done done) {
    {
        const std::lock_guard lock(mutex_);
        if (!stop_) {
            jobs_.push_back({std::move(environment), std::move(done)});
            wake_.notify_one();
            return;
        }
    }
    done(std::unexpected(Error{ErrorKind::closed, ESHUTDOWN}));
}

void Reaper::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        wake_.wait(lock, [&] { return stop_ || !jobs_.empty(); });
        if (jobs_.empty()) return;
        auto job = std::move(jobs_.front());
        jobs_.pop_front();
        lock.unlock();
        const int code = remove_environment(job.path);
        job.done(code == 0 ? Result{} : Result(std::unexpected(to_error(code))));
        lock.lock();
    }
}

}  // namespace lethe::store
