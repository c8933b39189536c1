// SPDX-License-Identifier: AGPL-3.0-or-later
// `lethectl ledger watch`: a ledger now beside what it was at the last look.
//
// Of a file only its mark is kept. Of an address a copy is kept, too, and only what is new is fetched: from the beginning of the copy's last line
// on, which must be the same; because every line holds the hash of the one before, that stands for all before it. What does not fit is fetched
// whole and kept beside the copy, as evidence; the copy stays as it was.
#include <cerrno>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "crypto/regular_file.h"
#include "retention/ledger_watch.h"
#include "tools/lethectl/commands.h"
#include "tools/lethectl/fetch.h"
#include "tools/lethectl/files.h"
#include "tools/lethectl/ledger.h"
#include "tools/lethectl/terminal.h"

namespace lethe::lethectl {
namespace {

using admin::Failure;
using admin::Status;
namespace fs = std::filesystem;

/// The largest ledger comes through in the first at 300 KB/s, and one of usual size through Tor.
constexpr std::chrono::seconds usual_timeout{15 * 60}, longest_timeout{24 * 3600};

/// Beside the ledger, unless that is a server's data directory, where nothing else belongs.
std::expected<fs::path, Failure> state_path(const std::string& file, const std::string& given) {
    if (!given.empty()) return fs::path(given);
    std::error_code error;
    if (fs::exists(fs::absolute(file).parent_path() / "keyring", error))
        return std::unexpected(Failure{Status::usage, "this ledger lies in a server's data directory, where nothing else belongs; say with --state where to keep what was seen"});
    return fs::path(file + ".watched");
}

std::expected<std::optional<retention::LedgerMark>, Failure> read_state(const fs::path& path) {
    constexpr std::size_t most = 4096;  // a mark is one line
    const auto text = crypto::read_regular(path, most);
    if (!text && text.error().code == ENOENT) return std::nullopt;
    if (!text && text.error().code != 0)
        return std::unexpected(Failure{Status::system, path.string() + ' ' + text.error().text + "; say with --state where to keep what was seen"});
    if (text)
        if (auto mark = retention::parse_mark(*text)) return mark;
    return std::unexpected(Failure{Status::usage, path.string() + " is not what an earlier look left; name another file with --state, or delete it to begin anew"});
}

retention::Time now() { return retention::Time{std::time(nullptr)} * 1'000'000; }

void tell(const std::string& of, const retention::LedgerLook& look, bool json) {
    if (json) {
        nlohmann::ordered_json out{{"holds", look.findings.empty()}, {"lines", look.mark.lines}, {"new_lines", look.new_lines}};
        out["findings"] = look.findings;
        out["notes"] = look.notes;
        return result(out.dump());
    }
    for (const auto& note : look.notes) result(note);
    for (const auto& finding : look.findings) message(of + ": " + finding);
    if (look.findings.empty())
        result(of + ": " + plural(look.mark.lines, "line") + ", " + std::to_string(look.new_lines) + " new since the last look, nothing cut, rewritten or back-dated");
}

class Watch {
public:
    Watch(const LedgerOptions& options, bool json) : options_(options), json_(json) {}

    /// Once. The error: what stands there could not be judged.
    std::expected<bool, Failure> look(const Origin* origin) {
        const auto state = state_path(options_.copy, options_.state);
        if (!state) return std::unexpected(state.error());
        const auto last = read_state(*state);
        if (!last) return std::unexpected(last.error());
        const auto text = origin ? fetched(*origin, last->has_value()) : read_ledger(options_.file);
        if (!text) return std::unexpected(text.error());
        const auto key = options_.key.empty() && *last ? std::expected<crypto::LedgerPublicKey, Failure>((*last)->key) : choose_key(options_.key, *text);
        if (!key) return std::unexpected(key.error());
        const auto look = retention::look_at_ledger(*text, *key, *last, now());
        tell(options_.file, look, json_);
        const auto kept = look.findings.empty() ? keep(*state, *text, look.mark, origin != nullptr) : keep_evidence(*state, *text, *last && (*last)->key == *key, origin != nullptr);
        if (!kept) return std::unexpected(Failure{Status::system, kept.error() + "; say with --state" + (origin ? " and --copy" : "") + " where to keep what was seen"});
        return look.findings.empty();
    }

private:
    /// What is served now, as far as it is not the copy.
    std::expected<std::string, Failure> fetched(const Origin& origin, bool again) {
        auto copy = crypto::read_regular(options_.copy, retention::largest_ledger);
        if (!copy && copy.error().code != ENOENT) return std::unexpected(Failure{Status::usage, options_.copy + ' ' + copy.error().text + "; name another file with --copy"});
        if (!copy && again) return std::unexpected(Failure{Status::usage, options_.copy + " is gone, which held what was seen; put it back, or begin anew with another --copy"});
        if (!copy || copy->empty()) return whole(origin);
        const std::size_t before = copy->size() < 2 ? copy->npos : copy->rfind('\n', copy->size() - 2);
        const std::size_t last = before == copy->npos ? 0 : before + 1;
        auto part = fetch(origin, last, retention::largest_ledger);
        if (!part) return std::unexpected(part.error());
        if (part->what == Fetched::What::whole) return std::move(part->body);
        if (part->what == Fetched::What::shorter || !part->body.starts_with(std::string_view(*copy).substr(last))) return whole(origin);
        return copy->substr(0, last) + part->body;
    }

