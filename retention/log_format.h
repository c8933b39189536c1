// SPDX-License-Identifier: AGPL-3.0-or-later
// The line format of the log, written and read (retention/LOG.md).
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/secret.h"
#include "retention/log.h"
#include "retention/log_events.h"

namespace lethe::retention {

/// "2026-11-22T18:54:00Z": whole seconds, because nothing in the log needs to be told apart more finely.
std::string log_time(Time time);

/// Names that mean nothing outside one log file: a keyed hash whose key is made here and dies with this
/// object. crypto::initialise() must have succeeded.
class Pseudonyms {
public:
    Pseudonyms() : key_(Key::generate()) {}
    /// "~" and 16 hexadecimal digits. The same value as account and as peer gets two unrelated names.
    std::string of(FieldKind kind, std::string_view value) const;

private:
    using Key = crypto::Secret<struct PseudonymKeyTag, 32>;
    Key key_;
};

/// One line with its end. What the event's row of the table does not name is left out and counted as
/// `undeclared`.
std::string log_line(Time time, Event event, std::span<const Field> fields, const LogRules& rules,
                     const Pseudonyms& names);

struct LogLine {
    std::string_view time;
    Event event = Event::server_started;
    std::vector<std::pair<std::string_view, std::string_view>> fields;
};
/// Strict; without the end of line. Empty for what log_line cannot have written.
std::optional<LogLine> parse_log_line(std::string_view line);
/// Whether each field is in a form that these rules would have written.
bool permitted(const LogLine& line, const LogRules& rules);

}  // namespace lethe::retention
