// SPDX-License-Identifier: AGPL-3.0-or-later
// The catalogue: every kind of stored data, its fields, who can read it, how long it lives, what erases it. Tests hold it against the disk.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "retention/policy.h"

namespace lethe::retention {

enum class Reader { disk, node_key, owner_login, url };  ///< who can read it: anyone with the disk / with the node key too / only the owner's login / only who has its address

struct CatalogueRow {
    std::string_view name;     ///< the class, a glossary word
    std::string_view where;    ///< path pattern below DATA, and table
    std::string_view fields;   ///< what it holds
    Reader reader;
    std::string lifetime;      ///< from the policy, or "until changed or erased"
    std::string_view erased_by;
};
std::vector<CatalogueRow> catalogue(const Policy& policy);
std::string_view to_string(Reader);

}  // namespace lethe::retention
