// SPDX-License-Identifier: AGPL-3.0-or-later
#include "retention/clock_guard.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "crypto/regular_file.h"
#include "store/files.h"

namespace lethe::retention {

namespace {

constexpr std::size_t digits = 20, boot_name = 36;

/// "TIME BASE BOOT\n", fixed in length so that it is overwritten in place: microseconds, microseconds, boot name or dashes.
struct Record {
    Time time = 0, base = 0;
    std::string boot;
};

std::string padded(Time value) {
    const std::string text = std::to_string(std::max<Time>(value, 0));
    return std::string(digits - std::min(digits, text.size()), '0') + text;
}

std::string to_text(const Record& record) {
    std::string boot = record.boot.size() == boot_name ? record.boot : std::string(boot_name, '-');
    return padded(record.time) + ' ' + padded(record.base) + ' ' + boot + '\n';
}

bool take(std::string_view text, Time& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && end == text.data() + text.size();
}

std::optional<Record> parse_record(std::string_view text) {
    Record record;
    if (text.size() != 2 * digits + boot_name + 3) return std::nullopt;
    if (!take(text.substr(0, digits), record.time) || !take(text.substr(digits + 1, digits), record.base)) return std::nullopt;
    record.boot = text.substr(2 * digits + 2, boot_name);
    if (to_text(record) != text) return std::nullopt;
    return record;
}

/// What cannot be read says nothing: the other traces of time remain.
Record read_record(const std::filesystem::path& data) {
    constexpr std::size_t size = 2 * digits + boot_name + 3, most = 4096;
    const auto text = crypto::read_regular(data / clock_file, most);
    return (text ? parse_record(std::string_view(*text).substr(0, size)) : std::nullopt).value_or(Record{});
}

}  // namespace

ClockGuard::ClockGuard(const std::filesystem::path& data, SystemClock& clock, Time known, const TimeSource& source)
    : clock_(clock), source_(source), base_(offset()) {
    const Record record = read_record(data);
    found_ = !record.boot.empty();
    clock_.hold_at(std::max(known, record.time));
    if (record.boot.empty() || record.boot != source.boot()) return;
    // The machine has not been started since: its clock can be held against the one that nobody can set.
    base_ = record.base;
    recorded_ = record.time;
}

ClockState ClockGuard::check() {
    const Time wall = source_.wall();
    if (clock_.now() - wall > backward_limit) return ClockState::went_back;
    if (offset() - base_ > forward_limit) return ClockState::jumped;
    return ClockState::good;
}

void ClockGuard::accept() {
    clock_.accept();
    base_ = offset();
    recorded_ = 0;  // the record may have to go back
}

std::optional<std::string> ClockGuard::due_record() {
    if (check() != ClockState::good) return std::nullopt;
    const Time now = clock_.now(), time = now - now % record_step;
    if (time == recorded_) return std::nullopt;
    recorded_ = time;
    return to_text({.time = time, .base = base_, .boot = source_.boot()});
}

std::optional<Time> ClockGuard::recorded_time(std::string_view text) {
    const auto record = parse_record(text);
    if (!record) return std::nullopt;
    return record->time;
}

int ClockGuard::write_record(const std::filesystem::path& data, const std::string& record) {
    const auto path = data / clock_file;
    const store::File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
    if (!file) return errno;
    struct stat before {};
    const bool fresh = ::fstat(file.fd(), &before) == 0 && before.st_size == 0;
    int code = store::write_at(file.fd(), as_bytes(record), 0);
    if (code == 0) code = store::sync(file.fd());
    if (code == 0 && fresh) code = store::sync_directory(data);
    return code;
}

}  // namespace lethe::retention
