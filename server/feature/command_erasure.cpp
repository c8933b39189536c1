// SPDX-License-Identifier: AGPL-3.0-or-later
// "Erase my account": what XEP-0077's cancellation does, for clients that do not offer that, after a confirmation.
#include "server/feature/command.h"
#include "server/feature/erasure.h"
#include "server/xmpp/boolean.h"

namespace lethe::feature {
namespace {
using retention::Language;

constexpr const char* confirm_field = "confirm";

std::string title(Language language) { return in(language, "Erase my account", "Mein Konto löschen"); }

xmpp::Form form_of(const core::Request& request, Language language) {
    const auto jid = request.session->jid().bare().to_string();
    xmpp::Form form;
    form.type = "form";
    form.title = title(language);
    form.instructions = in(language,
                           "The key of " + jid +
                               " is destroyed at once, and with it your contacts, your messages and all else that is stored for you: nobody can read any of it "
                               "any more, you neither. All your sessions end. This cannot be undone.",
                           "Der Schlüssel von " + jid +
                               " wird sofort vernichtet, und damit deine Kontakte, deine Nachrichten und alles andere, was für dich gespeichert ist: Niemand kann "
                               "etwas davon mehr lesen, auch du nicht. Alle deine Sitzungen enden. Das lässt sich nicht rückgängig machen.");
    form.fields.push_back({.var = confirm_field, .type = "boolean", .label = in(language, "Yes, erase " + jid, "Ja, " + jid + " löschen"), .values = {"0"}});
    return form;
}

std::optional<std::string> complete(core::Request& request, const CommandRun& run, const xmpp::Form& form) {
    if (!xmpp::is_true(form.value(confirm_field))) return "Nothing was erased: tick the box to confirm it, or cancel.";
    erase_own_account(request, run.answer(in(run.language, "The account was erased.", "Das Konto wurde gelöscht.")));
    return std::nullopt;
}

}  // namespace

Command erasure_command() {
    return {.node = "urn:x-lethe:commands:erase", .name = title, .offered = [](const core::Request&) { return true; }, .form = form_of, .complete = complete};
}

}  // namespace lethe::feature
