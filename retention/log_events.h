// SPDX-License-Identifier: AGPL-3.0-or-later
// The one table of what a log line can hold. LOG.md is written from it (retention/log_reference), the policy
// is checked against it, and Log::write drops what it does not name.
#pragma once
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "retention/log.h"

namespace lethe::retention {

/// One per alternative of Field, in the same order.
enum class FieldKind : std::uint8_t { address, account, peer, count, port, word };

struct FieldSpec {
    FieldKind kind = FieldKind::word;
    std::string_view name;  ///< as written in the line
    std::string_view meaning;
};

struct EventSpec {
    static constexpr std::size_t max_fields = 4;
    Event event = Event::server_started;
    std::string_view name;
    std::string_view meaning;
    std::array<FieldSpec, max_fields> slots{};
    std::size_t count = 0;
    std::span<const FieldSpec> fields() const { return {slots.data(), count}; }
    bool carries(FieldKind kind) const;
};

std::span<const EventSpec> event_table();  ///< indexed by Event
const EventSpec& spec(Event event);
/// It tells of the server, its disk or its clock, and has no field that could hold anything of a person.
bool is_alarm(Event event);
std::string_view to_string(FieldKind kind);
/// The part of LOG.md that follows its introduction: every event with its fields.
std::string log_reference();

}  // namespace lethe::retention
