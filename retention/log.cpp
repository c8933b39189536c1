// SPDX-License-Identifier: AGPL-3.0-or-later
#include "retention/log.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <mutex>
#include <optional>
#include <vector>

#include "retention/buckets.h"
#include "retention/log_files.h"
#include "retention/log_format.h"

namespace lethe::retention {

namespace {

constexpr std::size_t event_count = static_cast<std::size_t>(Event::sealed_row_unreadable) + 1;
constexpr Time retry_after = 60 * Time{1'000'000};

using Rules = std::array<LogRules, event_count>;

Rules rules_of(const Policy& policy) {
    Rules out;
    out.fill(policy.log);
    for (const auto& [name, rules] : policy.log_events) {
        const auto event = std::ranges::find(event_table(), name, &EventSpec::name);
        if (event != event_table().end()) out[static_cast<std::size_t>(event->event)] = rules;
    }
    return out;
}

/// Events that are kept equally long share files.
struct Series {
    Keep keep;
    store::BucketSpan span{};  ///< of what follows; nothing yet if start == end
    std::optional<Pseudonyms> names;
    int fd = -1;
    std::uint64_t size = 0;

    void close() {
        if (fd >= 0) ::close(fd);
        fd = -1;
        names.reset();
        span = {};
    }
};

struct Kept {
    LogFile file;                          ///< as it is named on the disk
    Time deadline = file.span.deadline;    ///< earlier than the name says if it could not be renamed
    Time retry_at = 0;                     ///< after a failure
    Time due() const { return std::max(deadline, retry_at); }
};

/// The time that the shortest-lived line of a file may live under these rules; nothing if it holds what they
/// would not have written or cannot be read.
Keep allowed_keep(const std::filesystem::path& path, const Rules& rules) {
    Keep least{.micros = 0, .unlimited = true};
    if (std::error_code error; !std::filesystem::is_regular_file(path, error)) return Keep{};  // a FIFO would never end
    std::ifstream in(path, std::ios::binary);
    if (!in) return Keep{};
    for (std::string line; std::getline(in, line);) {
        if (in.eof()) break;  // no end of line: the rest of a write that a crash cut short
        const auto parsed = parse_log_line(line);
        if (!parsed) return Keep{};
        const LogRules& rule = rules[static_cast<std::size_t>(parsed->event)];
        if (!rule.keep.stored() || !permitted(*parsed, rule)) return Keep{};
        if (!rule.keep.unlimited && (least.unlimited || rule.keep.micros < least.micros)) least = rule.keep;
    }
    return least;
}

}  // namespace

struct Log::Impl {
    std::filesystem::path directory;
    const Clock* clock = nullptr;
    Echo echo = Echo::nothing;
    /// Held by whoever renames or destroys files, for as long as that takes. Taken before the other one.
    std::mutex maintenance;

    mutable std::mutex mutex;  // guards all that follows
    Rules rules;
    Keep whole_log;  ///< how long it is kept; events may differ
    std::array<std::size_t, event_count> series_of{};
    std::vector<Series> series;
    std::vector<Kept> files;
    std::vector<Kept> dying;  ///< a sweep is at them
    std::uint32_t last_number = 0;
    std::uint64_t lines_lost = 0;

    ~Impl() {
        for (Series& s : series) s.close();
    }

    void make_series() {
        for (std::size_t i = 0; i < event_count; ++i) {
            auto found = std::ranges::find(series, rules[i].keep, &Series::keep);
            if (found == series.end()) found = series.insert(series.end(), Series{.keep = rules[i].keep});
            series_of[i] = static_cast<std::size_t>(found - series.begin());
        }
    }

    /// A stricter policy holds for what was written before it; a looser one changes nothing.
    void apply_policy(Kept& kept, const Rules& in_force, Time now) {
        const Keep keep = allowed_keep(directory / kept.file.name(), in_force);
        if (keep.unlimited) return;
        // Lines that a wrong clock put into the future were written before now all the same; their file keeps its END, as in clock_accepted().
        const auto& span = kept.file.span;
        const Time end = std::min(span.end, now);
        shorten(kept, end < span.start ? span.end : end, keep.stored() ? end + keep.micros : now);
    }

    void shorten(Kept& kept, Time end, Time limit) {
        if (limit >= kept.deadline) return;
        kept.deadline = limit;
        LogFile shorter = kept.file;
        shorter.span.end = end;
        shorter.span.deadline = limit;
        // If the new name cannot be given, the old one stays and the next start finds the same answer.
        if (::rename((directory / kept.file.name()).c_str(), (directory / shorter.name()).c_str()) == 0) kept.file = shorter;
    }

    void begin_span(Series& s, Time now) {
        s.close();
        s.span = span_at(s.keep, now);
        s.names.emplace();
    }

    void open_file(Series& s) {
        const LogFile file{.span = s.span, .number = last_number + 1};
        const auto fd = create_log_file(directory, file);
        if (!fd) return;
        ++last_number;
        s.fd = *fd;
        s.size = 0;
        files.push_back({.file = file});
    }

