// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0030 Service Discovery, version 2.5rc3, and the server's own entity capabilities (XEP-0115, version 1.6).
//
// The domain answers everybody. A user's bare JID answers the user, and subscribers while the vault is open; all others get the
// stranger's answer, service-unavailable, so that it does not tell whether the account is online. Items are an
// account's pubsub nodes and what features put at nodes of their own (core::DiscoNode): no user directory, no list of connected resources.
#include "server/core/core.h"
#include "server/feature/all.h"
#include "server/feature/disco_info.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {
namespace ns = xmpp::ns;
using xmpp::Condition;

/// A stranger must not see a difference between an open and a closed vault.
bool may_see(const core::Request& request) {
    if (request.target.local().empty() || request.own_account()) return true;
    const auto account = request.core.open_vault(request.target.bare());
    const xmpp::Jid asker(request.session->jid());
    return account && !account->blocks(asker) && account->shows_presence_to(asker.bare());
}

/// A node that some extension has: answers it. Where nobody but its owner may look there are none for others.
bool node_of_a_feature(core::Request& request, std::string_view ns, bool items) {
    const auto node = request.payload.attr("node");
    if (node.empty() || !(request.target.local().empty() || request.own_account())) return false;
    for (const auto& feature : request.core.features.all())
        for (const auto& known : feature.nodes) {
            if (known.node != node) continue;
            xml::Document answer("query", ns);
            auto query = answer.root();
            query.set_attr("node", node);
            if (!(items ? known.items : known.info)(request, query)) return false;
            request.responder.result([&](xml::Element iq) { iq.add_copy(query); });
            return true;
        }
    return false;
}

/// The same for what the account itself has.
bool node_of_the_account(core::Request& request, std::string_view ns, bool items) {
    const auto node = request.payload.attr("node");
    if (node.empty() || request.target.local().empty()) return false;
    for (const auto& feature : request.core.features.all()) {
        if (!feature.account_node) continue;
        xml::Document answer("query", ns);
        auto query = answer.root();
        query.set_attr("node", node);
        if (!feature.account_node(request, query, items)) continue;
        request.responder.result([&](xml::Element iq) { iq.add_copy(query); });
        return true;
    }
    return false;
}

void info(core::Request& request) {
    if (!may_see(request)) return request.responder.error({Condition::service_unavailable});
    if (node_of_a_feature(request, ns::disco_info, false) || node_of_the_account(request, ns::disco_info, false)) return;
    const bool server = request.target.local().empty();
    const auto node = request.payload.attr("node");
    if (!node.empty() && !(server && node == caps_node + "#" + caps_ver(request.core)))
        return request.responder.error({Condition::item_not_found});
    request.responder.result([&](xml::Element iq) {
        auto query = iq.add("query", ns::disco_info);
        if (!node.empty()) query.set_attr("node", node);
        add_disco_info(query, request.core, server);
    });
}

void items(core::Request& request) {
    if (!may_see(request)) return request.responder.error({Condition::service_unavailable});
    if (node_of_a_feature(request, ns::disco_items, true) || node_of_the_account(request, ns::disco_items, true)) return;
    if (!request.payload.attr("node").empty()) return request.responder.error({Condition::item_not_found});
    request.responder.result([&](xml::Element iq) {
        auto query = iq.add("query", ns::disco_items);
        if (request.target.local().empty()) return;
        for (const auto& feature : request.core.features.all())
            if (feature.account_items) feature.account_items(request, query);
    });
}

}  // namespace

core::Feature disco() {
    const unsigned everywhere = core::at_server | core::at_own_account | core::at_other_account;
    return {.name = "disco",
            .server_features = {ns::disco_info, ns::disco_items},
            .account_features = {ns::disco_info, ns::disco_items},
            .iq = {{"get", ns::disco_info, "query", everywhere, info}, {"get", ns::disco_items, "query", everywhere, items}}};
}

}  // namespace lethe::feature
