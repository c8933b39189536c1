// SPDX-License-Identifier: AGPL-3.0-or-later
// What clients can, by the hash that their presence carries (XEP-0115): one client asked, all of its kind known.
//
// Kept are only the nodes a client wants news of (XEP-0163, "+notify"). An answer that does not have the hash is believed for the session that
// gave it and no other. In memory only. Thread: core.
#pragma once
#include <functional>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "server/xml/element.h"

namespace lethe::core {

using WantedNodes = std::shared_ptr<const std::set<std::string, std::less<>>>;

/// Out of the <query/> of a disco#info result.
WantedNodes wanted_nodes(const xml::Element& query);
/// The verification string of a disco#info result (section 5.4); empty if it is ill-formed in one of the ways that section names, or
/// if an answer with other features could have the same string.
std::string verification_string(const xml::Element& query);

class ClientFeatures {
public:
    /// Null if no client with this hash was asked yet.
    WantedNodes find(const std::string& ver);
    void learn(const std::string& ver, WantedNodes nodes);

private:
    static constexpr std::size_t most = 1000;
    struct Known {
        WantedNodes nodes;
        std::list<std::string>::iterator age;
    };
    std::unordered_map<std::string, Known> known_;
    std::list<std::string> ages_;  ///< least recently used first
};

}  // namespace lethe::core