    void write(Event event, std::span<const Field> fields) {
        const auto index = static_cast<std::size_t>(event);
        const std::lock_guard lock(mutex);
        Series& s = series[series_of[index]];
        if (!s.keep.stored()) return;
        const Time now = clock->now();
        if (now < s.span.start || now >= s.span.end) begin_span(s, now);
        const std::string line = log_line(now, event, fields, rules[index], *s.names);
        if (s.fd < 0) open_file(s);
        if (s.fd < 0 || !append_line(s.fd, s.size, line)) ++lines_lost;
        if (echo == Echo::everything || (echo == Echo::alarms && is_alarm(event))) print_line(line);
    }

    /// What is due, now in `dying`.
    std::vector<Kept> take_due(Time now) {
        const std::lock_guard lock(mutex);
        for (Series& s : series)
            if (now >= s.span.end) s.close();
        const auto due =
            std::partition(files.begin(), files.end(), [now](const Kept& k) { return k.due() > now; });
        dying.assign(due, files.end());
        files.erase(due, files.end());
        return dying;
    }

    /// Nothing is appended to what exists any more. With the mutex held.
    void close_series() {
        for (Series& s : series) s.close();
    }

    /// `change` works on a copy without the mutex, so that nobody who logs waits; nobody else removes or renames files meanwhile.
    template <class F>
    void change_files(F change) {
        std::vector<Kept> changed;
        {
            const std::lock_guard lock(mutex);
            changed = files;
        }
        for (Kept& kept : changed) change(kept);
        const std::lock_guard lock(mutex);
        for (const Kept& kept : changed) {
            const auto at = std::ranges::find(files, kept.file.number, [](const Kept& k) { return k.file.number; });
            if (at != files.end()) *at = kept;
        }
    }

    void apply(const Policy& policy) {
        const std::lock_guard alone(maintenance);
        const Rules in_force = rules_of(policy);
        {
            const std::lock_guard lock(mutex);
            close_series();
            series.clear();
            rules = in_force;
            whole_log = policy.log.keep;
            make_series();
        }
        const Time now = clock->now();
        change_files([&](Kept& kept) {
            if (kept.due() > now) apply_policy(kept, in_force, now);
        });
    }

    void clock_accepted() {
        const std::lock_guard alone(maintenance);
        {
            const std::lock_guard lock(mutex);
            close_series();
        }
        const Time now = clock->now();
        change_files([&](Kept& kept) {
            const auto& span = kept.file.span;
            // Lines of the wrong clock's time stay within the file's span, which its name says.
            if (kept.deadline != store::no_deadline) shorten(kept, span.end, now + (kept.deadline - span.start));
        });
    }

    /// Files are large and overwriting is slow: nobody who logs waits for it.
    void sweep() {
        const std::lock_guard alone(maintenance);
        const Time now = clock->now();
        for (Kept& kept : take_due(now)) {
            const bool gone = destroy_log_file(directory, kept.file) == 0;
            kept.retry_at = now + retry_after;
            const std::lock_guard lock(mutex);
            std::erase_if(dying, [&](const Kept& k) { return k.file.number == kept.file.number; });
            if (!gone) files.push_back(kept);
        }
    }
};

Log::Log(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Log::~Log() = default;

std::expected<std::unique_ptr<Log>, std::string> Log::open(const std::filesystem::path& directory,
                                                           const Policy& policy, const Clock& clock,
                                                           Echo echo) {
    if (auto made = make_log_directory(directory); !made) return std::unexpected(made.error());
    auto found = list_log_files(directory);
    if (!found) return std::unexpected(found.error());
    auto impl = std::make_unique<Impl>();
    impl->directory = directory;
    impl->clock = &clock;
    impl->echo = echo;
    impl->rules = rules_of(policy);
    impl->whole_log = policy.log.keep;
    impl->make_series();
    const Time now = clock.now();
    for (const LogFile& file : *found) {
        impl->last_number = std::max(impl->last_number, file.number);
        Kept kept{.file = file};
        if (file.span.deadline > now) impl->apply_policy(kept, impl->rules, now);
        impl->files.push_back(kept);
    }
    return std::unique_ptr<Log>(new Log(std::move(impl)));
}

void Log::write(Event event, std::initializer_list<Field> fields) {
    impl_->write(event, {fields.begin(), fields.size()});
}

Time Log::next_deadline() const {
    const std::lock_guard lock(impl_->mutex);
    Time next = store::no_deadline;
    for (const Kept& kept : impl_->files) next = std::min(next, kept.due());
    return next;
}

Time Log::swept_to() const {
    const std::lock_guard lock(impl_->mutex);
    Time first = store::no_deadline;
    for (const auto* kept : {&impl_->files, &impl_->dying})
        for (const Kept& k : *kept) first = std::min({first, k.deadline, k.file.span.deadline});
    return std::min(impl_->clock->now(), first - 1);
}

Keep Log::keep() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->whole_log;
}

void Log::sweep() { impl_->sweep(); }
void Log::apply(const Policy& policy) { impl_->apply(policy); }
void Log::clock_accepted() { impl_->clock_accepted(); }

Log::Trouble Log::trouble() const {
    const std::lock_guard lock(impl_->mutex);
    const auto failed = std::ranges::count_if(impl_->files, [](const Kept& k) { return k.retry_at != 0; });
    return {.lines_lost = impl_->lines_lost, .files_overdue = static_cast<std::uint64_t>(failed)};
}

}  // namespace lethe::retention
