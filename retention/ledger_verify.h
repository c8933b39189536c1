// SPDX-License-Identifier: AGPL-3.0-or-later
// What anybody can check of a ledger with the published key alone. It proves that this key signed these lines in this order, and nothing about
// copies of the data elsewhere. Pure: no file, no clock; safe on hostile text.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "retention/ledger_line.h"

namespace lethe::retention {

enum class LedgerFault {
    not_a_line,     ///< not in the form that LEDGER.md describes
    other_key,      ///< begins with another key, and this one signed nothing in it
    not_begun,      ///< the first line is not a `begin` of this key
    bad_signature,  ///< not signed by this key
    broken_chain,   ///< the hash of the line before is another: that line was edited
    wrong_number,   ///< lines were dropped or put in just before; said once, and with it that the chain is
                    ///< broken there
    back_dated,     ///< earlier than the line before, and no clock was accepted
    swept_wrong,    ///< swept_to lies in the line's future
    torn_end        ///< the text does not end with a newline
};
std::string_view to_string(LedgerFault);

/// More than a line for each minute and class in a century: nobody reads a larger file as a ledger.
inline constexpr std::size_t largest_ledger = std::size_t{256} << 20;

struct LedgerFinding {
    std::uint64_t line = 0;  ///< 1 is the first; 0: the ledger as a whole, and then it is the only finding
    LedgerFault fault = LedgerFault::not_a_line;
    std::string text;        ///< one sentence, of a whole ledger what follows its name; repeats nothing of the line but a key
};

struct LedgerReport {
    static constexpr std::size_t most_findings = 100;
    std::vector<LedgerFinding> findings;  ///< in the order of the lines; empty: the ledger holds
    std::uint64_t findings_in_all = 0;
    std::uint64_t lines = 0;
    Time last_time = 0;                   ///< of the last good line
    Digest head{};                        ///< digest_of(the last line)
    std::map<std::string, Time, std::less<>> swept_to;  ///< per class, the furthest of all good lines
    std::vector<std::string> alarms;      ///< words, in order, each once
    std::uint64_t repaired = 0, clocks_accepted = 0;
    std::optional<Digest> policy;         ///< the last one in force, by good lines
    bool holds() const { return findings_in_all == 0; }
};

/// A torn end is a finding for a copy at rest; of a file that a live server is writing, give only whole lines.
LedgerReport verify_ledger(std::string_view text, const crypto::LedgerPublicKey& key);
/// The key that the first line names: tells that the file is consistent, not whose it is.
std::optional<crypto::LedgerPublicKey> key_in_ledger(std::string_view text);

}  // namespace lethe::retention
