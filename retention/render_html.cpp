// SPDX-License-Identifier: AGPL-3.0-or-later
// One HTML file that loads nothing.
#include <sodium.h>

#include <algorithm>
#include <array>

#include "retention/render_page.h"

namespace lethe::retention {
namespace page {
namespace {

// Tables become lists on a phone, each cell under the name of its column; paper is always light.
constexpr std::string_view style =
    ":root{color-scheme:light dark}"
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:68rem;margin:0 auto;padding:1rem;color:#1a1a1a;background:#fff;overflow-wrap:break-word;hyphens:auto}"
    "p,dl,figcaption{max-width:44rem}h1{font-size:1.7rem;line-height:1.25}h2{font-size:1.3rem;line-height:1.3;margin-top:2.5rem}"
    "nav ul{display:flex;flex-wrap:wrap;gap:0 1.5rem;list-style:none;margin:0;padding:0}nav a{display:inline-block;padding:.4rem 0}"
    "dt{font-weight:bold}dd{margin:0 0 .6rem;overflow-wrap:anywhere}"
    "figure{margin:1rem 0}figcaption{color:#4a4a4a}svg{display:block;width:100%;max-width:27rem;height:auto;margin-bottom:.5rem}"
    "text{font:14px system-ui,sans-serif;fill:#1a1a1a}.kept{font-weight:bold}.tick{font-size:12.5px}"
    ".track{fill:#eef1f4;stroke:#6b7280}.none{fill:none;stroke-dasharray:4 3}.mark{fill:#6b7280}.bar{fill:#2f5d8a;stroke:#2f5d8a;stroke-width:1.5}.open{fill:#fff}"
    "table{border-collapse:collapse;table-layout:fixed;width:100%;margin:1rem 0;font-size:.95rem}th:nth-child(1):nth-last-child(6){width:19%}th:nth-child(2):nth-last-child(5){width:30%}caption{text-align:left;font-weight:bold;padding:.3rem 0}"
    "th,td{border:1px solid #8a8a8a;padding:.4rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid #8a8a8a;padding:.6rem;hyphens:none;font-size:.9rem}"
    "@media screen and (max-width:52rem){table,caption,tbody,tr,th,td{display:block}thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}"
    "tr{border:1px solid #8a8a8a;margin-bottom:.8rem}th,td{border:0}tbody th{border-bottom:1px solid #8a8a8a}"
    "table td{display:grid;grid-template-columns:6.5rem minmax(0,1fr);gap:.5rem}td::before{content:attr(data-label);color:#4a4a4a}}"
    "@media screen and (prefers-color-scheme:dark){body{color:#eee;background:#161616}a{color:#8ab4f8}a:visited{color:#c5a5f5}text{fill:#eee}figcaption{color:#bbb}"
    "td::before{color:#bbb}.track{fill:#262b31;stroke:#9aa3ad}.none{fill:none}.mark{fill:#9aa3ad}.bar{fill:#7fb0e0;stroke:#7fb0e0}.open{fill:#161616}}"
    "@media print{body{max-width:none;padding:0;font-size:10pt}nav{display:none}tr,figure,h2{break-inside:avoid}h2{break-after:avoid}table{font-size:8.5pt}"
    "a{color:inherit}}";

/// What the page may use, for Content-Security-Policy: this style and nothing else.
std::string style_source() {
    std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
    crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(style.data()), style.size());
    std::array<char, sodium_base64_ENCODED_LEN(crypto_hash_sha256_BYTES, sodium_base64_VARIANT_ORIGINAL)> text{};
    return "'sha256-" + std::string(sodium_bin2base64(text.data(), text.size(), hash.data(), hash.size(), sodium_base64_VARIANT_ORIGINAL)) + '\'';
}

/// Only what parse_policy() let through as an address becomes a link, and only by these schemes.
std::string linked(std::string_view text) {
    const bool address = std::ranges::any_of(std::array<std::string_view, 3>{"xmpp:", "mailto:", "https:"}, [&](auto s) { return text.starts_with(s); });
    const std::string shown = escaped(text);
    return address && text.find(' ') == std::string_view::npos ? "<a href=\"" + shown + "\" rel=\"nofollow noreferrer\">" + shown + "</a>" : shown;
}

// The roles are said because a phone's style takes them away.
std::string table_of(const Table& table) {
    std::string out = "<table role=\"table\"><caption>" + escaped(table.caption) + "</caption>\n<thead role=\"rowgroup\"><tr role=\"row\">";
    for (const auto& cell : table.head) out += "<th scope=\"col\" role=\"columnheader\">" + escaped(cell) + "</th>";
    out += "</tr></thead>\n<tbody role=\"rowgroup\">\n";
    for (const auto& row : table.rows) {
        out += "<tr role=\"row\"><th scope=\"row\" role=\"rowheader\">" + escaped(row.front()) + "</th>";
        for (std::size_t i = 1; i < row.size(); ++i) out += "<td role=\"cell\" data-label=\"" + escaped(table.head[i]) + "\">" + escaped(row[i]) + "</td>";
        out += "</tr>\n";
    }
    return out + "</tbody></table>\n";
}

struct Writer {
    std::string& out;
    Language language;