    static std::expected<std::string, Failure> whole(const Origin& origin) {
        auto all = fetch(origin, 0, retention::largest_ledger);
        if (!all) return std::unexpected(all.error());
        return std::move(all->body);
    }

    std::expected<void, std::string> keep(const fs::path& state, std::string_view text, const retention::LedgerMark& mark, bool copy) {
        // The copy first: a mark without what it marks would be a finding.
        if (copy)
            if (auto written = replace_file(options_.copy, text.substr(0, text.rfind('\n') + 1)); !written) return written;
        return replace_file(state, retention::to_text(mark));
    }

    std::expected<void, std::string> keep_evidence(const fs::path& state, std::string_view text, bool known, bool copy) {
        if (copy) {
            const std::string evidence = options_.copy + ".found";
            if (auto written = replace_file(evidence, text); !written) return written;
            message("what is served now is kept in " + evidence);
        }
        if (known) message("what was seen before is kept in " + state.string() + (copy ? " and " + options_.copy : "") + "; delete it to begin anew");
        return {};
    }

    const LedgerOptions& options_;
    const bool json_;
};

/// Again and again until there is a finding. Somebody who cannot be reached is tried again, and it is said once.
int go_on(Watch& watch, const Origin* origin, std::chrono::seconds every) {
    bool reached = true;
    for (;;) {
        const auto holds = watch.look(origin);
        if (!holds && holds.error().status != Status::system) return fail(holds.error());
        if (!holds && reached) message(holds.error().text + "; it is tried again");
        if (holds && !*holds) return 1;
        reached = holds.has_value();
        std::fflush(stdout);
        std::this_thread::sleep_for(every);
    }
}

/// Of an option; nullopt: it is no time, or none that ends.
std::optional<std::chrono::seconds> span_of(const std::string& text) {
    const auto span = retention::parse_keep(text);
    if (!span || span->unlimited || !span->stored()) return std::nullopt;
    return std::chrono::seconds(span->micros / 1'000'000);
}

}  // namespace

int watch_ledger(const Common& common, LedgerOptions options) {
    if (const auto ready = crypto::initialise(); !ready) return fail({Status::system, ready.error()});
    const auto every = options.every.empty() ? std::chrono::seconds(0) : span_of(options.every);
    if (!every) return fail({Status::usage, "--every takes a time, for example 1h or 10min"});
    const auto timeout = options.timeout.empty() ? usual_timeout : span_of(options.timeout);
    if (!timeout || *timeout > longest_timeout) return fail({Status::usage, "--timeout takes a time of at most a day, for example 15min"});
    Origin origin{.url = {}, .ca = options.ca, .proxy = options.proxy, .timeout = *timeout};
    const bool web = is_web_address(options.file);
    if (!web && !(options.ca.empty() && options.proxy.empty() && options.copy.empty() && options.timeout.empty()))
        return fail({Status::usage, "--ca, --proxy, --copy and --timeout are for a web address; leave them out, or name one"});
    if (web) {
        const auto checked = check_url(options.file, options.proxy);
        if (!checked) return fail(checked.error());
        origin.url = options.file = checked->url;
        if (options.copy.empty()) options.copy = checked->host + ".ledger.jsonl";
    } else {
        options.copy = options.file;
    }
    Watch watch(options, common.json);
    if (every->count() > 0) return go_on(watch, web ? &origin : nullptr, *every);
    const auto holds = watch.look(web ? &origin : nullptr);
    if (!holds) return fail(holds.error());
    return *holds ? 0 : 1;
}

}  // namespace lethe::lethectl
