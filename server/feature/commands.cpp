// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0050 Ad-Hoc Commands, version 1.3.0, with XEP-0004 forms: what a user does to the own account without a website. One command, of one
// stage: how long this server keeps the user's archive, among the choices that the policy publishes.
//
// Offered at the domain, where clients look, and at the user's own bare JID. At somebody else's address there is nothing: that answer is the
// same whether the vault there is open or closed. The choice is sealed in the account record, so it holds for messages that arrive
// while the user is away.
#include <algorithm>
#include <array>

#include "retention/choice.h"
#include "retention/render.h"
#include "server/core/core.h"
#include "server/core/random_hex.h"
#include "server/feature/all.h"
#include "server/xmpp/forms.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {
namespace ns = xmpp::ns;
using retention::Keep;
using retention::Language;
using xmpp::Condition;
using xmpp::StanzaError;

constexpr std::string_view retention_node = "urn:x-lethe:commands:retention";
constexpr std::size_t open_commands = 8;  ///< of one session; the oldest gives way
constexpr const char* keep_field = "keep";

Language language_of(const core::Request& request) {
    auto lang = request.payload.attr("xml:lang");
    if (lang.empty()) lang = request.iq.attr("xml:lang");
    return lang.substr(0, lang.find('-')) == "de" ? Language::de : Language::en;
}

std::string in(Language language, std::string_view english, std::string_view german) {
    return std::string(language == Language::de ? german : english);
}

/// "7 days", "1 Tag", "not at all".
std::string in_words(const Keep& keep, Language language) {
    return keep.stored() ? retention::spoken(keep, language) : in(language, "not at all", "gar nicht");
}

/// What can be picked, longest first: the policy's choices, and what holds for everybody who picks nothing.
std::vector<Keep> offered(const retention::Policy& policy) {
    auto out = policy.archive_choices;
    if (out.empty()) return out;
    if (std::ranges::find(out, policy.archive) == out.end()) out.push_back(policy.archive);
    std::erase_if(out, [&](const Keep& keep) { return retention::recorded(keep) > retention::recorded(policy.archive); });
    std::ranges::sort(out, std::ranges::greater(), retention::recorded);
    return out;
}

std::string command_name(Language language) { return in(language, "How long my messages are kept", "Wie lange meine Nachrichten aufbewahrt werden"); }

xmpp::Form form_of(const core::Request& request, Language language) {
    const auto& policy = request.core.env.policy;
    xmpp::Form form;
    form.type = "form";
    form.title = command_name(language);
    form.instructions = in(language,
                           "This server keeps a copy of your messages that only your own login opens. Choose for how long. A shorter time "
                           "holds at once for what is stored already; a longer one for what arrives from now on.",
                           "Dieser Server bewahrt eine Kopie deiner Nachrichten auf, die nur deine eigene Anmeldung öffnet. Wähle, wie lange. Eine "
                           "kürzere Zeit gilt sofort auch für das, was schon gespeichert ist; eine längere für das, was ab jetzt ankommt.");
    const auto now = retention::in_effect(policy, request.session->account().writer->archive_choice);
    xmpp::FormField field{.var = keep_field, .type = "list-single", .label = in(language, "Keep my messages for", "Meine Nachrichten aufbewahren"),
                          .values = {retention::to_string(now)}};
    for (const Keep& keep : offered(policy)) field.options.emplace_back(in_words(keep, language), retention::to_string(keep));
    form.fields.push_back(std::move(field));
    return form;
}

std::string note_of(const Keep& keep, Language language) {
    if (!keep.stored())
        return in(language, "From now on your messages are not kept in the archive. What it held is not shown any more and is destroyed by its deadline.",
                  "Ab jetzt kommen deine Nachrichten nicht mehr ins Archiv. Was darin war, wird nicht mehr gezeigt und spätestens zu seiner Frist vernichtet.");
    const auto words = in_words(keep, language);
    return in(language, "From now on your messages are kept for " + words + ". What is older is not shown any more and is destroyed by its deadline.",
              "Ab jetzt werden deine Nachrichten " + words + " lang aufbewahrt. Was älter ist, wird nicht mehr gezeigt und spätestens zu seiner Frist vernichtet.");
}

xml::Element add_command(xml::Element iq, std::string_view session_id, std::string_view status) {
    auto command = iq.add("command", ns::commands);
    command.set_attr("node", retention_node);
    command.set_attr("sessionid", session_id);
    command.set_attr("status", status);
    return command;
}

void refuse(const core::Request& request, Condition condition, std::string_view what, std::string text) {
    request.responder.error({condition, std::move(text), std::string(what), std::string(ns::commands)});
}

