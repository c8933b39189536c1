// SPDX-License-Identifier: AGPL-3.0-or-later
// Ledgers with a fixed key on a fake clock, and short ways to look at what became of them.
#pragma once
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "retention/ledger.h"
#include "retention/ledger_verify.h"
#include "tests/unit/retention/fake.h"

namespace lethe::retention::test {

/// The node key 00 01 … 1f, or 01 02 … 20.
inline crypto::LedgerKey ledger_key(std::uint8_t first = 0) {
    REQUIRE(crypto_ready);
    return crypto::LedgerKey(crypto::NodeKey::make([&](std::span<std::uint8_t, 32> out) {
        for (auto& byte : out) byte = first++;
    }));
}

inline std::unique_ptr<Ledger> ledger_at(const std::filesystem::path& path, const Clock& clock, std::uint8_t first = 0) {
    auto ledger = Ledger::open(path, ledger_key(first), clock);
    if (!ledger) FAIL_CHECK(ledger.error());
    REQUIRE(ledger.has_value());
    return std::move(*ledger);
}

/// Until the disk holds everything.
inline void settle(Ledger& ledger) {
    while (ledger.trouble().waiting > 0) {
        ledger.retry();
        std::this_thread::yield();
    }
}

inline std::vector<std::string> lines_of(std::string text) {
    std::vector<std::string> out;
    for (std::size_t end; (end = text.find('\n')) != text.npos; text.erase(0, end + 1)) out.push_back(text.substr(0, end));
    return out;
}
inline std::string joined(const std::vector<std::string>& lines) {
    std::string out;
    for (const auto& line : lines) out += line + '\n';
    return out;
}

/// "begin", "alarm word", "swept archive", …
inline std::string name_of(const LedgerEvent& event) {
    struct Name {
        std::string operator()(const LedgerBegin&) { return "begin"; }
        std::string operator()(const LedgerRepaired& e) { return "repaired " + std::to_string(e.torn); }
        std::string operator()(const ServerStart&) { return "server_start"; }
        std::string operator()(const PolicyAnnounced&) { return "policy_announced"; }
        std::string operator()(const PolicyInForce&) { return "policy_in_force"; }
        std::string operator()(const ClockAccepted&) { return "clock_accepted"; }
        std::string operator()(const LedgerAlarm& e) { return "alarm " + std::string(e.word()); }
        std::string operator()(const Swept& e) { return "swept " + e.cls; }
    };
    return std::visit(Name{}, event);
}
inline std::vector<std::string> events(const std::filesystem::path& path) {
    std::vector<std::string> out;
    for (const auto& line : lines_of(contents(path))) {
        const auto parsed = parse_ledger_line(line);
        out.push_back(parsed ? name_of(parsed->event) : "?");
    }
    return out;
}

inline std::vector<LedgerFault> faults(std::string_view text, std::uint8_t first = 0) {
    std::vector<LedgerFault> out;
    for (const auto& finding : verify_ledger(text, ledger_key(first).public_key()).findings) out.push_back(finding.fault);
    return out;
}

inline constexpr Digest policy_a{0xaa}, policy_b{0xbb};
inline Swept swept(const char* cls, Time to) { return {.cls = cls, .swept_to = to, .policy = policy_a}; }

}  // namespace lethe::retention::test
