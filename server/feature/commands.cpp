// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0050 Ad-Hoc Commands, version 1.3.0, with XEP-0004 forms: what a user does to the own account without a website. A command has one stage, or
// none (XEP-0401) and answers at once.
//
// Offered at the domain, where clients look, and at the user's own bare JID. At somebody else's address there is nothing: that answer is the
// same whether the vault there is open or closed.
#include <algorithm>
#include <array>

#include "server/core/random_hex.h"
#include "server/feature/all.h"
#include "server/feature/command.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {
namespace ns = xmpp::ns;
using retention::Language;
using xmpp::Condition;

constexpr std::size_t open_commands = 8;  ///< of one session; the oldest gives way
using Commands = std::vector<Command>;

Language language_of(const core::Request& request) {
    auto lang = request.payload.attr("xml:lang");
    if (lang.empty()) lang = request.iq.attr("xml:lang");
    return lang.substr(0, lang.find('-')) == "de" ? Language::de : Language::en;
}

xml::Element add_command(xml::Element iq, const CommandRun& run, std::string_view status) {
    auto command = iq.add("command", ns::commands);
    command.set_attr("node", run.node);
    if (!run.id.empty()) command.set_attr("sessionid", run.id);
    command.set_attr("status", status);
    return command;
}

void refuse(const core::Request& request, Condition condition, std::string_view what, std::string text) {
    request.responder.error({.condition = condition, .text = std::move(text), .specific = {.name = std::string(what), .ns = std::string(ns::commands)}});
}

/// The one of that name, if it is offered to whoever asks.
const Command* find(const Commands& commands, const core::Request& request, std::string_view node) {
    const auto at = std::ranges::find(commands, node, &Command::node);
    return at != commands.end() && at->offered(request) ? &*at : nullptr;
}

void begin(core::Request& request, const Command& command) {
    const CommandRun run{command.node, core::random_hex(12), language_of(request)};
    auto& open = request.session->commands;
    if (open.size() >= open_commands) open.pop_front();
    open.emplace_back(run.id, command.node);
    request.responder.result([&](xml::Element iq) {
        auto element = add_command(iq, run, "executing");
        auto actions = element.add("actions");
        actions.set_attr("execute", "complete");
        actions.add("complete");
        xmpp::add_form(element, command.form(request, run.language));
    });
}

void complete(core::Request& request, const Command& command, const CommandRun& run) {
    const auto form = xmpp::parse_form(request.payload.child("x", ns::data_form));
    if (!form || form->type != "submit") return refuse(request, Condition::bad_request, "bad-payload", "Fill in the form, and submit it.");
    if (auto wrong = command.complete(request, run, *form)) return refuse(request, Condition::bad_request, "bad-payload", std::move(*wrong));
    std::erase_if(request.session->commands, [&](const auto& open) { return open.first == run.id; });
}

void execute(const Commands& commands, core::Request& request) {
    const auto* command = find(commands, request, request.payload.attr("node"));
    if (!command) return request.responder.error({Condition::item_not_found, "There is no such command."});
    const CommandRun run{command->node, std::string(request.payload.attr("sessionid")), language_of(request)};
    const auto action = request.payload.has_attr("action") ? request.payload.attr("action") : "execute";
    constexpr std::array known{"execute", "complete", "next", "prev", "cancel"};
    if (std::ranges::find(known, action) == known.end()) return refuse(request, Condition::bad_request, "malformed-action", "There is no such action.");
    if (run.id.empty() && action == "execute" && command->at_once) return command->at_once(request, run);
    if (run.id.empty() && action == "execute") return begin(request, *command);
    auto& open = request.session->commands;
    const auto found = std::ranges::find(open, std::pair(run.id, std::string(run.node)));
    if (found == open.end()) return refuse(request, Condition::bad_request, "bad-sessionid", "This command is not under way; begin it again.");
    if (action == "next" || action == "prev") return refuse(request, Condition::bad_request, "bad-action", "This command has one stage only.");
    if (action != "cancel") return complete(request, *command, run);
    open.erase(found);
    request.responder.result([&](xml::Element iq) { add_command(iq, run, "canceled"); });
}

void set_identity(xml::Element query, std::string_view type, const std::string& name) {
    auto identity = query.add("identity");
    identity.set_attr("category", "automation");
    identity.set_attr("type", type);
    identity.set_attr("name", name);
}

bool list_info(const core::Request& request, xml::Element query) {
    set_identity(query, "command-list", in(language_of(request), "Commands", "Befehle"));
    return true;
}

bool list_items(const Commands& commands, const core::Request& request, xml::Element query) {
    for (const auto& command : commands) {
        if (!command.offered(request)) continue;
        auto item = query.add("item");
        item.set_attr("jid", request.target.to_string());
        item.set_attr("node", command.node);
        item.set_attr("name", command.name(language_of(request)));
    }
    return true;
}

core::DiscoNode node_of(const Command& command) {
    return {command.node,
            [command](const core::Request& request, xml::Element query) {
                if (!command.offered(request)) return false;
                set_identity(query, "command-node", command.name(language_of(request)));
                for (const auto feature : {ns::commands, ns::data_form}) query.add("feature").set_attr("var", feature);
                return true;
            },
            [command](const core::Request& request, xml::Element) { return command.offered(request); }};
}

}  // namespace

std::function<void(xml::Element)> CommandRun::answer(const std::string& note) const {
    return [run = *this, note](xml::Element iq) {
        auto element = add_command(iq, run, "completed").add("note");
        element.set_attr("type", "info");
        element.add_text(note);
    };
}

std::function<void(xml::Element)> CommandRun::result(xmpp::Form form) const {
    return [run = *this, form = std::move(form)](xml::Element iq) { xmpp::add_form(add_command(iq, run, "completed"), form); };
}

core::Feature commands() {
    const auto all = std::make_shared<const Commands>(Commands{retention_command(), sessions_command(), erasure_command(), invite_command()});
    core::Feature feature{.name = "commands",
                          .server_features = {ns::commands},
                          .account_features = {ns::commands},
                          .iq = {{"set", ns::commands, "command", core::at_server | core::at_own_account,
                                  [all](core::Request& request) { execute(*all, request); }}},
                          .nodes = {{ns::commands, list_info, [all](const auto& request, auto query) { return list_items(*all, request, query); }}}};
    for (const auto& command : *all) feature.nodes.push_back(node_of(command));
    return feature;
}

}  // namespace lethe::feature
