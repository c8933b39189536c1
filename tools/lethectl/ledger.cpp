// SPDX-License-Identifier: AGPL-3.0-or-later
// The commands around the ledger. verify and watch need nothing of the server but the file and its published key.
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "crypto/ledger_key.h"
#include "crypto/regular_file.h"
#include "retention/ledger_watch.h"
#include "retention/log_format.h"
#include "server/admin/node_key_source.h"
#include "tools/lethectl/commands.h"
#include "tools/lethectl/files.h"
#include "tools/lethectl/perform.h"
#include "tools/lethectl/terminal.h"

namespace lethe::lethectl {
namespace {

using admin::Failure;
using admin::Status;
namespace fs = std::filesystem;

std::expected<std::string, Failure> read_ledger(const std::string& file) {
    if (file.starts_with("http://") || file.starts_with("https://"))
        return std::unexpected(Failure{Status::usage, "this version cannot fetch a ledger from a web address; download it and name the file"});
    auto text = crypto::read_regular(file, retention::largest_ledger);
    if (!text) return std::unexpected(Failure{text.error().code == EIO ? Status::system : Status::usage, file + ' ' + text.error().text + "; name a ledger file"});
    return std::move(*text);
}

/// The one given, or the one that the file itself names.
std::expected<crypto::LedgerPublicKey, Failure> choose_key(const std::string& given, std::string_view text) {
    if (!given.empty()) {
        if (const auto key = crypto::parse_ledger_key(given)) return *key;
        return std::unexpected(Failure{Status::usage, "--key takes the published key, 64 hexadecimal digits as lethectl ledger key prints them"});
    }
    if (const auto key = retention::key_in_ledger(text)) {
        message("checked with the key that the file itself names, " + crypto::to_string(*key) + "; compare it with the one that the operator published");
        return *key;
    }
    return std::unexpected(Failure{Status::refused, "the file does not begin as a ledger does, so it names no key; give the published one with --key"});
}

std::string plural(std::uint64_t count, std::string_view word) {
    return std::to_string(count) + ' ' + std::string(word) + (count == 1 ? "" : "s");
}

nlohmann::ordered_json to_json(const retention::LedgerReport& report) {
    nlohmann::ordered_json out{{"holds", report.holds()}, {"lines", report.lines}, {"head", retention::to_hex(report.head)}};
    out["findings"] = nlohmann::ordered_json::array();
    for (const auto& f : report.findings) out["findings"].push_back({{"line", f.line}, {"fault", retention::to_string(f.fault)}, {"text", f.text}});
    out["findings_in_all"] = report.findings_in_all;
    out["swept_to"] = nlohmann::ordered_json::object();
    for (const auto& [cls, time] : report.swept_to) out["swept_to"][cls] = retention::log_time(time);
    out["alarms"] = report.alarms;
    out["clocks_accepted"] = report.clocks_accepted;
    out["repaired"] = report.repaired;
    if (report.policy) out["policy"] = retention::to_hex(*report.policy);
    return out;
}

/// Of a finding about the ledger as a whole.
std::string_view remedy(retention::LedgerFault fault) {
    return fault == retention::LedgerFault::other_key ? "; ask the operator which of the two they published" : "; name a ledger file";
}

void print(const retention::LedgerReport& report) {
    for (const auto& [cls, time] : report.swept_to) result(heading(cls) + "  nothing with a deadline until " + retention::log_time(time) + " exists any more");
    if (report.policy) result(heading("policy") + "  in force: " + retention::to_hex(*report.policy));
    for (const auto& word : report.alarms) result(heading("alarm") + "  " + word);
    if (report.clocks_accepted > 0) result(heading("clock") + "  accepted by the operator " + plural(report.clocks_accepted, "time"));
    if (report.repaired > 0) result(heading("repaired") + "  lines lost in a crash while being written: " + std::to_string(report.repaired));
}

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

}  // namespace

int print_ledger_key(const Common& common) {
    const auto config = read_config(common.config);
    if (!config) return 2;
    if (const auto ready = crypto::initialise(); !ready) return fail({Status::system, ready.error()});
    const auto node_key = admin::load_node_key(*config, common.passphrase_fd);
    if (!node_key) return fail(node_key.error());
    result(crypto::to_string(crypto::LedgerKey(*node_key).public_key()));
    return 0;
}

int verify_ledger_file(const Common& common, const LedgerOptions& options) {
    if (const auto ready = crypto::initialise(); !ready) return fail({Status::system, ready.error()});
    const auto text = read_ledger(options.file);
    if (!text) return fail(text.error());
    const auto key = choose_key(options.key, *text);
    if (!key) return fail(key.error());
    auto report = retention::verify_ledger(*text, *key);
    if (report.lines == 0 && report.holds()) return fail({Status::refused, options.file + " is empty; a ledger has at least one line"});
    if (common.json) {
        result(to_json(report).dump(2));
    } else {
        print(report);
        const bool whole = !report.holds() && report.findings.front().line == 0;
        for (const auto& finding : report.findings)
            message(whole ? options.file + ' ' + finding.text + std::string(remedy(finding.fault))
                          : options.file + ", line " + std::to_string(finding.line) + ": " + finding.text);
        if (report.holds())
            result(options.file + ": " + plural(report.lines, "line") + ", all signed and in order");
        else if (!whole)
            message(options.file + " does not hold: " + plural(report.findings_in_all, "finding"));
    }
    return report.holds() ? 0 : 1;
}

int watch_ledger(const LedgerOptions& options) {
    if (const auto ready = crypto::initialise(); !ready) return fail({Status::system, ready.error()});
    const auto text = read_ledger(options.file);
    if (!text) return fail(text.error());
    const auto state = state_path(options.file, options.state);
    if (!state) return fail(state.error());
    const auto last = read_state(*state);
    if (!last) return fail(last.error());
    const auto key = options.key.empty() && *last ? std::expected<crypto::LedgerPublicKey, Failure>((*last)->key) : choose_key(options.key, *text);
    if (!key) return fail(key.error());
    const auto look = retention::look_at_ledger(*text, *key, *last, retention::Time{std::time(nullptr)} * 1'000'000);
    for (const auto& note : look.notes) result(note);
    for (const auto& finding : look.findings) message(options.file + ": " + finding);
    if (!look.findings.empty()) {
        if (*last && (*last)->key == *key) message("what was seen before is kept in " + state->string() + "; delete it to begin anew");
        return 1;
    }
    if (const auto written = replace_file(*state, retention::to_text(look.mark)); !written)
        return fail({Status::system, written.error() + "; say with --state where to keep what was seen"});
    result(options.file + ": " + plural(look.mark.lines, "line") + ", " + std::to_string(look.new_lines) + " new since the last look, nothing cut, rewritten or back-dated");
    return 0;
}

int accept_clock(const Common& common) {
    const auto config = read_config(common.config);
    if (!config) return 2;
    admin::Request request;
    request.command = admin::Command::clock_accept;
    const auto [reply, by_server] = perform(*config, common.passphrase_fd, std::move(request));
    if (!reply) return fail(reply.error());
    result("the clock is accepted; every bucket ends at its deadline or its lifetime from now, whichever comes first");
    return 0;
}

}  // namespace lethe::lethectl
