// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tools/audit/audit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

#include "crypto/hex.h"
#include "retention/clock_guard.h"
#include "retention/ledger_verify.h"
#include "retention/promises.h"
#include "store/store.h"
#include "tools/audit/buckets.h"
#include "tools/audit/deadlines.h"
#include "tools/audit/ledger.h"
#include "tools/audit/logs.h"

namespace lethe::audit {

namespace {

constexpr int looks = 3;
constexpr Time second = 1'000'000;
constexpr std::size_t most_environments = 20'000, most_given_up = 8;
constexpr std::size_t most_ledger = std::size_t{256} << 20;  // a line a minute and class for a century is less
constexpr std::size_t most_lock = 64 << 10;                  // LMDB's holds some hundred readers

/// Up to `most` bytes; nothing if it cannot be read.
std::optional<std::string> read_up_to(int fd, std::size_t most) {
    std::string out;
    std::array<char, 65536> chunk;
    while (out.size() < most) {
        const auto n = ::read(fd, chunk.data(), std::min(chunk.size(), most - out.size()));
        if (n < 0) return std::nullopt;
        if (n == 0) break;
        out.append(chunk.data(), static_cast<std::size_t>(n));
    }
    return out;
}

/// The file of a bucket without anybody's rows, after a kill.
struct Begun {
    const Entry* entry = nullptr;
    EnvironmentSeen inside;
};

/// One look at everything.
class Look {
public:
    /// `standing`: what stood in the directory just before; `policy`: what is held against.
    Look(const Options& options, const std::optional<retention::PolicyStanding>& standing, const retention::Policy& policy, Time now, bool live)
        : options_(options), policy_(policy), now_(now) {
        report_.live = live;
        report_.at = now;
        traces_.standing = standing;
    }

    std::expected<Report, int> all() {
        auto tree = list_tree(options_.directory, report_.findings);
        if (!tree) return std::unexpected(tree.error());
        tree_ = std::move(*tree);
        count(Check::catalogue, tree_.entries.size(), "names");
        count(Check::permissions, tree_.entries.size(), "names");
        for (const char* needed : {"state.mdb", "keyring", "buckets"})
            if (!tree_.find(needed) && !misplaced(needed))
                report_.findings.add({Check::whole, needed, "", "is missing", "check that this is a data directory of Lethe, and find out who removed it"});
        steps_ = static_cast<std::size_t>(std::ranges::count_if(tree_.entries, [](const Entry& e) { return (e.mode & S_IFMT) == S_IFREG; }));
        // The ledger first: what it says only grows, so what is looked at later cannot contradict an older line.
        ledger();
        clock_record();
        killed_ = was_killed();
        for (const auto& entry : tree_.entries) look_at(entry);
        half_made_buckets();
        invitations();
        for (const auto& bucket : buckets_) check_span(bucket, policy_, now_, swept_, report_.findings);
        if (keyring_) check_keys(state_ ? &*state_ : nullptr, buckets_, *keyring_, now_, report_.findings);
        ledger_end();
        summary();
        return std::move(report_);
    }

private:
    void count(Check check, std::uint64_t number, std::string_view unit) {
        report_.examined[static_cast<std::size_t>(check)] += number;
        report_.unit[static_cast<std::size_t>(check)] = unit;
    }

    /// It was found, and is a finding already, but not as what it should be.
    bool misplaced(std::string_view path) const {
        return std::ranges::any_of(report_.findings.list(), [&](const Finding& f) { return f.place == path; });
    }

