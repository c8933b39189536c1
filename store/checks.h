// SPDX-License-Identifier: AGPL-3.0-or-later
// Is this file one that LMDB can live with? LMDB trusts its files and dies of damaged ones, so a child
// process tries it first.
#pragma once
#include <filesystem>

namespace lethe::store {

enum class Health {
    sound,
    damaged,  ///< LMDB refused it, died of it, or it does not hold together
    unknown   ///< no child could be started
};
enum class Depth {
    ends,  ///< the pages that every use touches first
    all    ///< every page of every table and of the list of free pages
};
/// `existing` file, which no process has open. Small files are always walked whole.
Health check_environment(const std::filesystem::path& existing, Depth depth);

}  // namespace lethe::store
