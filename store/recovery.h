// SPDX-License-Identifier: AGPL-3.0-or-later
// What open() makes of the traces of the last process. Before any thread starts.
#pragma once
#include <expected>
#include <filesystem>
#include <optional>
#include <vector>

#include "store/checks.h"
#include "store/engine.h"

namespace lethe::store {

/// The bucket that an environment or a lock file below buckets/ belongs to.
std::optional<BucketId> bucket_of_file(const std::filesystem::path& file);

Problem state_unreadable(const Engine& engine, int code);
/// Overwrites account slots that no committed record names; finishes erasures whose slot is dead and whose
/// record is not.
std::expected<void, Problem> recover_accounts(Engine& engine);
/// Fills engine.buckets. Returns the buckets that have files, no key, and nothing in them that could be lost: their
/// destruction, or their creation, was cut short.
std::expected<std::vector<BucketId>, Problem> adopt_buckets(Engine& engine, Depth depth);

}  // namespace lethe::store
