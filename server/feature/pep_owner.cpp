// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0060 section 8, the owner's requests: configuration, purge and deletion of nodes.
#include "server/feature/node_forms.h"
#include "server/feature/pep.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {
namespace ns = xmpp::ns;
using xmpp::Condition;

/// Whatever else the chapter has.
void refuse_rest(const core::Request& request, std::string_view verb) {
    if (verb == "affiliations") return refuse_unsupported(request, "modify-affiliations");
    if (verb == "subscriptions") return refuse_unsupported(request, "manage-subscriptions");
    request.responder.error({Condition::bad_request, "There is nothing in it that this server can do."});
}

void configure(core::Request& request, const xml::Element& verb, const std::string& node) {
    NodeEdit edit(request.core, request.session->account_ptr());
    const auto form = xmpp::parse_form(verb.child("x", ns::data_form));
    if (!form) return request.responder.error({Condition::bad_request, "There is no data form in it."});
    if (form->type == "cancel") return request.responder.result();
    const auto config = with_form(edit.nodes().find(node)->config, *form, request.core.env.config.limits.pep_items, FormPurpose::configuration);
    if (!config) return request.responder.error(config.error());
    if (auto wrong = edit.configure(node, *config)) return request.responder.error(*wrong);
    edit.commit(answer_to(request));
}

}  // namespace

void get_as_owner(core::Request& request) {
    const auto verb = verb_of(request.payload, {});
    const auto name = verb ? std::string(verb.name()) : std::string();
    const auto answer = [&](const core::NodeConfig& config, const std::string& node) {
        request.responder.result([&](xml::Element iq) {
            auto told = iq.add("pubsub", ns::pubsub_owner).add(name);
            if (!node.empty()) told.set_attr("node", node);
            xmpp::add_form(told, config_form(config, "form"));
        });
    };
    if (name == "default") return answer(default_config(""), "");
    if (name != "configure") return refuse_rest(request, name);
    const auto node = named_node(request, verb);
    if (!node) return;
    if (*node == ns::bookmarks_storage) return answer(default_config(*node), *node);
    const auto* existing = request.session->account().nodes.find(*node);
    if (!existing) return request.responder.error({Condition::item_not_found});
    answer(existing->config, *node);
}

void set_as_owner(core::Request& request) {
    const auto verb = verb_of(request.payload, {});
    const auto name = verb ? verb.name() : std::string_view();
    if (name != "configure" && name != "delete" && name != "purge") return refuse_rest(request, name);
    const auto node = named_node(request, verb);
    if (!node || refused_as_made(request, *node)) return;
    if (!request.session->account().nodes.find(*node)) return request.responder.error({Condition::item_not_found});
    if (name == "configure") return configure(request, verb, *node);
    NodeEdit edit(request.core, request.session->account_ptr());
    if (name == "delete") edit.erase(*node);
    else edit.purge(*node);
    edit.commit(answer_to(request));
}

}  // namespace lethe::feature
