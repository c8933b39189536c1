// SPDX-License-Identifier: AGPL-3.0-or-later
// Names come from a directory that may be hostile: they must not steer a terminal, break JSON or put markup on a page.
#pragma once
#include <string>
#include <string_view>

namespace lethe::audit {

/// Printable ASCII as it is; every other byte, and the backslash, as \xNN. At most 300 characters, then "…".
std::string printable(std::string_view bytes);
/// printable(), and what means something in HTML replaced, in text and in attributes.
std::string html_text(std::string_view bytes);

}  // namespace lethe::audit
