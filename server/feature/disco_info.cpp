// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/feature/disco_info.h"

#include <set>

#include "server/core/core.h"
#include "server/feature/outage.h"
#include "server/feature/policy_forms.h"
#include "server/xmpp/caps.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {

constexpr std::string_view server_category = "server", server_type = "im", server_name = "Lethe";

std::set<std::string> names(const core::Core& core, bool server) {
    std::set<std::string> out;
    for (const auto& feature : core.features.all())
        if (!feature.offered || feature.offered(core)) for (const auto name : server ? feature.server_features : feature.account_features) out.emplace(name);
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
    auto identity = query.add("identity");
    identity.set_attr("category", server ? server_category : "account");
    identity.set_attr("type", server ? server_type : "registered");
    if (server) identity.set_attr("name", server_name);
    if (!server)
        for (const auto& feature : core.features.all())
            for (const auto& [category, type] : feature.account_identities) {
                auto another = query.add("identity");
                another.set_attr("category", category);
                another.set_attr("type", type);
            }
    for (const auto& name : names(core, server)) query.add("feature").set_attr("var", name);
    if (!server) return;
    for (const auto& form : forms(core)) xmpp::add_form(query, form);
}

std::string caps_ver(const core::Core& core) {
    return xmpp::caps_hash({{std::string(server_category), std::string(server_type), "", std::string(server_name)}}, names(core, true),
                           forms(core));
}

}  // namespace lethe::feature
