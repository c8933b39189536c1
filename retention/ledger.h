// SPDX-License-Identifier: AGPL-3.0-or-later
// The ledger: DATA/ledger.jsonl, a public record of what this server promised and destroyed, signed line by line (LEDGER.md).
//
// It holds no counts, no sizes and no time at which anybody talked. Append-only; every line is on stable storage before the next is begun.
// Appending never waits for the disk: a thread of the ledger's own writes. What cannot be written waits in memory and is tried again; waiting
// `swept` lines of one class become one, so memory is bounded however long the disk is full.
// Thread: one, the owner's (in the server the core thread). Lifetime: the clock must outlive it.
#pragma once
#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/ledger_key.h"
#include "retention/clock.h"
#include "retention/ledger_line.h"

namespace lethe::retention {

inline constexpr std::string_view ledger_file = "ledger.jsonl";

class Ledger {
public:
    /// Creates the file (0600) with its first line if there is none; that line is written before this
    /// returns, if the disk takes it. What a crash left of a last line is cut off, and a line says so. A last
    /// line that is not ours (damaged, edited) does not stop a server from destroying what is due: the chain
    /// goes on from its bytes, an alarm line follows, and every verifier finds the place. The error is one
    /// sentence with the path and the remedy.
    static std::expected<std::unique_ptr<Ledger>, std::string> open(const std::filesystem::path& path, crypto::LedgerKey key, const Clock& clock);
    /// Writes what waits, once more.
    ~Ledger();

    /// Returns at once. Dropped, because the ledger says it already: a policy_in_force of the same policy as
    /// the last one, a policy_announced of the same policy and moment as the last one, a swept line that goes
    /// no further than the last of its class, and an alarm whose word stands in a line less than an hour old.
    void append(LedgerEvent event);
    /// Tries again what waits; cheap if nothing does. The owner calls it every few seconds.
    void retry();

    crypto::LedgerPublicKey public_key() const;
    /// The latest time that the ledger showed when it was opened; nothing if it was empty.
    std::optional<Time> last_time() const;
    /// The furthest swept_to of a class that is on disk or waiting.
    std::optional<Time> swept_to(std::string_view cls) const;
    std::optional<Digest> policy_in_force() const;
    /// What its lines on the disk say of policies, oldest first; of a long history only the end.
    std::vector<PolicyDate> policies() const;

    /// What stood there when it was opened; `none` if there was not one whole line.
    enum class Found : std::uint8_t { whole, damaged, none };
    Found found() const;

    struct Trouble {
        std::size_t waiting = 0;  ///< lines that the disk does not hold yet
        int code = 0;             ///< errno of the last attempt, 0 if it succeeded
    };
    Trouble trouble() const;

private:
    struct Impl;
    explicit Ledger(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace lethe::retention
