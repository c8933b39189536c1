// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tools/audit/logs.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <system_error>
#include <vector>

#include "retention/policy_keys.h"

namespace lethe::audit {

namespace {

constexpr std::size_t longest_line = 8192;  // two full JIDs, percent-encoded, and room
constexpr unsigned most_faults = 20;        // of one file; then the rest of it is not read
constexpr Time second = 1'000'000;
const std::string destroy_it = "a line that the policy does not permit is destroyed with its file when the server starts";

/// "2026-11-22T18:54:00Z" and nothing else.
std::optional<Time> time_of(std::string_view text) {
    using namespace std::chrono;
    if (text.size() != 20) return std::nullopt;
    const auto number = [&](std::size_t at, std::size_t digits) {
        int value = 0;
        for (const char c : text.substr(at, digits)) value = c >= '0' && c <= '9' && value >= 0 ? value * 10 + (c - '0') : -10000;
        return value;
    };
    const int y = number(0, 4), mo = number(5, 2), d = number(8, 2), h = number(11, 2), mi = number(14, 2), s = number(17, 2);
    if (std::min({y, mo, d, h, mi, s}) < 0) return std::nullopt;
    const year_month_day date{year{y}, month{static_cast<unsigned>(mo)}, day{static_cast<unsigned>(d)}};
    if (!date.ok()) return std::nullopt;
    const Time at = (sys_days{date}.time_since_epoch().count() * Time{86400} + h * 3600 + mi * 60 + s) * second;
    if (retention::log_time(at) != text) return std::nullopt;
    return at;
}

/// Looks at lines of any length without holding more than one of the longest that can be.
class Lines {
public:
    explicit Lines(int fd) : fd_(fd) {}
    /// Nothing at the end; `whole` is false for what has no newline, or too many bytes.
    std::optional<std::string> next(bool& whole) {
        for (;;) {
            const auto end = buffer_.find('\n', from_);
            if (end != std::string::npos) {
                std::string line = buffer_.substr(from_, end - from_);
                from_ = end + 1;
                whole = line.size() <= longest_line;
                return line;
            }
            buffer_.erase(0, from_);
            from_ = 0;
            if (buffer_.size() > longest_line || !fill()) {
                whole = false;
                if (buffer_.empty()) return std::nullopt;
                return std::exchange(buffer_, {});
            }
        }
    }
    int code() const { return code_; }

private:
    bool fill() {
        std::array<char, 65536> chunk;
        const auto n = ::read(fd_, chunk.data(), chunk.size());
        if (n < 0) code_ = errno;
        if (n <= 0) return false;
        buffer_.append(chunk.data(), static_cast<std::size_t>(n));
        return true;
    }
    int fd_, code_ = 0;
    std::string buffer_;
    std::size_t from_ = 0;
};

/// Of a last line that was cut short by a crash: its whole fields are held against the policy, and the last one as far as it goes.
bool cut_line_is_fine(std::string_view line, const retention::Policy& policy, const store::BucketSpan& span) {
    static constexpr std::string_view shape = "0000-00-00T00:00:00Z";
    for (std::size_t i = 0; i < std::min(line.size(), shape.size()); ++i)
        if (shape[i] == '0' ? line[i] < '0' || line[i] > '9' : line[i] != shape[i]) return false;
    if (line.size() <= shape.size()) return true;
    const auto space = line.rfind(' ');
    retention::Keep keep;
    if (space == shape.size()) {
        const auto name = line.substr(space + 1);
        return std::ranges::any_of(retention::event_table(), [&](const auto& e) { return e.name.starts_with(name); });
    }
    if (space == std::string_view::npos || line_fault(line.substr(0, space), policy, span, keep)) return false;
    const auto begun = line.substr(space + 1);
    const auto equals = begun.find('=');
    if (equals != std::string_view::npos) {
        // A value that has begun must be of a kind that may be there at all.
        if (equals + 1 == begun.size()) return true;
        const auto parsed = retention::parse_log_line(line);
        if (!parsed) return false;
        for (const auto& slot : retention::spec(parsed->event).fields()) {
            const auto& rules = retention::rules_for(policy, retention::spec(parsed->event));
            const bool barred = (slot.kind == retention::FieldKind::address && rules.address == retention::Treatment::none) ||
                                (slot.kind == retention::FieldKind::account && rules.account == retention::Treatment::none) ||
                                (slot.kind == retention::FieldKind::peer && rules.peer == retention::Treatment::none);
            if (slot.name == begun.substr(0, equals) && barred) return false;
        }
        return true;
    }
    const auto parsed = retention::parse_log_line(line.substr(0, space));
    const auto slots = retention::spec(parsed->event).fields();
    return std::ranges::any_of(slots, [&](const auto& slot) { return slot.name.starts_with(begun); }) ||
           std::string_view("undeclared").starts_with(begun);
}

}  // namespace

std::optional<std::string> line_fault(std::string_view line, const retention::Policy& policy, const store::BucketSpan& span,
                                      retention::Keep& keep) {
    const auto parsed = retention::parse_log_line(line);
    if (!parsed) return "is not a line that the server writes";
    const auto time = time_of(parsed->time);
    if (!time) return "does not begin with a time";
    const auto& rules = retention::rules_for(policy, retention::spec(parsed->event));
    keep = rules.keep;
    const auto event = "the event " + std::string(retention::to_string(parsed->event));
    if (!rules.keep.stored()) return "is of " + event + ", which the policy does not keep";
    if (!retention::permitted(*parsed, rules)) return "holds more about " + event + " than the policy permits";
    if (*time + second <= span.start || *time > span.end) return "is of a time outside of its file's span";
    return std::nullopt;
}

std::uint64_t check_log_file(const Tree& tree, const Entry& entry, const retention::Policy& policy, Present now, Report& report) {
    const auto named = retention::LogFile::parse(entry.path.substr(entry.path.find('/') + 1));
    const auto file = tree.open(entry);
    if (!named || !file) {
        if (!file && file.error() == ENOENT && report.live) return 0;
        report.findings.add({Check::whole, entry.path, "", "cannot be read (" + std::generic_category().message(named ? file.error() : EINVAL) + ")",
                             "run the audit as the directory's owner or as root"});
        return 0;
    }
    report.stored.push_back({"log", entry.path, named->span, entry.stored});
    retention::Keep shortest{.unlimited = true};
    Lines lines(file->fd());
    std::uint64_t number = 0;
    unsigned faults = 0;
    for (bool whole = true; faults < most_faults;) {
        const auto line = lines.next(whole);
        if (!line) break;
        ++number;
        retention::Keep keep{.unlimited = true};
        std::optional<std::string> fault;
        if (whole)
            fault = line_fault(*line, policy, named->span, keep);
        else if (line->size() > longest_line)
            fault = "is longer than any line that the server writes";
        else if (!cut_line_is_fine(*line, policy, named->span))
            fault = "is not the beginning of a line that the server writes";
        if (fault) {
            ++faults;
            report.findings.add({Check::log, entry.path, "line " + std::to_string(number), *fault, destroy_it});
        } else if (!keep.unlimited && (shortest.unlimited || keep.micros < shortest.micros)) {
            shortest = keep;
        }
        if (!whole) break;
    }
    if (lines.code() != 0)
        report.findings.add({Check::whole, entry.path, "", "cannot be read to its end (" + std::generic_category().message(lines.code()) + ")",
                             "check the disk"});
    if (number == 0) shortest = policy.log.keep.stored() ? policy.log.keep : retention::Keep{.unlimited = true};
    if (const auto fault = span_fault(named->span, shortest, now))
        report.findings.add({Check::deadlines, entry.path, "", *fault,
                             "start the server, which destroys what is due, or run lethectl sweep"});
    return number;
}

}  // namespace lethe::audit