    void look_at(const Entry& entry) {
        if (entry.regular()) {
            if (options_.progress) options_.progress(done_, steps_, entry.path);
            ++done_;
        }
        switch (entry.kind) {
            case Kind::state:
                if (auto inside = environment(entry)) state_ = check_state(entry, std::move(*inside), report_.findings);
                break;
            case Kind::bucket:
                if (auto inside = environment(entry)) {
                    if (killed_ && is_empty(*inside)) {
                        begun_.push_back({&entry, std::move(*inside)});
                        break;
                    }
                    buckets_.push_back(check_bucket(entry, std::move(*inside), report_.findings));
                    if (const auto& info = buckets_.back().info)
                        report_.stored.push_back({std::string(store::format::class_directory(entry.cls)), entry.path, info->span, entry.stored});
                }
                break;
            case Kind::keyring:
                keyring_ = read_keyring(tree_, entry, report_.findings);
                count(Check::keys, keyring_->slots, "slots");
                break;
            case Kind::lock:
            case Kind::clock:
            case Kind::environment_lock:
                small_file(entry);
                break;
            case Kind::log_file:
                log_file(entry);
                break;
            default:
                break;
        }
    }

    void log_file(const Entry& entry) {
        count(Check::log, check_log_file(tree_, entry, policy_, now_, report_), "lines");
        if (const auto named = retention::LogFile::parse(entry.path.substr(entry.path.find('/') + 1)))
            check_swept(retention::log_class, entry.path, named->span, swept_, report_.findings);
    }

    void invitations() {
        if (!state_) return;
        for (const auto& one : state_->inside.invitations)
            if (auto fault = invitation_fault(one.deadline, policy_, now_))
                report_.findings.add({Check::deadlines, "state.mdb", "table invitations, key " + crypto::to_hex(one.id.view()), std::move(*fault),
                                      "start the server, which erases it; if it runs, look at its log"});
    }

    /// No account's row in it, and nothing else that does not belong there.
    static bool is_empty(const EnvironmentSeen& inside) {
        return inside.state == EnvironmentSeen::State::whole && inside.odd_in_all == 0 && !inside.text_between &&
               std::ranges::all_of(inside.tables, [](const TableSeen& t) { return t.known && (t.rows == 0 || t.name == "info"); });
    }

    /// Whether the last server that used the directory was killed: it may have been making a bucket.
    bool was_killed() const {
        const Entry* const lock = tree_.find("lock");
        if (report_.live || !lock || lock->kind != Kind::lock) return false;
        const auto file = tree_.open(*lock);
        const auto text = file ? read_up_to(file->fd(), most_lock) : std::nullopt;
        return text && *text == "running\n";
    }

    /// A bucket has its tables first, then the row that names it, then its key; before that, nobody can have written to it.
    void half_made_buckets() {
        for (auto& begun : begun_) {
            const Entry& entry = *begun.entry;
            const auto owner = store::format::owner_of({entry.cls, entry.number});
            const bool has_key = !keyring_ || !keyring_->read || std::ranges::any_of(keyring_->taken, [&](const SlotSeen& slot) {
                return slot.part == store::format::Part::bucket && slot.owner == owner;
            });
            if (has_key)
                buckets_.push_back(check_bucket(entry, std::move(begun.inside), report_.findings));
            else
                report_.notes.push_back(entry.path + " is empty and has no key: a server was killed while it made this bucket, and its next start removes it.");
        }
    }

    std::optional<EnvironmentSeen> environment(const Entry& entry) {
        if (++environments_ > most_environments || given_up_ > most_given_up) {
            if (!std::exchange(stopped_, true))
                report_.findings.add({Check::whole, entry.path, "", "and what follows was not read: there are too many files, or too many that stop their readers",
                                      "remove what does not belong there, and audit again"});
            return std::nullopt;
        }
        auto inside = read_environment(tree_, entry, report_.live);
        if (inside.state == EnvironmentSeen::State::not_read && inside.code == ENOENT && report_.live) return std::nullopt;
        if (inside.state == EnvironmentSeen::State::gave_up) ++given_up_;
        count(Check::whole, 1, "environments");
        std::uint64_t rows = 0;
        for (const auto& table : inside.tables) rows += table.rows;
        count(Check::sealed, rows, "rows");
        return inside;
    }

