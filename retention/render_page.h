// SPDX-License-Identifier: AGPL-3.0-or-later
// A page as parts, and the three ways to write them. Inside retention/ only.
#pragma once
#include <string>
#include <variant>
#include <vector>

#include "retention/render.h"

namespace lethe::retention::page {

struct Heading {
    int level = 2;  ///< 1 or 2
    std::string text;
};
struct Paragraph {
    std::string text;
};
/// name: value, one a line. A value that is an xmpp:, mailto: or https: address is a link in HTML.
struct Facts {
    std::vector<std::pair<std::string, std::string>> rows;
};
struct Table {
    std::string caption;
    std::vector<std::string> head;
    std::vector<std::vector<std::string>> rows;  ///< the first cell names the row
};
/// How long things are kept, as bars. The same stands in a table: it is left out where there are no pictures.
struct Picture {
    struct Bar {
        std::string name, kept, reader;
        Keep keep;
        bool open = false;  ///< whoever has the disk can read it
    };
    std::string title, caption;
    std::vector<Bar> bars;
};
/// As SVG, in a language whose words its scale uses. `id` begins the ids that it needs.
std::string draw(const Picture& picture, Language language, const std::string& id);
/// Text to be shown as it is.
struct Verbatim {
    std::string text;
};
using Block = std::variant<Heading, Paragraph, Facts, Table, Picture, Verbatim>;

std::string name_of(Language language);  ///< "Deutsch"

struct Part {
    Language language = Language::en;
    std::vector<Block> blocks;
};
std::string write_text(const std::vector<Part>& parts);
std::string write_markdown(const std::vector<Part>& parts);
/// `links` (path and text) stand above the page; without any, the parts are linked if they are several.
struct Link {
    std::string path, text;
    std::optional<Language> language;  ///< of what it leads to, if that is this page in another
};
std::string write_html(const std::vector<Part>& parts, const std::string& title, const std::vector<Link>& links = {});
std::string escaped(std::string_view text);  ///< for HTML

}  // namespace lethe::retention::page
