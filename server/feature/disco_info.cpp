// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/feature/disco_info.h"

#include <set>

#include "server/core/core.h"
#include "server/feature/outage.h"
#include "server/feature/policy_forms.h"
#include "server/feature/upload.h"
#include "server/xmpp/caps.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {

std::set<std::string> names(const core::Core& core, bool server) {
    std::set<std::string> out;
    for (const auto& feature : core.features.all())
        if (!feature.offered || feature.offered(core)) for (const auto name : server ? feature.server_features : feature.account_features) out.emplace(name);
    return out;
}

std::vector<xmpp::Identity> identities(const core::Core& core, bool server) {
    if (server) {
        std::vector<xmpp::Identity> out{{.category = "server", .type = "im", .lang = "", .name = "Lethe"}};
        // XEP-0363 section 4: clients look for a service that says both what it is and what it speaks.
        if (offers_uploads(core)) out.push_back({.category = "store", .type = "file", .lang = "", .name = ""});
        return out;
    }
    std::vector<xmpp::Identity> out{{.category = "account", .type = "registered", .lang = "", .name = ""}};
    for (const auto& feature : core.features.all())
        for (const auto& [category, type] : feature.account_identities)
            out.push_back({.category = std::string(category), .type = std::string(type), .lang = "", .name = ""});
    return out;
}

/// XEP-0128, of the domain.
std::vector<xmpp::Form> forms(const core::Core& core) {
    auto all = policy_forms(core);
    for (auto& form : outage_forms(core)) all.push_back(std::move(form));
    return all;
}

}  // namespace

void add_disco_info(xml::Element query, const core::Core& core, bool server) {
    for (const auto& one : identities(core, server)) {
        auto identity = query.add("identity");
        identity.set_attr("category", one.category);
        identity.set_attr("type", one.type);
        if (!one.name.empty()) identity.set_attr("name", one.name);
    }
    for (const auto& name : names(core, server)) query.add("feature").set_attr("var", name);
    if (!server) return;
    for (const auto& form : forms(core)) xmpp::add_form(query, form);
}

std::string caps_ver(const core::Core& core) {
    return xmpp::caps_hash(identities(core, true), names(core, true), forms(core));
}

}  // namespace lethe::feature
