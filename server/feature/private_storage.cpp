// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0049 Private XML Storage, version 1.2. Sealed in the vault, under the quotas of PEP. Bookmarks in it are XEP-0402's (bookmarks.h).
#include "server/feature/all.h"
#include "server/feature/bookmarks.h"
#include "server/feature/pep.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {
namespace ns = xmpp::ns;
using xmpp::Condition;

const std::string own_node(core::private_node);

bool is_bookmarks(const xml::Element& element) { return element.is("storage", ns::bookmarks_storage); }

/// Each child stands in a namespace of its own, and there is at least one.
bool well_formed(const xml::Element& query) {
    if (!query.first_child()) return false;
    for (const auto child : query.children())
        if (child.ns().empty() || child.ns() == ns::private_xml || child.ns() == ns::client) return false;
    return true;
}

void get(core::Request& request) {
    const auto wanted = request.payload.first_child();
    if (!well_formed(request.payload) || wanted.next_sibling())
        return request.responder.error({Condition::not_acceptable, "Ask for one element, in a namespace of its own."});
    const NodeEdit view(request.core, request.session->account_ptr());
    std::optional<std::string> stored;
    if (is_bookmarks(wanted)) {
        stored = bookmarks_storage(view);
    } else if (const auto* node = view.nodes().find(own_node)) {
        const auto* item = node->find(private_id(wanted));
        const auto payload = item ? view.payload(own_node, *item) : nullptr;
        if (item && !payload) return request.responder.error({Condition::resource_constraint, "The server cannot read this now."});
        if (payload) stored = *payload;
    }
    const auto document = stored ? xml::parse(*stored) : xml::Document();
    request.responder.result([&](xml::Element iq) {
        auto query = iq.add("query", ns::private_xml);
        if (document.root()) query.add_copy(document.root());
        else query.add(wanted.name(), wanted.ns());
    });
}

void set(core::Request& request) {
    if (!well_formed(request.payload)) return request.responder.error({Condition::not_acceptable, "Store elements in namespaces of their own."});
    NodeEdit edit(request.core, request.session->account_ptr());
    for (const auto element : request.payload.children()) {
        auto wrong = is_bookmarks(element) ? replace_bookmarks(edit, element, request.core.env.config.limits.pep_items)
                                           : edit.publish(own_node, private_config(), {{private_id(element), payload_text(element)}});
        if (wrong) return request.responder.error(*wrong);
    }
    edit.commit(answer_to(request));
}

}  // namespace

core::Feature private_storage() {
    return {.name = "private_storage",
            .server_features = {ns::private_xml},
            .account_features = {ns::private_xml},
            .iq = {{"get", ns::private_xml, "query", core::at_own_account, get}, {"set", ns::private_xml, "query", core::at_own_account, set}}};
}

}  // namespace lethe::feature