    /// Whether a small file that only programs read holds what it may.
    static bool right_content(Kind kind, const std::string& text) {
        if (kind == Kind::lock) return text == "running\n" || text == "closed.\n";
        // "TIME BASE BOOT": decimal numbers and the name of a start of the machine.
        if (kind == Kind::clock) return text.size() <= 128 && text.find_first_not_of("0123456789abcdef- \n") == std::string::npos;
        return text.size() <= most_lock && !find_text(as_bytes(text));
    }

    void small_file(const Entry& entry) {
        const auto file = tree_.open(entry);
        if (!file) return;
        const auto text = read_up_to(file->fd(), most_lock + 1);
        if (!text || !right_content(entry.kind, *text))
            report_.findings.add({Check::catalogue, entry.path, "", "holds something else than it may", "stop the server, remove it, and start again"});
    }

    void ledger() {
        const Entry* const entry = tree_.find(ledger_place);
        if (!entry) {
            ledger_missing_ = !misplaced(ledger_place);
            return;
        }
        if (entry->size > most_ledger) {
            report_.findings.add({Check::ledger, entry->path, "", "is larger than any ledger and was not read", "find out who changed it"});
            return;
        }
        const auto file = tree_.open(*entry);
        auto text = file ? read_up_to(file->fd(), most_ledger) : std::nullopt;
        if (!text) {
            report_.findings.add({Check::whole, entry->path, "", "cannot be read", "run the audit as the directory's owner or as root"});
            return;
        }
        // A running server may be in the middle of a line.
        if (report_.live) text->resize(text->rfind('\n') + 1);
        if (text->empty()) {
            ledger_empty_ = true;
            return;
        }
        const auto named = retention::key_in_ledger(*text);
        const auto key = options_.key ? options_.key : named;
        report_.key_name = key ? crypto::to_string(*key) : "";
        if (!key) {
            report_.findings.add({Check::ledger, entry->path, "line 1", "does not begin as a ledger does", "find out who changed it"});
            return;
        }
        if (!options_.key)
            report_.notes.push_back("The ledger was verified with the key that it names itself; --key with the published key (lethectl ledger key) tells whose it is.");
        const auto verified = retention::verify_ledger(*text, *key);
        count(Check::ledger, verified.lines, "lines");
        swept_ = verified.swept_to;
        if (verified.holds()) ledger_ = read_ledger(*text);
        if (ledger_) follow(ledger_->last_time, entry->path, 60 * second);
        for (const auto& finding : verified.findings)
            report_.findings.add({Check::ledger, entry->path, finding.line == 0 ? "" : "line " + std::to_string(finding.line), finding.text,
                                  finding.fault == retention::LedgerFault::other_key ? "name the key that was published with --key; if it is, the ledger is another one's"
                                                                                     : "find out who changed it; the lines before this one hold"});
        for (const auto& word : verified.alarms) report_.notes.push_back("The ledger holds the alarm " + word + ".");
        for (const auto& [cls, to] : verified.swept_to)
            if (to > now_.to + grace)
                report_.findings.add({Check::ledger, entry->path, "", "says that " + cls + " was swept up to " + to_text(to) + ", which is to come", "check the clock"});
    }

    /// A server's time does not go back: if the machine's clock did, what it wrote last tells how late it is to it, as far as `step`.
    void follow(Time seen, std::string_view place, Time step) {
        if (seen <= now_.from) return;
        if (seen - report_.at > retention::ClockGuard::backward_limit && !std::exchange(went_back_, true))
            report_.findings.add({Check::deadlines, std::string(place), "", "says that it was " + to_text(seen) + " already, more than an hour later than now: the clock went back, and the server destroys nothing",
                                  "set the clock right, or if it is right, run lethectl clock accept; of a copy, say with --at when it was made"});
        now_ = {seen, std::max(now_.to, seen + step)};
    }

    void clock_record() {
        const Entry* const entry = tree_.find(retention::clock_file);
        const auto file = entry && entry->kind == Kind::clock ? tree_.open(*entry) : std::unexpected(ENOENT);
        const auto text = file ? read_up_to(file->fd(), most_lock) : std::nullopt;
        clock_read_ = text.has_value();
        recorded_ = text ? retention::ClockGuard::recorded_time(*text) : std::nullopt;
        if (recorded_ && (!ledger_ || *recorded_ >= ledger_->before_accepted + second)) follow(*recorded_, entry->path, retention::ClockGuard::record_step);
    }

