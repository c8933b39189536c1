// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/xml/attributes.h"

#include <string_view>

namespace lethe::xml {

std::map<std::string, std::string> attributes(const Element& element) {
    std::map<std::string, std::string> out;
    auto copy = Document::copy_of(element);
    for (const auto attribute : copy.raw().document_element().attributes()) {
        const std::string_view name = attribute.name();
        if (name != "xmlns" && name.find(':') == std::string_view::npos) out.emplace(name, attribute.value());
    }
    return out;
}

}  // namespace lethe::xml
