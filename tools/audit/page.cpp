// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tools/audit/deadlines.h"
#include "tools/audit/escape.h"
#include "tools/audit/output.h"

namespace lethe::audit {

namespace {

// Every pair of colours has a contrast of at least 4.5 to 1, in light and in dark.
constexpr std::string_view style = R"(
:root { color-scheme: light dark; --ink: #1c2126; --soft: #535c66; --paper: #fbfaf7; --card: #fff; --line: #d8d5cc;
  --good: #1b6e3c; --bad: #a3231f; --bar: #2f6b9a; --past: #a3231f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e6e1; --soft: #aab0b6; --paper: #16191c; --card: #1f2427; --line: #3a4146;
  --good: #6fcf97; --bad: #ff8a80; --bar: #7db8e8; --past: #ff8a80; } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere }
main { max-width: 52rem; margin: 0 auto; padding: 1.25rem 1rem 4rem }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 1rem 0 .25rem } h2 { font-size: 1.2rem; margin: 2.25rem 0 .75rem }
.verdict { border-left: .4rem solid; padding: .75rem 1rem; background: var(--card); font-size: 1.1rem; font-weight: 600 }
.good { color: var(--good) } .bad { color: var(--bad) }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 1rem 0 } dt { color: var(--soft) } dd { margin: 0 }
ul.checks, ol.findings { list-style: none; padding: 0; margin: 0 }
.checks li, .findings li { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .9rem; margin: .5rem 0 }
.checks li { display: grid; grid-template-columns: 5.5rem 1fr; gap: .75rem } .checks small { color: var(--soft); display: block }
.findings code { font-weight: 600 } .findings p { margin: .25rem 0 } .remedy { color: var(--soft) }
code { font-family: ui-monospace, monospace; font-size: .92em }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem; overflow-x: auto }
svg { display: block; width: 100%; max-width: 34rem; height: auto } svg text { fill: var(--ink); font: 13px system-ui, sans-serif } svg .soft { fill: var(--soft) }
svg .bar { fill: var(--bar) } svg .past { fill: none; stroke: var(--past); stroke-width: 2; stroke-dasharray: 4 3 } svg .now { stroke: var(--ink); stroke-dasharray: 2 4 }
svg .line { stroke: var(--line) } figcaption { color: var(--soft); margin-top: .5rem }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .35rem .6rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
@media (max-width: 34rem) { thead { position: absolute; clip-path: inset(50%) } tr { display: block; padding: .4rem 0; border-bottom: 1px solid var(--line) }
  th, td { display: block; border: 0; padding: .05rem 0 } td::before { content: attr(data-label) ": "; color: var(--soft) } dl { grid-template-columns: 1fr } dd { margin-bottom: .5rem } .checks li { grid-template-columns: 1fr; gap: .1rem } }
@media print { body { background: #fff; color: #000 } .checks li, .findings li { break-inside: avoid } }
)";

std::string fact(std::string_view name, const std::string& value) {
    return "<dt>" + std::string(name) + "</dt><dd>" + value + "</dd>\n";
}

std::string facts(const Report& report) {
    std::string out = "<dl>\n";
    out += fact("Directory", "<code>" + html_text(report.directory) + "</code>");
    out += fact("As of", to_text(report.at) + (report.at_given ? " (given: when the copy was made)" : ""));
    out += fact("State", report.live ? "a server is using it" : "no server is using it");
    out += fact("Policy", "<code>" + html_text(report.policy_name) + "</code>");
    out += fact("Its BLAKE2b-256", "<code>" + report.policy_digest + "</code>");
    if (!report.key_name.empty()) out += fact("Ledger key", "<code>" + html_text(report.key_name) + "</code>");
    out += fact("Holds", counted(report.accounts, "accounts") + ", " + counted(report.stored.size(), "buckets and log files"));
    return out + "</dl>\n";
}

std::string checks(const Report& report) {
    std::string out = "<h2>What was checked</h2>\n<ul class=\"checks\">\n";
    for (std::size_t i = 0; i < check_count; ++i) {
        const auto check = static_cast<Check>(i);
        const auto bad = report.findings.count(check);
        out += std::string("<li><strong class=\"") + (bad == 0 ? "good\">✓ holds" : "bad\">✗ fails") + "</strong><span>" +
               std::string(question(check)) + "<small>" + counted(report.examined[i], report.unit[i]) + " examined" +
               (bad == 0 ? "" : ", " + counted(bad, "findings")) + "</small></span></li>\n";
    }
    return out + "</ul>\n";
}

std::string findings(const Report& report) {
    if (report.holds()) return {};
    std::string out = "<h2>Findings</h2>\n<ol class=\"findings\">\n";
    std::uint64_t shown = 0;
    for (const auto& f : report.findings.list()) {
        ++shown;
        out += "<li><code>" + html_text(f.place.empty() ? "the directory itself" : f.place) + "</code>" +
               (f.detail.empty() ? "" : ", " + html_text(f.detail)) + "<p>" + html_text(f.what) + ".</p><p class=\"remedy\"><strong>Remedy:</strong> " +
               html_text(f.remedy) + ".</p></li>\n";
    }
    out += "</ol>\n";
    if (shown < report.findings.count()) out += "<p>… and " + std::to_string(report.findings.count() - shown) + " more.</p>\n";
    return out;
}

std::string sentences(std::string_view heading, const std::vector<std::string>& list) {
    if (list.empty()) return {};
    std::string out = "<h2>" + std::string(heading) + "</h2>\n<ul>\n";
    for (const auto& one : list) {
        out += "<li>" + html_text(one.substr(0, 300));
        if (one.size() > 300) out += html_text(one.substr(300));
        out += "</li>\n";
    }
    return out + "</ul>\n";
}

}  // namespace

std::string as_html(const Report& report) {
    const std::string verdict = report.holds() ? "good\">✓ " : "bad\">✗ ";
    return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
           "<title>Audit of " + html_text(report.directory) + "</title>\n<style>" + std::string(style) + "</style>\n</head>\n<body>\n<main>\n"
           "<h1>Audit of a Lethe data directory</h1>\n<p class=\"verdict " + verdict + conclusion(report) + "</p>\n" + facts(report) +
           "<h2>What is stored, until when</h2>\n" + picture(report) + checks(report) + findings(report) +
           sentences("Worth knowing", report.notes) + sentences("What an audit cannot show", limits()) + "</main>\n</body>\n</html>\n";
}

}  // namespace lethe::audit
