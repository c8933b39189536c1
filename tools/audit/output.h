// SPDX-License-Identifier: AGPL-3.0-or-later
// A report for people, for programs, and as a page. Pure.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "tools/audit/report.h"

namespace lethe::audit {

/// Lines for a terminal. `strong` makes headings and failures stand out.
std::string as_text(const Report& report, const std::function<std::string(std::string_view)>& strong);
std::string as_json(const Report& report);
/// One HTML page that needs nothing else: no script, no font, no picture from elsewhere.
std::string as_html(const Report& report);
/// The picture of what is stored until when, as SVG for that page.
std::string picture(const Report& report);

/// The last sentence: what holds, or how much does not.
std::string conclusion(const Report& report);
/// "state.mdb, table meta" or "the directory itself"; escaped.
std::string where(const Finding& finding);
std::string counted(std::uint64_t number, std::string_view plural);  ///< "1 row", "12 rows"

}  // namespace lethe::audit