    void operator()(const Heading& h) const {
        const std::string tag = "h" + std::to_string(h.level);
        out += "<" + tag + ">" + escaped(h.text) + "</" + tag + ">\n";
    }
    void operator()(const Paragraph& p) const { out += "<p>" + escaped(p.text) + "</p>\n"; }
    void operator()(const Facts& f) const {
        out += "<dl>\n";
        for (std::size_t i = 0; i < f.rows.size(); ++i) {
            // One name for all its values.
            if (i == 0 || f.rows[i].first != f.rows[i - 1].first) out += "<dt>" + escaped(f.rows[i].first) + "</dt>";
            out += "<dd>" + linked(f.rows[i].second) + "</dd>\n";
        }
        out += "</dl>\n";
    }
    void operator()(const Table& t) const { out += table_of(t); }
    void operator()(const Picture& p) const {
        out += "<figure>\n" + draw(p, language, std::string(code_of(language))) + "<figcaption>" + escaped(p.caption) + "</figcaption>\n</figure>\n";
    }
    void operator()(const Verbatim& v) const { out += "<pre>" + escaped(v.text) + "</pre>\n"; }
};

std::string navigation(const std::vector<Link>& links, Language language) {
    std::string out = std::string("<nav aria-label=\"") + (language == Language::de ? "Andere Sprachen und Dateien" : "Other languages and files") + "\"><ul>";
    for (const Link& link : links) {
        const std::string code = link.language ? std::string(code_of(*link.language)) : "";
        out += "<li><a href=\"" + escaped(link.path) + '"' + (code.empty() ? "" : " lang=\"" + code + "\" hreflang=\"" + code + '"') + '>' + escaped(link.text) + "</a></li>";
    }
    return out + "</ul></nav>\n";
}

}  // namespace

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

std::string name_of(Language language) { return language == Language::de ? "Deutsch" : "English"; }

std::string write_html(const std::vector<Part>& parts, const std::string& title, const std::vector<Link>& links) {
    const Language first = parts.empty() ? Language::en : parts.front().language;
    std::string out = "<!DOCTYPE html>\n<html lang=\"" + std::string(code_of(first)) +
                      "\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                      "<meta http-equiv=\"Content-Security-Policy\" content=\"" +
                      escaped(page_sources()) + "\">\n<title>" + escaped(title) + "</title>\n<style>" + std::string(style) + "</style>\n</head>\n<body>\n";
    std::vector<Link> above = links;
    if (above.empty() && parts.size() > 1)
        for (const Part& part : parts) above.push_back({'#' + std::string(code_of(part.language)), name_of(part.language), part.language});
    if (!above.empty()) out += "<header>" + navigation(above, first) + "</header>\n";
    out += "<main>\n";
    for (const Part& part : parts) {
        const std::string code(code_of(part.language));
        out += "<section id=\"" + code + "\" lang=\"" + code + "\">\n";
        for (const Block& block : part.blocks) std::visit(Writer{out, part.language}, block);
        out += "</section>\n";
    }
    return out + "</main>\n</body>\n</html>\n";
}

}  // namespace page

std::string page_sources() {
    static const std::string sources = "default-src 'none'; style-src " + page::style_source() + "; base-uri 'none'; form-action 'none'";
    return sources;
}

}  // namespace lethe::retention
