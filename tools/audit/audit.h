// SPDX-License-Identifier: AGPL-3.0-or-later
// The audit of a data directory, by somebody who has none of its keys and trusts nothing in it.
//
// Collectors (tree, environment, keyring, logs) turn bytes into values, checks turn values into findings, output is
// elsewhere. Nothing in the directory is written; on a live one LMDB's lock file notes that there is a reader.
// A running server's files are looked at up to three times, and only what every look finds is a finding.
// Thread: one; makes child processes.
#pragma once
#include <expected>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "crypto/ledger_key.h"
#include "retention/policy_change.h"
#include "tools/audit/report.h"

namespace lethe::audit {

struct Options {
    std::filesystem::path directory;
    std::optional<retention::Policy> policy;     ///< none: the one that stands in the directory, looked up at each look
    std::string policy_name;
    std::optional<crypto::LedgerPublicKey> key;  ///< none: the one that the ledger itself names
    std::optional<Time> at;                      ///< when a copy was made; none: now
    std::function<void(std::size_t done, std::size_t of, std::string_view what)> progress;  ///< may be empty
};

/// The policy that stands in the directory; empty if none does. The error is one sentence: it cannot be read.
std::expected<std::optional<retention::PolicyStanding>, std::string> standing_policy(const std::filesystem::path& directory);

/// A policy that is announced and not in force yet may be named too: then what is in force until then is held against. The error is one
/// sentence, about the directory as a whole: it cannot be read, or no policy was named and none stands there.
std::expected<Report, std::string> run(const Options& options);

}  // namespace lethe::audit
