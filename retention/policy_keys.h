// SPDX-License-Identifier: AGPL-3.0-or-later
// Every key of policy.toml in one table: its value as text, which way a change of it goes, how it is copied. From it come `policy diff`,
// canonical text, and what is obeyed while a looser policy waits for the end of its notice.
//
// Two policies are compared by what they mean, not by how they are written: what an event of the log inherits counts as said, a limit of
// something that is not stored is none. Pure functions; any thread.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "retention/log_events.h"
#include "retention/policy.h"

namespace lethe::retention {

enum class Turn : std::uint8_t {
    same,
    tighter,  ///< less is stored, for less long, or users can do more about it: acts at once, on what is stored too
    looser,   ///< the opposite, and every change of a key that has no direction: takes effect after the notice
    plain     ///< promises nothing about data (the service's name, its contact): acts at once and needs no notice
};
std::string_view to_string(Turn turn);  ///< "tighter", "looser", "no promise"; empty for same

/// One key whose value differs. Values are TOML: "\"7d\"", "1000", "[\"en\"]"; empty where the key is not set.
struct KeyChange {
    std::string key;  ///< "archive.keep", "log.login_failed.address"
    std::string from, to;
    Turn turn = Turn::same;
    friend bool operator==(const KeyChange&, const KeyChange&) = default;
};
/// In the order of the table; nothing that is the same.
std::vector<KeyChange> changes(const Policy& from, const Policy& to);
bool loosens(const std::vector<KeyChange>& changes);

/// What a policy that waits leaves in force: of each key the value of `next` unless that is looser, then that of `standing`. It never
/// loosens `standing`. Its text is `standing`'s if nothing differs, else canonical.
Policy tighter_of(const Policy& standing, const Policy& next);

/// A policy.toml that means the same: fixed order, every key that has a value, no comments. parse_policy() takes it, and policies
/// between which changes() finds nothing have the same one.
std::string canonical_text(const Policy& policy);

/// How a policy is named in the ledger and elsewhere: BLAKE2b-256 of the file's bytes, 64 hexadecimal digits.
std::string policy_hash(std::string_view text);

/// The rules that hold for an event: its own or those of the whole log.
const LogRules& rules_for(const Policy& policy, const EventSpec& event);
std::string_view to_string(Treatment treatment);

/// The table's keys in order, "log.EVENT.keep" and its like for every event. For documents and tests.
std::vector<std::string> policy_key_names();

}  // namespace lethe::retention
