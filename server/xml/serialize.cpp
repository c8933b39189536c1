// SPDX-License-Identifier: AGPL-3.0-or-later
// The writer. What it writes, the reader reads back to the same tree, whatever put the tree together.
#include <array>
#include <cstdint>

#include "server/xml/element.h"

namespace lethe::xml {
namespace {

enum class Place : std::uint8_t { text, attribute };

/// What each byte becomes; empty for bytes that stay. Tab and line feed would be normalised to a space inside
/// an attribute, and a carriage return to a line feed anywhere. The other control characters exist in no XML
/// document: written as they are they would end the stream of whoever receives them.
struct Table {
    std::array<std::string_view, 256> replacement{};
    constexpr explicit Table(Place place) {
        for (std::size_t c = 0; c < 0x20; ++c) replacement[c] = "\xEF\xBF\xBD";
        replacement['\t'] = place == Place::attribute ? "&#9;" : "";
        replacement['\n'] = place == Place::attribute ? "&#10;" : "";
        replacement['\r'] = "&#13;";
        replacement['&'] = "&amp;";
        replacement['<'] = "&lt;";
        replacement['>'] = "&gt;";
        replacement['\''] = "&apos;";
        replacement['"'] = "&quot;";
    }
};
constexpr Table in_text{Place::text}, in_attribute{Place::attribute};

void append_escaped(std::string& out, std::string_view text, const Table& table) {
    std::size_t done = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const std::string_view replacement = table.replacement[static_cast<unsigned char>(text[i])];
        if (replacement.empty()) continue;
        out.append(text, done, i - done);
        out += replacement;
        done = i + 1;
    }
    out.append(text, done);
}

void append_attribute(std::string& out, std::string_view name, std::string_view value) {
    out += ' ';
    out += name;
    out += "='";
    append_escaped(out, value, in_attribute);
    out += '\'';
}

void append_node(std::string& out, pugi::xml_node node, bool skip_xmlns);

void append_children(std::string& out, pugi::xml_node node) {
    for (pugi::xml_node child = node.first_child(); child; child = child.next_sibling()) {
        if (child.type() == pugi::node_element) {
            append_node(out, child, false);
        } else {
            append_escaped(out, child.value(), in_text);
        }
    }
}

/// Recursion is as deep as the tree, which the reader's depth limit bounds.
void append_node(std::string& out, pugi::xml_node node, bool skip_xmlns) {
    out += '<';
    out += node.name();
    for (pugi::xml_attribute a = node.first_attribute(); a; a = a.next_attribute()) {
        const std::string_view name = a.name();
        if (!(skip_xmlns && name == "xmlns")) append_attribute(out, name, a.value());
    }
    if (!node.first_child()) {
        out += "/>";
        return;
    }
    out += '>';
    append_children(out, node);
    out += "</";
    out += node.name();
    out += '>';
}

}  // namespace

void append(std::string& out, const Element& element) {
    if (!element) return;
    const pugi::xml_node node = element.node_;
    const std::string_view ns = element.ns();
    if (ns == ns::content) {
        // On a stream this is the default namespace, under either of its names.
        append_node(out, node, true);
    } else if (node.attribute("xmlns")) {
        append_node(out, node, false);
    } else {
        // An inherited namespace has to be said aloud, since the parent is not written.
        const std::size_t start = out.size();
        append_node(out, node, false);
        std::string declaration;
        append_attribute(declaration, "xmlns", ns);
        out.insert(start + 1 + element.name().size(), declaration);
    }
}

std::string serialize(const Element& element) {
    std::string out;
    append(out, element);
    return out;
}

std::string escape(std::string_view text) {
    std::string out;
    append_escaped(out, text, in_attribute);
    return out;
}

}  // namespace lethe::xml
