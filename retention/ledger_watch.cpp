// SPDX-License-Identifier: AGPL-3.0-or-later
#include "retention/ledger_watch.h"

#include <nlohmann/json.hpp>

#include "retention/log_format.h"

namespace lethe::retention {

namespace {

using Json = nlohmann::ordered_json;

struct Cut {
    std::string_view last_seen;  ///< the line that was the last at the last look; empty if there are fewer lines
    std::string_view fresh;      ///< all lines behind it
    std::uint64_t lines = 0;
};

Cut cut_at(std::string_view text, std::uint64_t seen) {
    Cut cut;
    std::uint64_t line = 0;
    for (std::size_t at = 0; at < text.size(); ++line) {
        const auto end = text.find('\n', at);
        if (line + 1 == seen) {
            cut.last_seen = text.substr(at, end - at);
            cut.fresh = text.substr(end + 1);
        }
        at = end + 1;
    }
    cut.lines = line;
    if (seen == 0) cut.fresh = text;
    return cut;
}

struct Fresh {
    std::uint64_t lines = 0, back_dated = 0, accepted = 0, repaired = 0;
};

Fresh look_at_fresh(std::string_view text, Time looked) {
    Fresh out;
    while (!text.empty()) {
        const auto end = text.find('\n');
        const auto line = parse_ledger_line(text.substr(0, end));
        text.remove_prefix(end + 1);
        ++out.lines;
        if (!line) continue;
        if (std::holds_alternative<ClockAccepted>(line->event)) ++out.accepted;
        if (std::holds_alternative<LedgerRepaired>(line->event)) ++out.repaired;
        // From an accepted clock on times may be earlier; the line itself tells everybody.
        if (out.accepted == 0 && line->time < looked - watch_tolerance) ++out.back_dated;
    }
    return out;
}

std::string count(std::uint64_t n, std::string_view what) { return std::to_string(n) + ' ' + std::string(what) + (n == 1 ? "" : "s"); }

}  // namespace

std::string to_text(const LedgerMark& mark) {
    return Json{{"version", 1}, {"key", crypto::to_string(mark.key)}, {"lines", mark.lines}, {"head", to_hex(mark.head)}, {"looked", mark.looked}}.dump() + '\n';
}

std::optional<LedgerMark> parse_mark(std::string_view text) {
    const auto json = Json::parse(text, nullptr, false);
    if (!json.is_object() || !json.contains("key") || !json["key"].is_string() || !json.contains("head") || !json["head"].is_string() ||
        !json.contains("lines") || !json["lines"].is_number_unsigned() || !json.contains("looked") || !json["looked"].is_number_integer())
        return std::nullopt;
    const auto key = crypto::parse_ledger_key(json["key"].get<std::string>());
    const auto head = digest_from_hex(json["head"].get<std::string>());
    if (!key || !head) return std::nullopt;
    LedgerMark mark{.key = *key, .lines = json["lines"].get<std::uint64_t>(), .head = *head, .looked = json["looked"].get<Time>()};
    if (to_text(mark) != text) return std::nullopt;
    return mark;
}

LedgerLook look_at_ledger(std::string_view text, const crypto::LedgerPublicKey& key, const std::optional<LedgerMark>& last, Time now) {
    text = text.substr(0, text.rfind('\n') + 1);
    const auto report = verify_ledger(text, key);
    LedgerLook look;
    bool other_key = false;
    for (const auto& finding : report.findings) {
        look.findings.push_back((finding.line == 0 ? "it " : "line " + std::to_string(finding.line) + ": ") + finding.text);
        other_key = other_key || finding.fault == LedgerFault::other_key;
    }
    if (report.lines == 0) look.findings.push_back("the ledger holds no line");
    if (last && last->key != key && !other_key) look.findings.push_back("the key is another than at the last look");
    const auto cut = cut_at(text, last ? last->lines : 0);
    if (last && cut.lines < last->lines)
        look.findings.push_back("the ledger was cut: it had " + count(last->lines, "line") + " at the last look and has " + std::to_string(cut.lines));
    else if (last && last->lines > 0 && digest_of(cut.last_seen) != last->head)
        look.findings.push_back("the ledger was rewritten: line " + std::to_string(last->lines) + " is another than at the last look");
    else if (!other_key) {
        const auto fresh = look_at_fresh(cut.fresh, last ? last->looked : 0);
        look.new_lines = fresh.lines;
        if (fresh.back_dated > 0)
            look.findings.push_back(count(fresh.back_dated, "line") + " came after the last look (" + log_time(last->looked) +
                                    ") and claim an earlier time: back-dated, or held back by a disk that took nothing");
        if (fresh.accepted > 0) look.notes.push_back("the operator declared the clock right (clock_accepted)");
        if (fresh.repaired > 0) look.notes.push_back("a crash destroyed a line that was being written (repaired)");
    }
    for (const auto& word : report.alarms) look.notes.push_back("alarm in the ledger: " + word);
    look.mark = {.key = key, .lines = report.lines, .head = report.head, .looked = now};
    if (last && !look.findings.empty()) look.mark = *last;
    return look;
}

}  // namespace lethe::retention