    /// What shows how long a server lived: nothing that is a finding itself, or a time to come.
    void trace(Time time, std::string_view place) {
        if (time > now_.to + grace || time <= traces_.latest) return;
        traces_.latest = time;
        traces_.latest_place = place;
    }

    /// A server makes ledger, clock's record and log before it stores its policy, and that before it stores
    /// anything for somebody.
    bool was_run() const { return traces_.used || traces_.standing; }

    void missing_files() {
        if (!was_run()) return;
        const Entry* const clock = tree_.find(retention::clock_file);
        if (!recorded_ && (!clock || clock_read_) && !misplaced(retention::clock_file))
            report_.findings.add(
                {Check::whole, std::string(retention::clock_file), "",
                 clock ? "holds no time, and a server was run here" : "is missing, and a server was run here",
                 "find out who did that; the next start cannot tell whether its clock jumped forward before "
                 "it"});
        if (policy_.log.keep.stored() && !tree_.find("log") && !misplaced("log"))
            report_.findings.add({Check::whole, "log", "", "is missing, and the policy keeps a log",
                                  "find out who removed it; what was logged is gone before its time, and the "
                                  "next start makes a new one"});
    }

    void ledger_end() {
        traces_.used = (state_ && !state_->high_water.empty()) || !buckets_.empty();
        const bool none = state_ && state_->inside.state == EnvironmentSeen::State::whole &&
                          std::ranges::none_of(state_->inside.plain, [](const PlainRow& row) { return row.table == "policy"; });
        // What was promised would be forgotten with it, and a looser file act at once.
        if (traces_.used && none && !killed_)
            report_.findings.add({Check::catalogue, "state.mdb", "table policy", "holds no policy, and a server has stored something here",
                                  "find out who removed it; the next start takes its policy file without any notice"});
        missing_files();
        if (!ledger_) return;
        traces_.cut_short = report_.live || killed_;
        for (const auto& bucket : buckets_) {
            // A bucket that a wrong clock began in the future is closed when the right one is accepted: its END then lies before its START.
            if (bucket.info) trace(std::min(bucket.info->span.start, bucket.info->span.end), bucket.entry->path);
        }
        if (recorded_) trace(*recorded_, retention::clock_file);
        check_ledger_end(*ledger_, traces_, report_);
    }

    void summary() {
        const bool used = !state_ || was_run();
        if (ledger_missing_ && used)
            report_.findings.add({Check::ledger, std::string(ledger_place), "", "is missing", "find out who removed it; the server begins a new one"});
        else if (ledger_empty_ && used)
            report_.findings.add({Check::ledger, std::string(ledger_place), "",
                                  "is empty, and a server was run here",
                                  "find out who emptied it; the server begins a new one"});
        else if (ledger_missing_ || ledger_empty_)
            report_.notes.push_back("There is no ledger: no server has stored anything here yet.");
        count(Check::deadlines, report_.stored.size(), "spans");
        count(Check::whole, 0, "environments");
        count(Check::sealed, 0, "rows");
        count(Check::keys, 0, "slots");
        count(Check::ledger, 0, "lines");
        count(Check::log, 0, "lines");
        if (state_) report_.accounts = state_->inside.accounts.size();
    }

