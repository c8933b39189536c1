// SPDX-License-Identifier: AGPL-3.0-or-later
// One HTML file that loads nothing.
#include <algorithm>
#include <array>
#include <cmath>

#include "retention/render_page.h"

namespace lethe::retention::page {

namespace {

constexpr std::string_view style =
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem;color:#1a1a1a;background:#fff}"
    "table{border-collapse:collapse;width:100%;margin:1rem 0}caption{text-align:left;font-weight:bold}"
    "th,td{border:1px solid #8a8a8a;padding:.4rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}"
    "dt{font-weight:bold}pre{overflow:auto;border:1px solid #8a8a8a;padding:.5rem}.bar{fill:#2f5d8a}.end{fill:#b03a2e}"
    "text{font:14px system-ui,sans-serif;fill:#1a1a1a}"
    "@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}a{color:#8ab4f8}text{fill:#eee}.bar{fill:#7fb0e0}.end{fill:#ff8a7a}}";

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) switch (c) {
            case '&': out += "&amp;"; break;
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '"': out += "&quot;"; break;
            case '\'': out += "&#39;"; break;
            default: out += c;
        }
    return out;
}

/// Only what parse_policy() let through as an address becomes a link, and only by these schemes.
std::string linked(std::string_view text) {
    const bool address = std::ranges::any_of(std::array<std::string_view, 3>{"xmpp:", "mailto:", "https:"}, [&](auto s) { return text.starts_with(s); });
    const std::string shown = escaped(text);
    return address && text.find(' ') == std::string_view::npos ? "<a href=\"" + shown + "\" rel=\"nofollow noreferrer\">" + shown + "</a>" : shown;
}

/// Length of a bar: logarithmic, because seconds and years stand side by side.
int length(const Keep& keep) {
    constexpr int longest = 400;
    constexpr double year = 366.0 * 86400;
    if (!keep.stored()) return 0;
    if (keep.unlimited) return longest;
    const double seconds = static_cast<double>(keep.micros) / 1e6;
    return std::clamp(static_cast<int>(std::lround(longest * std::log1p(seconds) / std::log1p(2 * year))), 4, longest - 20);
}

std::string drawing(const Picture& picture, const std::string& id) {
    constexpr int row = 46;
    const int height = row * static_cast<int>(picture.bars.size()) + 6;
    std::string described;
    for (const auto& bar : picture.bars) described += (described.empty() ? "" : "; ") + bar.name + ": " + bar.kept;
    std::string out = "<svg role=\"img\" aria-labelledby=\"" + id + "t " + id + "d\" viewBox=\"0 0 620 " + std::to_string(height) +
                      "\" width=\"100%\" style=\"max-width:620px\"><title id=\"" + id + "t\">" + escaped(picture.title) + "</title><desc id=\"" + id + "d\">" +
                      escaped(described) + "</desc>";
    int y = 0;
    for (const auto& bar : picture.bars) {
        const int size = length(bar.keep);
        out += "<text x=\"0\" y=\"" + std::to_string(y + 16) + "\">" + escaped(bar.name) + "</text>";
        if (size > 0) out += "<rect class=\"bar\" x=\"0\" y=\"" + std::to_string(y + 22) + "\" width=\"" + std::to_string(size) + "\" height=\"16\"/>";
        // The end of what ends is marked; what has none has no mark.
        if (size > 0 && !bar.keep.unlimited) out += "<rect class=\"end\" x=\"" + std::to_string(size) + "\" y=\"" + std::to_string(y + 19) + "\" width=\"3\" height=\"22\"/>";
        out += "<text x=\"" + std::to_string(size + 10) + "\" y=\"" + std::to_string(y + 35) + "\">" + escaped(bar.kept) + "</text>";
        y += row;
    }
    return out + "</svg>\n";
}

std::string table_of(const Table& table) {
    std::string out = "<table><caption>" + escaped(table.caption) + "</caption>\n<thead><tr>";
    for (const auto& cell : table.head) out += "<th scope=\"col\">" + escaped(cell) + "</th>";
    out += "</tr></thead>\n<tbody>\n";
    for (const auto& row : table.rows) {
        out += "<tr><th scope=\"row\">" + escaped(row.front()) + "</th>";
        for (std::size_t i = 1; i < row.size(); ++i) out += "<td>" + escaped(row[i]) + "</td>";
        out += "</tr>\n";
    }
    return out + "</tbody></table>\n";
}

struct Writer {
    std::string& out;
    std::string id;

    void operator()(const Heading& h) const {
        const std::string tag = "h" + std::to_string(h.level);
        out += "<" + tag + ">" + escaped(h.text) + "</" + tag + ">\n";
    }
    void operator()(const Paragraph& p) const { out += "<p>" + escaped(p.text) + "</p>\n"; }
    void operator()(const Facts& f) const {
        out += "<dl>\n";
        for (const auto& [name, value] : f.rows) out += "<dt>" + escaped(name) + "</dt><dd>" + linked(value) + "</dd>\n";
        out += "</dl>\n";
    }
    void operator()(const Table& t) const { out += table_of(t); }
    void operator()(const Picture& p) const { out += drawing(p, id); }
    void operator()(const Verbatim& v) const { out += "<pre tabindex=\"0\">" + escaped(v.text) + "</pre>\n"; }
};

}  // namespace

std::string navigation(const std::vector<Link>& links) {
    std::string out = "<nav aria-label=\"Language / Sprache\"><p>";
    for (const Link& link : links) {
        const std::string code = link.language ? std::string(code_of(*link.language)) : "";
        out += "<a href=\"" + escaped(link.path) + '"' + (code.empty() ? "" : " lang=\"" + code + "\" hreflang=\"" + code + '"') + '>' + escaped(link.text) + "</a> ";
    }
    return out + "</p></nav>\n";
}

std::string name_of(Language language) { return language == Language::de ? "Deutsch" : "English"; }

std::string write_html(const std::vector<Part>& parts, const std::string& title, const std::vector<Link>& links) {
    const std::string first = parts.empty() ? "en" : std::string(code_of(parts.front().language));
    std::string out = "<!DOCTYPE html>\n<html lang=\"" + first +
                      "\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>" +
                      escaped(title) + "</title>\n<style>" + std::string(style) + "</style>\n</head>\n<body>\n";
    std::vector<Link> above = links;
    if (above.empty() && parts.size() > 1)
        for (const Part& part : parts) above.push_back({'#' + std::string(code_of(part.language)), name_of(part.language), part.language});
    if (!above.empty()) out += navigation(above);
    out += "<main>\n";
    for (const Part& part : parts) {
        const std::string code(code_of(part.language));
        out += "<section id=\"" + code + "\" lang=\"" + code + "\">\n";
        for (const Block& block : part.blocks) std::visit(Writer{out, code}, block);
        out += "</section>\n";
    }
    return out + "</main>\n</body>\n</html>\n";
}

}  // namespace lethe::retention::page
