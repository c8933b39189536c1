// SPDX-License-Identifier: AGPL-3.0-or-later
#include "retention/ledger_tail.h"

#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <vector>

namespace lethe::retention {

namespace {

constexpr std::size_t block = 1 << 16;  ///< also how much of the end is understood, not only counted

/// Counts lines and hashes each, so that neither a long file nor a long line needs memory. An announcement
/// may lie a whole notice back, far from the end: the last line that looks like one is kept, and the last ones that look like a policy's.
class Scanner {
public:
    Scanner() { begin(); }
    void take(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto end = bytes.find('\n');
            const auto part = bytes.substr(0, end);
            crypto_generichash_update(&state_, reinterpret_cast<const unsigned char*>(part.data()), part.size());
            length_ += part.size();
            line_ += part.substr(0, longest_ledger_line - line_.size());
            if (end == bytes.npos) return;
            if (line_.find(R"("event":"policy_announced")") != line_.npos) announcement_ = line_;
            if (line_.find(R"("event":"policy_)") != line_.npos) policies_.push_back(line_);
            if (policies_.size() > most_policies) policies_.pop_front();
            crypto_generichash_final(&state_, head_.data(), head_.size());
            size_ += length_ + 1;
            ++lines_;
            begin();
            bytes.remove_prefix(end + 1);
        }
    }
    const std::string& announcement() const { return announcement_; }
    const std::deque<std::string>& policies() const { return policies_; }
    LedgerTail result() const { return {.size = size_, .lines = lines_, .head = head_, .torn = length_}; }

private:
    void begin() {
        crypto_generichash_init(&state_, nullptr, 0, head_.size());
        length_ = 0;
        line_.clear();
    }
    crypto_generichash_state state_;
    std::string line_, announcement_;  ///< line_: no more of it than a line may have
    std::deque<std::string> policies_;
    Digest head_{};
    std::uint64_t size_ = 0, lines_ = 0, length_ = 0;
};

void note(LedgerTail& tail, const LedgerLine& line) {
    tail.last_time = line.time;
    if (std::holds_alternative<ClockAccepted>(line.event)) {
        tail.swept.clear();
        tail.alarms.clear();
    }
    if (const auto* e = std::get_if<PolicyInForce>(&line.event)) tail.in_force = e->policy;
    if (const auto* e = std::get_if<PolicyAnnounced>(&line.event)) tail.announced = *e;
    if (const auto* e = std::get_if<LedgerAlarm>(&line.event)) tail.alarms.insert_or_assign(std::string(e->word()), line.time);
    if (const auto* e = std::get_if<Swept>(&line.event)) {
        const auto [at, first] = tail.swept.try_emplace(e->cls, e->swept_to);
        at->second = std::max(at->second, e->swept_to);
    }
}

/// `end` is the last of the file, from the beginning of a line on.
void understand(LedgerTail& tail, std::string_view end, const crypto::LedgerPublicKey& key) {
    tail.damaged = tail.lines > 0;
    while (!end.empty()) {
        const auto newline = end.find('\n');
        if (newline == end.npos) break;
        const auto text = end.substr(0, newline);
        end.remove_prefix(newline + 1);
        const auto line = parse_ledger_line(text);
        const bool good = line && signature_holds(text, key);
        if (good) note(tail, *line);
        const bool last = end.find('\n') == end.npos;
        if (last) tail.damaged = !good || line->number + 1 != tail.lines;
    }
}

bool completes(const LedgerTail& tail, std::string_view text, const crypto::LedgerPublicKey& key) {
    const auto line = parse_ledger_line(text);
    return line && line->number == tail.lines && line->previous == (tail.lines == 0 ? Digest{} : tail.head) && signature_holds(text, key);
}

void mend(int fd, LedgerTail& tail, std::string_view torn, const crypto::LedgerPublicKey& key) {
    if (torn.size() == tail.torn && completes(tail, torn, key)) {
        if (store::write_at(fd, as_bytes("\n"), tail.size + tail.torn) == 0 && store::sync(fd) == 0) {
            const auto line = parse_ledger_line(torn);
            note(tail, *line);
            note_policy(tail.policies, line->event, line->time);
            tail.head = digest_of(torn);
            tail.size += tail.torn + 1;
            tail.torn = 0;
            ++tail.lines;
            tail.damaged = false;
            return;
        }
    }
    tail.dirty = ::ftruncate(fd, static_cast<off_t>(tail.size)) != 0 || store::sync(fd) != 0;
}

}  // namespace

void note_policy(std::vector<PolicyDate>& policies, const LedgerEvent& event, Time time) {
    const auto date = policy_date(event, time);
    if (!date) return;
    policies.push_back(*date);
    if (policies.size() > most_policies) policies.erase(policies.begin());
}

std::expected<store::File, std::string> open_ledger_file(const std::filesystem::path& path) {
    auto file = store::open_file(path, store::OpenMode::write);
    if (!file && file.error() == ENOENT) {
        file = store::open_file(path, store::OpenMode::create);
        if (file)
            if (const int code = store::sync_directory(path.parent_path()); code != 0) file = std::unexpected(code);
    }
    const bool another_kind = !file && file.error() == EINVAL;  // which the check can name
    if (!file && !another_kind)
        return std::unexpected(store::problem(path, file.error(), "cannot be opened", "check its permissions and the disk").text);
    if (const auto ours = store::check_private_file(path); !ours) return std::unexpected(ours.error().text);
    if (another_kind) return std::unexpected(store::problem(path, EINVAL, "cannot be opened", "look at what stands there").text);
    return std::move(*file);
}

std::expected<LedgerTail, std::string> read_ledger_tail(int fd, const std::filesystem::path& path, const crypto::LedgerPublicKey& key) {
    Scanner scanner;
    std::string end;
    std::vector<char> buffer(block);
    for (off_t at = 0;;) {
        const ssize_t n = ::pread(fd, buffer.data(), buffer.size(), at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return std::unexpected(store::problem(path, errno, "cannot be read", "check the disk").text);
        if (n == 0) break;
        at += n;
        const std::string_view bytes(buffer.data(), static_cast<std::size_t>(n));
        scanner.take(bytes);
        end += bytes;
        if (end.size() > 2 * block) end.erase(0, end.size() - block);
    }
    LedgerTail tail = scanner.result();
    if (const auto line = parse_ledger_line(scanner.announcement());
        line && signature_holds(scanner.announcement(), key))
        if (const auto* e = std::get_if<PolicyAnnounced>(&line->event)) tail.announced = *e;
    for (const auto& text : scanner.policies())
        if (const auto line = parse_ledger_line(text); line && signature_holds(text, key)) note_policy(tail.policies, line->event, line->time);
    std::string_view view = end;
    if (view.size() < tail.size + tail.torn) view.remove_prefix(std::min(view.find('\n'), view.size() - 1) + 1);  // what begins inside a line
    understand(tail, view, key);
    const std::string_view torn = std::string_view(end).substr(end.size() - std::min<std::uint64_t>(end.size(), tail.torn));
    if (tail.torn > 0) mend(fd, tail, torn, key);
    return tail;
}

}  // namespace lethe::retention