    const Options& options_;
    const retention::Policy& policy_;
    Present now_;
    Report report_;
    Tree tree_;
    std::optional<StateSeen> state_;
    std::optional<KeyringSeen> keyring_;
    std::vector<BucketSeen> buckets_;
    std::vector<Begun> begun_;
    SweptTo swept_;
    std::optional<LedgerSeen> ledger_;  ///< if it verifies
    Traces traces_;
    std::size_t steps_ = 0, done_ = 0, environments_ = 0, given_up_ = 0;
    std::optional<Time> recorded_;  ///< by DATA/clock
    bool clock_read_ = false, went_back_ = false, stopped_ = false, ledger_missing_ = false,
         ledger_empty_ = false, killed_ = false;
};

/// Whether a server holds the directory's lock. Never waits for what may stand in the lock's place.
bool in_use(const std::filesystem::path& directory) {
    struct stat st {};
    return ::lstat((directory / "lock").c_str(), &st) == 0 && S_ISREG(st.st_mode) && store::Store::in_use(directory);
}

}  // namespace

std::expected<std::optional<retention::PolicyStanding>, std::string> standing_policy(const std::filesystem::path& directory) {
    Findings unheeded;
    const auto tree = list_tree(directory, unheeded);
    if (!tree)
        return std::unexpected(directory.string() + " cannot be read (" + std::generic_category().message(tree.error()) +
                               "): name a data directory, and run the audit as its owner or as root");
    const Entry* const entry = tree->find("state.mdb");
    if (!entry) return std::nullopt;
    const auto inside = read_environment(*tree, *entry, in_use(directory), Extent::policy);
    for (const auto& row : inside.plain) {
        if (row.table != "policy" || as_text(row.key) != store::format::key_standing) continue;
        auto standing = retention::PolicyStanding::decode(row.value);
        if (!standing) return std::unexpected((directory / "state.mdb").string() + " holds a policy that cannot be read: name the published one with --policy");
        return std::optional(std::move(*standing));
    }
    return std::nullopt;
}

namespace {

/// The policy to be held against, and what is wrong with the one that was named.
struct Against {
    retention::Policy policy;
    std::string other;
};
Against choose_policy(const Options& options, const std::optional<retention::PolicyStanding>& standing, Time now) {
    if (!standing) return {*options.policy, ""};
    auto now_standing = *standing;
    now_standing.advance(now);
    const auto& announced = now_standing.announced();
    if (!options.policy || (announced && announced->policy.text == options.policy->text)) return {now_standing.in_force(), ""};
    if (now_standing.in_force().text == options.policy->text) return {*options.policy, ""};
    return {*options.policy, "says that another policy is in force than the one that was named"};
}

std::expected<Report, std::string> look_once(const Options& options) {
    const Time now = options.at ? *options.at : retention::SystemClock().now();
    const auto found = standing_policy(options.directory);
    if (!options.policy && !found) return std::unexpected(found.error());
    const auto standing = found ? *found : std::nullopt;
    if (!options.policy && !standing)
        return std::unexpected("no policy stands in " + options.directory.string() + ": name the published one with --policy FILE");
    const auto against = choose_policy(options, standing, now);
    auto report = Look(options, standing, against.policy, now, in_use(options.directory)).all();
    if (!report)
        return std::unexpected(options.directory.string() + " cannot be read (" + std::generic_category().message(report.error()) +
                               "): name a data directory, and run the audit as its owner or as root");
    if (!against.other.empty())
        report->findings.add({Check::catalogue, "state.mdb", "table policy", against.other,
                              "name the policy that was published last; if it is, the server has not read it yet, or obeys another"});
    report->policy_digest = retention::to_hex(retention::digest_of(options.policy ? options.policy->text : against.policy.text));
    return std::move(*report);
}

}  // namespace

std::expected<Report, std::string> run(const Options& options) {
    auto report = look_once(options);
    for (int i = 1; report && report->live && !report->holds() && i < looks; ++i) {
        const timespec moment{.tv_sec = 1, .tv_nsec = 0};
        ::nanosleep(&moment, nullptr);
        auto again = look_once(options);
        if (!again) return again;
        report->findings.keep_common(again->findings);
        again->findings = std::move(report->findings);
        report = std::move(again);
    }
    if (!report) return report;
    report->directory = options.directory.string();
    report->policy_name = options.policy_name;
    report->at_given = options.at.has_value();
    return report;
}

}  // namespace lethe::audit
