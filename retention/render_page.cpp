// SPDX-License-Identifier: AGPL-3.0-or-later
// Plain text and Markdown.
#include "retention/render_page.h"

#include <algorithm>

namespace lethe::retention::page {

namespace {

template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};

/// Characters on the screen, as far as they are one for each code point.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string underlined(const Heading& heading) {
    return heading.text + '\n' + std::string(width(heading.text), heading.level == 1 ? '=' : '-') + "\n\n";
}

/// In text a table of long cells is not readable as one: each row is a small list.
std::string text_table(const Table& table) {
    std::string out;
    for (const auto& row : table.rows) {
        out += row.front() + '\n';
        for (std::size_t i = 1; i < row.size(); ++i) out += "    " + table.head[i] + ": " + row[i] + '\n';
    }
    return out + '\n';
}

std::string indented(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (end > 0) out += "    " + std::string(text.substr(0, end));
        out += '\n';
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out + '\n';
}

/// Whatever could begin something in Markdown is written as itself.
std::string plain(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (std::string_view("\\`*_{}[]<>()#+!|~&-").find(c) != std::string_view::npos) out += '\\';
        out += c;
    }
    return out;
}

std::string markdown_row(const std::vector<std::string>& cells) {
    std::string out = "|";
    for (const auto& cell : cells) out += ' ' + plain(cell) + " |";
    return out + '\n';
}

}  // namespace

std::string write_text(const std::vector<Part>& parts) {
    std::string out;
    const Overloaded write{[&](const Heading& h) { out += underlined(h); }, [&](const Paragraph& p) { out += p.text + "\n\n"; },
                           [&](const Facts& f) {
                               for (const auto& [name, value] : f.rows) out += name + ": " + value + '\n';
                               out += '\n';
                           },
                           [&](const Table& t) { out += text_table(t); }, [](const Picture&) {},
                           [&](const Verbatim& v) { out += indented(v.text); }};
    for (const Part& part : parts)
        for (const Block& block : part.blocks) std::visit(write, block);
    return out;
}

std::string write_markdown(const std::vector<Part>& parts) {
    std::string out;
    const Overloaded write{[&](const Heading& h) { out += std::string(static_cast<std::size_t>(h.level), '#') + ' ' + plain(h.text) + "\n\n"; },
                           [&](const Paragraph& p) { out += plain(p.text) + "\n\n"; },
                           [&](const Facts& f) {
                               for (const auto& [name, value] : f.rows) out += "- " + plain(name) + ": " + plain(value) + '\n';
                               out += '\n';
                           },
                           [&](const Table& t) {
                               out += markdown_row(t.head) + '|';
                               for (std::size_t i = 0; i < t.head.size(); ++i) out += "---|";
                               out += '\n';
                               for (const auto& row : t.rows) out += markdown_row(row);
                               out += '\n';
                           },
                           [](const Picture&) {}, [&](const Verbatim& v) { out += indented(v.text); }};
    for (const Part& part : parts)
        for (const Block& block : part.blocks) std::visit(write, block);
    return out;
}

}  // namespace lethe::retention::page
