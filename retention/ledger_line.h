// SPDX-License-Identifier: AGPL-3.0-or-later
// One line of the ledger, written and read. LEDGER.md describes the format for those who write a verifier of their own. Pure: no file, no clock.
#pragma once
#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "crypto/ledger_key.h"
#include "retention/clock.h"
#include "retention/log.h"

namespace lethe::retention {

/// BLAKE2b-256 without key: of a policy file's bytes, and of the ledger's lines.
using Digest = std::array<std::uint8_t, 32>;
Digest digest_of(std::string_view bytes);
std::string to_hex(const Digest& digest);
std::optional<Digest> digest_from_hex(std::string_view hex);

/// First line of every ledger.
struct LedgerBegin {
    crypto::LedgerPublicKey key;
};
/// A crash left `torn` bytes of a line that was not durable; they were cut off.
struct LedgerRepaired {
    std::uint64_t torn = 0;
};
struct ServerStart {};
/// A looser policy that will be in force at `effective`. `policy` is digest_of(its file).
struct PolicyAnnounced {
    Digest policy{};
    Time effective = 0;
};
struct PolicyInForce {
    Digest policy{};
};
/// The operator declared the clock right, forwards or backwards. `before` is the latest time known until then.
struct ClockAccepted {
    Time before = 0;
};
/// A word of the program, the same as in the log. Never of something that a user's message set off: its time would show when people talk.
class LedgerAlarm {
public:
    LedgerAlarm(Word word) : word_(word.text()) {}
    std::string_view word() const { return word_; }

private:
    friend struct LedgerReader;
    LedgerAlarm() = default;
    std::string word_;
};
/// When this was signed, no bucket of the class with DEADLINE <= swept_to existed, key or file. `policy` is the one in force.
struct Swept {
    std::string cls;  ///< the class's name
    Time swept_to = 0;
    Digest policy{};
};
/// One of the two above as a line says it: when, which file, and from when on it is to hold if it was only announced.
struct PolicyDate {
    Time time = 0;
    Digest policy{};
    std::optional<Time> effective;
    friend bool operator==(const PolicyDate&, const PolicyDate&) = default;
};
using LedgerEvent =
    std::variant<LedgerBegin, LedgerRepaired, ServerStart, PolicyAnnounced, PolicyInForce, ClockAccepted, LedgerAlarm, Swept>;

struct LedgerLine {
    std::uint64_t number = 0;  ///< how many lines stand before it
    Digest previous{};         ///< digest_of(the line before, without its newline); zeros in the first line
    Time time = 0;             ///< whole minutes, rounded down
    LedgerEvent event;
};

std::optional<PolicyDate> policy_date(const LedgerEvent& event, Time time);  ///< nothing if it is about something else

inline constexpr std::size_t longest_ledger_line = 1024;  ///< with its newline

/// The line without its newline, signed. Times lose what is below a minute (time) or a second (all others).
std::string encode(const LedgerLine& line, const crypto::LedgerKey& key);
/// Strict: nothing that encode() would not have written. Says nothing about the signature.
std::optional<LedgerLine> parse_ledger_line(std::string_view line);
/// Whether the line's end is this key's signature of the bytes before it.
bool signature_holds(std::string_view line, const crypto::LedgerPublicKey& key);

}  // namespace lethe::retention
