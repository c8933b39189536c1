// SPDX-License-Identifier: AGPL-3.0-or-later
// "My sessions": which clients of the own account are logged in, and ending one of them.
//
// Told: the resource, since which hour, whether it is connected. No address of a machine: the server tells nobody's, to nobody. When a session
// began is kept to the hour, in memory only.
#include <algorithm>

#include "server/feature/command.h"
#include "server/xmpp/datetime.h"

namespace lethe::feature {
namespace {
using retention::Language;
using retention::Time;

constexpr std::string_view sessions_node = "urn:x-lethe:commands:sessions";
constexpr const char* end_field = "end";
constexpr const char* nobody = "-";                ///< a value; those of sessions begin otherwise
constexpr std::string_view resource_value = "r/";  ///< before a resource

std::string title(Language language) { return in(language, "My sessions", "Meine Sitzungen"); }

/// "2026-11-23 14:00 UTC"
std::string to_text(Time at) {
    auto text = xmpp::format_datetime(at).substr(0, 16);
    text[10] = ' ';
    return text + " UTC";
}

std::string state_of(const core::Session& session, Language language) {
    if (session.hibernating()) return in(language, "connection lost, may still be resumed", "Verbindung verloren, kann noch fortgesetzt werden");
    return session.presence ? in(language, "connected, available", "verbunden, verfügbar") : in(language, "connected, not available", "verbunden, nicht verfügbar");
}

std::string described(const core::Session& session, Language language) {
    return std::string(session.jid().resource()) + ": " + in(language, "since ", "seit ") + to_text(session.since) + ", " + state_of(session, language);
}

xmpp::Form form_of(const core::Request& request, Language language) {
    xmpp::Form form;
    form.type = "form";
    form.title = title(language);
    form.instructions = in(language,
                           "This one: " + described(*request.session, language) +
                               ". A client whose session is ended can log in again; to keep somebody out, change the password.",
                           "Diese: " + described(*request.session, language) +
                               ". Ein Client, dessen Sitzung beendet wird, kann sich wieder anmelden; um jemanden auszusperren, ändere das Passwort.");
    xmpp::FormField field{.var = end_field, .type = "list-single", .label = in(language, "Other sessions: end this one", "Andere Sitzungen: diese beenden"),
                          .values = {nobody}};
    field.options.emplace_back(in(language, "end none", "keine beenden"), nobody);
    for (const auto& [_, session] : request.session->account().sessions)
        if (session != request.session)
            field.options.emplace_back(described(*session, language), std::string(resource_value) + std::string(session->jid().resource()));
    form.fields.push_back(std::move(field));
    return form;
}

std::optional<std::string> complete(core::Request& request, const CommandRun& run, const xmpp::Form& form) {
    const auto chosen = form.value(end_field);
    if (chosen == nobody) {
        run.finish(request.responder, in(run.language, "No session was ended.", "Keine Sitzung wurde beendet."));
        return std::nullopt;
    }
    if (!chosen.starts_with(resource_value)) return "Choose one of the sessions that the form offers.";
    const auto& sessions = request.session->account().sessions;
    const auto found = std::ranges::find_if(sessions, [&](const auto& entry) { return entry.second->jid().resource() == chosen.substr(resource_value.size()); });
    if (found != sessions.end() && found->second == request.session) return "This is the session that asks: log out to end it.";
    if (found != sessions.end()) {
        const auto session = found->second;
        session->kick(xmpp::StreamCondition::conflict, "Another session of this account ended this one.");
        request.core.end_session(session);
    }
    // One that has ended meanwhile is what was wanted.
    run.finish(request.responder, in(run.language, "The session was ended.", "Die Sitzung wurde beendet."));
    return std::nullopt;
}

}  // namespace

Command sessions_command() {
    return {.node = sessions_node, .name = title, .offered = [](const core::Request&) { return true; }, .form = form_of, .complete = complete};
}

}  // namespace lethe::feature
