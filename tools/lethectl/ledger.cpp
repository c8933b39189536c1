// SPDX-License-Identifier: AGPL-3.0-or-later
// The commands around the ledger but `watch`. verify needs nothing of the server but the file and its published key.
#include <cerrno>
#include <nlohmann/json.hpp>

#include "crypto/ledger_key.h"
#include "crypto/regular_file.h"
#include "retention/ledger_verify.h"
#include "retention/log_format.h"
#include "server/admin/node_key_source.h"
#include "tools/lethectl/commands.h"
#include "tools/lethectl/ledger.h"
#include "tools/lethectl/perform.h"
#include "tools/lethectl/terminal.h"

namespace lethe::lethectl {
namespace {

using admin::Failure;
using admin::Status;

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

}  // namespace

bool is_web_address(std::string_view text) { return text.find("://") != text.npos; }

std::expected<std::string, Failure> read_ledger(const std::string& file) {
    if (is_web_address(file))
        return std::unexpected(Failure{Status::usage, "verify takes a file; download the ledger and name that, or use lethectl ledger watch, which fetches it"});
    auto text = crypto::read_regular(file, retention::largest_ledger);
    if (!text) return std::unexpected(Failure{text.error().code == EIO ? Status::system : Status::usage, file + ' ' + text.error().text + "; name a ledger file"});
    return std::move(*text);
}

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

int print_ledger_key(const Common& common) {
    const auto config = read_config(common.config);
    if (!config) return 2;
    if (const auto dropped = become_owner_of(config->data); !dropped) return fail(dropped.error());
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
