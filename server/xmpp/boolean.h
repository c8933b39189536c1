// SPDX-License-Identifier: AGPL-3.0-or-later
// xs:boolean (XML Schema part 2, section 3.2.2), as attributes and fields of forms have it.
#pragma once
#include <optional>
#include <string_view>

namespace lethe::xmpp {

/// Nothing if it is none.
inline std::optional<bool> parse_boolean(std::string_view text) {
    if (text == "true" || text == "1") return true;
    if (text == "false" || text == "0") return false;
    return std::nullopt;
}

/// It is one, and true.
inline bool is_true(std::string_view text) { return parse_boolean(text).value_or(false); }

}  // namespace lethe::xmpp
