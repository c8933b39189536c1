// SPDX-License-Identifier: AGPL-3.0-or-later
// What somebody learns who looks at a ledger again and again: whether anything they saw was cut off, rewritten, or slipped in with an older
// time. Pure: the caller reads the ledger and keeps the state.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "retention/ledger_verify.h"

namespace lethe::retention {

/// What is kept between two looks.
struct LedgerMark {
    crypto::LedgerPublicKey key;
    std::uint64_t lines = 0;
    Digest head{};    ///< of the last line seen
    Time looked = 0;  ///< by the watcher's own clock
};
/// One line of JSON with its newline.
std::string to_text(const LedgerMark& mark);
std::optional<LedgerMark> parse_mark(std::string_view text);  ///< strict

struct LedgerLook {
    std::vector<std::string> findings;  ///< sentences; empty: nothing is wrong
    std::vector<std::string> notes;     ///< what is allowed and still worth knowing: a clock accepted, a line lost in a crash, alarms
    std::uint64_t new_lines = 0;        ///< 0 if the ledger is another key's
    LedgerMark mark;                    ///< to keep; the old one if there are findings, so that they are found again
};

/// A line counts as back-dated if it is new and older than the last look by more than this: a full disk holds lines back, clocks differ.
inline constexpr Time watch_tolerance = 3600 * Time{1'000'000};

/// `last` is empty at the first look. What stands behind the last newline is not looked at: a live server may be writing it.
LedgerLook look_at_ledger(std::string_view text, const crypto::LedgerPublicKey& key, const std::optional<LedgerMark>& last, Time now);

}  // namespace lethe::retention
