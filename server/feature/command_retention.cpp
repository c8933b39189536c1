// SPDX-License-Identifier: AGPL-3.0-or-later
// "How long my messages are kept": the user's choice among those that the policy publishes.
//
// It is sealed in the account record, so it holds for messages that arrive while the user is away.
#include <algorithm>

#include "retention/choice.h"
#include "server/feature/command.h"

namespace lethe::feature {
namespace {
using retention::Keep;
using retention::Language;
using xmpp::Condition;

constexpr std::string_view retention_node = "urn:x-lethe:commands:retention";
constexpr const char* keep_field = "keep";

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

std::string title(Language language) { return in(language, "How long my messages are kept", "Wie lange meine Nachrichten aufbewahrt werden"); }

xmpp::Form form_of(const core::Request& request, Language language) {
    const auto& policy = request.core.env.policy;
    xmpp::Form form;
    form.type = "form";
    form.title = title(language);
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

std::optional<std::string> complete(core::Request& request, const CommandRun& run, const xmpp::Form& form) {
    const auto& policy = request.core.env.policy;
    const auto* field = form.find(keep_field);
    const auto choices = offered(policy);
    const auto chosen = field && field->values.size() == 1
                            ? std::ranges::find(choices, field->values.front(), [](const Keep& keep) { return retention::to_string(keep); })
                            : choices.end();
    if (chosen == choices.end()) return "Choose one of the times that the form offers.";
    const auto done = [responder = request.responder, run, note = note_of(*chosen, run.language)] { run.finish(responder, note); };
    // What is not published as a choice of its own is the policy's default, and follows it.
    const bool published = std::ranges::find(policy.archive_choices, *chosen) != policy.archive_choices.end();
    const auto choice = published ? std::optional(retention::recorded(*chosen)) : std::nullopt;
    if (choice == request.session->account().writer->archive_choice) {
        done();
        return std::nullopt;
    }
    const auto jid = request.session->jid().bare();
    request.core.env.operations.choose_archive(
        jid, choice, [&core = request.core](std::optional<std::int64_t> before) { return core.env.buckets.archive_horizon(before); },
        [&core = request.core, jid, done, responder = request.responder](admin::Outcome outcome) {
            if (!outcome) return responder.error({Condition::resource_constraint, outcome.error().text});
            core.logs.choice_changed(jid);
            done();
        });
    return std::nullopt;
}

}  // namespace

Command retention_command() {
    return {.node = retention_node,
            .name = title,
            .offered = [](const core::Request& request) { return !request.core.env.policy.archive_choices.empty(); },
            .form = form_of,
            .complete = complete};
}

}  // namespace lethe::feature
