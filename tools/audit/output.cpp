// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tools/audit/output.h"

#include <nlohmann/json.hpp>

#include "tools/audit/deadlines.h"
#include "tools/audit/escape.h"

namespace lethe::audit {

using Json = nlohmann::ordered_json;

std::string where(const Finding& finding) {
    std::string out = finding.place.empty() ? "the directory itself" : printable(finding.place);
    if (!finding.detail.empty()) out += ", " + printable(finding.detail);
    return out;
}

std::string counted(std::uint64_t number, std::string_view plural) {
    if (number == 1) plural.remove_suffix(1);
    return std::to_string(number) + ' ' + std::string(plural);
}

std::string conclusion(const Report& report) {
    if (report.holds()) return "Everything that an audit can show holds.";
    return counted(report.findings.count(), "findings") + ": this directory is not as its policy says.";
}

std::string as_text(const Report& report, const std::function<std::string(std::string_view)>& strong) {
    std::string out;
    const auto line = [&](const std::string& text) { out += text + '\n'; };
    line(strong("Audit of " + printable(report.directory)));
    line("as of      " + to_text(report.at) + (report.at_given ? " (given)" : ""));
    line("policy     " + printable(report.policy_name) + ", BLAKE2b-256 " + report.policy_digest);
    line(std::string("directory  ") + (report.live ? "a server is using it" : "no server is using it"));
    if (!report.key_name.empty()) line("ledger key " + report.key_name);
    line("holds      " + counted(report.accounts, "accounts") + ", " + counted(report.stored.size(), "buckets and log files"));
    line("");
    for (std::size_t i = 0; i < check_count; ++i) {
        const auto check = static_cast<Check>(i);
        const auto bad = report.findings.count(check);
        const std::string verdict = bad == 0 ? "holds" : strong("FAILS");
        line(verdict + "  " + std::string(question(check)) + " (" + counted(report.examined[i], report.unit[i]) +
             (bad == 0 ? "" : ", " + counted(bad, "findings")) + ")");
    }
    if (!report.holds()) line("\n" + strong("Findings"));
    std::uint64_t shown = 0;
    for (const auto& finding : report.findings.list()) {
        ++shown;
        line(where(finding));
        line("    " + printable(finding.what));
        line("    remedy: " + printable(finding.remedy));
    }
    if (shown < report.findings.count()) line("… and " + std::to_string(report.findings.count() - shown) + " more");
    if (!report.notes.empty()) line("\n" + strong("Worth knowing"));
    for (const auto& note : report.notes) line("- " + printable(note));
    line("\n" + strong("What an audit cannot show"));
    for (const auto& limit : limits()) line("- " + limit);
    line("\n" + strong(conclusion(report)));
    return out;
}

std::string as_json(const Report& report) {
    Json checks = Json::array(), findings = Json::array(), stored = Json::array();
    for (std::size_t i = 0; i < check_count; ++i) {
        const auto check = static_cast<Check>(i);
        checks.push_back({{"check", name(check)}, {"question", question(check)}, {"holds", report.findings.count(check) == 0},
                          {"findings", report.findings.count(check)}, {"examined", report.examined[i]}, {"unit", report.unit[i]}});
    }
    for (const auto& f : report.findings.list())
        findings.push_back({{"check", name(f.check)}, {"place", printable(f.place)}, {"detail", printable(f.detail)},
                            {"what", printable(f.what)}, {"remedy", printable(f.remedy)}});
    for (const auto& s : report.stored) {
        Json deadline = s.span.deadline;
        if (s.span.deadline == store::no_deadline) deadline = nullptr;
        stored.push_back({{"class", s.cls}, {"place", printable(s.place)}, {"start", s.span.start}, {"end", s.span.end},
                          {"deadline", deadline}, {"bytes", s.bytes}});
    }
    const Json out = {{"directory", printable(report.directory)}, {"as_of", report.at}, {"live", report.live},
                      {"policy", {{"name", printable(report.policy_name)}, {"blake2b_256", report.policy_digest}}},
                      {"ledger_key", report.key_name}, {"accounts", report.accounts}, {"holds", report.holds()},
                      {"checks", checks}, {"findings_in_all", report.findings.count()}, {"findings", findings},
                      {"stored", stored}, {"notes", report.notes}, {"cannot_show", limits()}};
    return out.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace lethe::audit
