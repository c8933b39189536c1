// SPDX-License-Identifier: AGPL-3.0-or-later
// What an audit found, as values: collectors and checks write it, text, JSON and the page read it.
//
// Names of files, tables and whatever else comes from the directory are raw bytes here; output escapes them.
#pragma once
#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "retention/clock.h"
#include "store/store.h"

namespace lethe::audit {

using retention::Time;

/// The questions, in the order in which they are answered.
enum class Check : std::uint8_t { catalogue, whole, sealed, keys, deadlines, ledger, log, permissions };
inline constexpr std::size_t check_count = 8;
std::string_view name(Check check);      ///< one word, for JSON
std::string_view question(Check check);  ///< the sentence that holds or does not

struct Finding {
    Check check = Check::catalogue;
    std::string place;   ///< path below the directory; empty for the directory itself
    std::string detail;  ///< inside of it: "table roster, key 00ff…", "line 12"; may be empty
    std::string what;    ///< what is wrong, without an end
    std::string remedy;  ///< what to do, without an end
    auto key() const { return std::tie(check, place, detail, what); }
};

/// Something with a span, for the picture.
struct Stored {
    std::string cls;  ///< a class of the catalogue, or "log"
    std::string place;
    store::BucketSpan span;
    std::uint64_t bytes = 0;
};

class Findings {
public:
    static constexpr std::size_t most = 200;  ///< kept of each check; the rest is counted
    void add(Finding finding);
    const std::vector<Finding>& list() const { return list_; }
    std::uint64_t count(Check check) const { return counts_[static_cast<std::size_t>(check)]; }
    std::uint64_t count() const;
    /// Leaves those that `again` has too: what one look at a running server's files sees may be a moment
    /// in the middle of a change.
    void keep_common(const Findings& again);

private:
    std::vector<Finding> list_;
    std::array<std::uint64_t, check_count> counts_{}, kept_{};
};

struct Report {
    std::string directory, policy_name, policy_digest;
    Time at = 0;           ///< deadlines are judged as of this time
    bool at_given = false; ///< by --at
    bool live = false;     ///< a server had the directory open
    std::string key_name;  ///< what the ledger was verified with
    std::array<std::uint64_t, check_count> examined{};
    std::array<std::string_view, check_count> unit{};
    Findings findings;
    std::vector<Stored> stored;
    std::vector<std::string> notes;  ///< worth knowing, nothing wrong
    std::uint64_t accounts = 0;
    bool holds() const { return findings.count() == 0; }
};

/// What no audit of the bytes can show, one sentence each.
std::vector<std::string> limits();

}  // namespace lethe::audit
