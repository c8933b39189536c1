// SPDX-License-Identifier: AGPL-3.0-or-later
// Where a ledger that exists is to be continued.
#pragma once
#include <expected>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "retention/ledger_line.h"
#include "store/files.h"

namespace lethe::retention {

struct LedgerTail {
    std::uint64_t size = 0;   ///< bytes of all whole lines; the next begins there
    std::uint64_t lines = 0;
    Digest head{};            ///< of the last whole line, whatever it holds
    std::uint64_t torn = 0;   ///< bytes behind it that a crash left
    bool dirty = false;       ///< the torn bytes could not be cut off yet
    bool damaged = false;     ///< the last whole line is none of ours, or not where it says
    std::optional<PolicyAnnounced> announced;  ///< the last one in the whole file
    std::vector<PolicyDate> policies;          ///< the last in the whole file, at most most_policies
    // From the good lines among the last 64 KiB:
    std::optional<Time> last_time;
    std::optional<Digest> in_force;
    std::map<std::string, Time, std::less<>> swept, alarms;  ///< swept_to per class; the time of an alarm's last line
};

inline constexpr std::size_t most_policies = 64;
/// Adds what a line says of a policy, if anything, at the end and drops the first if they are too many.
void note_policy(std::vector<PolicyDate>& policies, const LedgerEvent& event, Time time);

/// Makes it (0600, its directory synced) or checks that it is ours alone.
std::expected<store::File, std::string> open_ledger_file(const std::filesystem::path& path);
/// Mends a torn end: a last line that lacks nothing but its newline gets it, anything else is cut off.
std::expected<LedgerTail, std::string> read_ledger_tail(int fd, const std::filesystem::path& path, const crypto::LedgerPublicKey& key);

}  // namespace lethe::retention
