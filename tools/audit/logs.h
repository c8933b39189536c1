// SPDX-License-Identifier: AGPL-3.0-or-later
// Log files are plain text, so an auditor reads every line of them and holds it against the policy.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "retention/log_files.h"
#include "retention/log_format.h"
#include "tools/audit/deadlines.h"
#include "tools/audit/tree.h"

namespace lethe::audit {

/// What is wrong with a line, without its end, of a file with this span; `keep` gets what the policy says for its event. The words tell
/// no content of the line.
std::optional<std::string> line_fault(std::string_view line, const retention::Policy& policy, const store::BucketSpan& span,
                                      retention::Keep& keep);

/// Findings: lines, and the file's own deadline. Returns the number of lines.
std::uint64_t check_log_file(const Tree& tree, const Entry& entry, const retention::Policy& policy, Present now, Report& report);

}  // namespace lethe::audit
