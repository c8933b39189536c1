// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/client_features.h"

#include <algorithm>
#include <vector>

#include "server/xmpp/caps.h"
#include "server/xmpp/ns.h"

namespace lethe::core {
namespace {

namespace ns = xmpp::ns;
constexpr std::string_view suffix = "+notify";
// More than any client has; the rest of a longer list is left out.
constexpr std::size_t most_nodes = 200, longest_node = 256;

/// The hash is of one string in which '<' ends every part. So that nobody can make the same string out of other parts, and so take from all who
/// have the hash the nodes they want (section 5.1 of XEP-0115 leaves that open), no part may hold a '<', and only a feature may end as they do.
bool ambiguous(const std::vector<xmpp::Identity>& identities, const std::set<std::string>& features, const std::vector<xmpp::Form>& forms) {
    const auto splits = [](std::string_view part) { return part.find('<') != std::string_view::npos; };
    const auto misleads = [&](std::string_view part) { return splits(part) || part.ends_with(suffix); };
    const auto value = [&](const std::string& text) { return misleads(text); };
    for (const auto& i : identities)
        if (splits(i.category) || splits(i.type) || splits(i.lang) || misleads(i.name)) return true;
    for (const auto& form : forms)
        for (const auto& field : form.fields)
            if (misleads(field.var) || std::ranges::any_of(field.values, value)) return true;
    return std::ranges::any_of(features, splits);
}

}  // namespace

WantedNodes wanted_nodes(const xml::Element& query) {
    auto out = std::make_shared<std::set<std::string, std::less<>>>();
    for (const auto feature : query.children()) {
        const auto var = feature.attr("var");
        if (!feature.is("feature", ns::disco_info) || !var.ends_with(suffix) || var.size() > longest_node || out->size() == most_nodes) continue;
        out->emplace(var.substr(0, var.size() - suffix.size()));
    }
    return out;
}

std::string verification_string(const xml::Element& query) {
    std::vector<xmpp::Identity> identities;
    std::set<std::string> features, identities_seen, forms_seen;
    std::vector<xmpp::Form> forms;
    for (const auto child : query.children()) {
        if (child.is("identity", ns::disco_info)) {
            xmpp::Identity i{std::string(child.attr("category")), std::string(child.attr("type")), std::string(child.attr("xml:lang")),
                             std::string(child.attr("name"))};
            if (!identities_seen.insert(i.category + "/" + i.type + "/" + i.lang + "/" + i.name).second) return {};
            identities.push_back(std::move(i));
        } else if (child.is("feature", ns::disco_info)) {
            if (!features.insert(std::string(child.attr("var"))).second) return {};
        } else if (child.is("x", ns::data_form)) {
            auto form = xmpp::parse_form(child);
            if (!form) return {};
            const auto* type = form->find("FORM_TYPE");
            if (!type || type->type != "hidden") continue;
            if (type->values.size() != 1 || !forms_seen.insert(type->values.front()).second) return {};
            forms.push_back(std::move(*form));
        }
    }
    return ambiguous(identities, features, forms) ? std::string() : xmpp::caps_hash(identities, features, forms);
}

WantedNodes ClientFeatures::find(const std::string& ver) {
    const auto it = known_.find(ver);
    if (it == known_.end()) return nullptr;
    ages_.splice(ages_.end(), ages_, it->second.age);
    return it->second.nodes;
}

void ClientFeatures::learn(const std::string& ver, WantedNodes nodes) {
    if (known_.contains(ver)) return;
    if (known_.size() == most) {
        known_.erase(ages_.front());
        ages_.pop_front();
    }
    ages_.push_back(ver);
    known_.emplace(ver, Known{std::move(nodes), std::prev(ages_.end())});
}

}  // namespace lethe::core