void begin(core::Request& request) {
    const std::string id = core::random_hex(12);
    auto& open = request.session->commands;
    if (open.size() >= open_commands) open.pop_front();
    open.emplace_back(id, retention_node);
    const auto language = language_of(request);
    request.responder.result([&](xml::Element iq) {
        auto command = add_command(iq, id, "executing");
        auto actions = command.add("actions");
        actions.set_attr("execute", "complete");
        actions.add("complete");
        xmpp::add_form(command, form_of(request, language));
    });
}

void complete(core::Request& request, const std::string& id) {
    const auto& policy = request.core.env.policy;
    const auto form = xmpp::parse_form(request.payload.child("x", ns::data_form));
    const auto* field = form && form->type == "submit" ? form->find(keep_field) : nullptr;
    const auto choices = offered(policy);
    const auto chosen = field && field->values.size() == 1
                            ? std::ranges::find(choices, field->values.front(), [](const Keep& keep) { return retention::to_string(keep); })
                            : choices.end();
    if (chosen == choices.end()) return refuse(request, Condition::bad_request, "bad-payload", "Choose one of the times that the form offers.");
    const auto language = language_of(request);
    std::erase_if(request.session->commands, [&](const auto& open) { return open.first == id; });
    const auto done = [responder = request.responder, id, note = note_of(*chosen, language)] {
        responder.result([&](xml::Element iq) {
            auto element = add_command(iq, id, "completed").add("note");
            element.set_attr("type", "info");
            element.add_text(note);
        });
    };
    // What is not published as a choice of its own is the policy's default, and follows it.
    const bool published = std::ranges::find(policy.archive_choices, *chosen) != policy.archive_choices.end();
    const auto choice = published ? std::optional(retention::recorded(*chosen)) : std::nullopt;
    if (choice == request.session->account().writer->archive_choice) return done();
    const auto jid = request.session->jid().bare();
    request.core.env.operations.choose_archive(
        jid, choice, [&core = request.core](std::optional<std::int64_t> before) { return core.env.buckets.archive_horizon(before); },
        [&core = request.core, jid, done, responder = request.responder](admin::Outcome outcome) {
            if (!outcome) return responder.error({Condition::resource_constraint, outcome.error().text});
            core.logs.choice_changed(jid);
            done();
        });
}

void execute(core::Request& request) {
    if (request.payload.attr("node") != retention_node || request.core.env.policy.archive_choices.empty())
        return request.responder.error({Condition::item_not_found, "There is no such command."});
    const std::string id(request.payload.attr("sessionid"));
    const auto action = request.payload.has_attr("action") ? request.payload.attr("action") : "execute";
    constexpr std::array known{"execute", "complete", "next", "prev", "cancel"};
    if (std::ranges::find(known, action) == known.end()) return refuse(request, Condition::bad_request, "malformed-action", "There is no such action.");
    if (id.empty() && action == "execute") return begin(request);
    auto& open = request.session->commands;
    const auto found = std::ranges::find(open, id, &std::pair<std::string, std::string>::first);
    if (found == open.end()) return refuse(request, Condition::bad_request, "bad-sessionid", "This command is not under way; begin it again.");
    if (action == "next" || action == "prev") return refuse(request, Condition::bad_request, "bad-action", "This command has one stage only.");
    if (action != "cancel") return complete(request, id);
    open.erase(found);
    request.responder.result([&](xml::Element iq) { add_command(iq, id, "canceled"); });
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

bool list_items(const core::Request& request, xml::Element query) {
    if (request.core.env.policy.archive_choices.empty()) return true;
    auto item = query.add("item");
    item.set_attr("jid", request.target.to_string());
    item.set_attr("node", retention_node);
    item.set_attr("name", command_name(language_of(request)));
    return true;
}

bool command_info(const core::Request& request, xml::Element query) {
    if (request.core.env.policy.archive_choices.empty()) return false;
    set_identity(query, "command-node", command_name(language_of(request)));
    for (const auto feature : {ns::commands, ns::data_form}) query.add("feature").set_attr("var", feature);
    return true;
}

bool command_items(const core::Request& request, xml::Element) { return !request.core.env.policy.archive_choices.empty(); }

}  // namespace

core::Feature commands() {
    return {.name = "commands",
            .server_features = {ns::commands},
            .account_features = {ns::commands},
            .iq = {{"set", ns::commands, "command", core::at_server | core::at_own_account, execute}},
            .nodes = {{ns::commands, list_info, list_items}, {retention_node, command_info, command_items}}};
}

}  // namespace lethe::feature
