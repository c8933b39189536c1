// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/feature/policy_forms.h"

#include "retention/render.h"
#include "server/feature/upload.h"
#include "server/xmpp/datetime.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {

using retention::Keep;
using retention::Policy;
using xmpp::Form;

Form form(std::string_view form_type) {
    return {.type = "result", .fields = {{.var = "FORM_TYPE", .type = "hidden", .values = {std::string(form_type)}}}};
}

void add(Form& form, const char* var, const char* type, std::vector<std::string> values) {
    form.fields.push_back({.var = var, .type = type, .values = std::move(values)});
}

/// XEP-0504: whole hours, at most; an hour begun counts.
std::string hours(const Keep& keep) {
    constexpr std::int64_t hour = std::int64_t{3600} * 1'000'000;
    if (keep.unlimited) return "infinite";
    return std::to_string((keep.micros + hour - 1) / hour);
}

std::vector<std::string> explanation(const Policy& policy) {
    std::vector<std::string> lines;
    for (const auto language : retention::languages_of(policy)) {
        const bool de = language == retention::Language::de;
        lines.push_back(de ? "Nachrichten, Kontakte und Einstellungen sind so verschlüsselt gespeichert, dass nur die Anmeldung ihres Besitzers sie öffnet; am Ende ihrer Zeit wird "
                             "ihr Schlüssel zerstört. Wer den laufenden Server beherrscht, kann mitlesen, was nicht Ende-zu-Ende verschlüsselt hindurchgeht."
                           : "Messages, contacts and settings are stored so that only their owner's login opens them; at the end of their time their key is destroyed. Whoever "
                             "controls the running server can read what passes through it without end-to-end encryption.");
        lines.push_back((de ? "Archiv: " : "Archive: ") + spoken(policy.archive, language) + (de ? "; Briefkasten: " : "; letterbox: ") + spoken(policy.letterbox, language) +
                        (de ? "; Kontaktanfragen: " : "; contact requests: ") + spoken(policy.subscriptions, language) + (de ? "; Dateien: " : "; files: ") + spoken(policy.uploads, language) + (de ? "; Protokoll: " : "; log: ") +
                        spoken(policy.log.keep, language) + ".");
    }
    return lines;
}

Form data_policy(const core::Core& core) {
    const Policy& policy = core.env.policy;
    Form out = form(xmpp::ns::data_policy);
    add(out, "auth_data", "list-single", {"hidden"});  // SCRAM
    add(out, "data_transmission", "list-single", {"encrypted"});
    add(out, "encryption_algorithm", "text-single", {"TLS " + core.env.config.tls.minimum + (core.env.config.tls.minimum == "1.3" ? "" : " or later")});
    // The longest of what is stored of others' messages and requests: what devices can fetch again and what
    // waits. The classes one by one are in the form of our own.
    const auto longest = [](const Keep& one, const Keep& other) { return longer(one, other) ? one : other; };
    add(out, "data_retention", "text-single",
        {hours(longest(policy.subscriptions, longest(policy.letterbox, policy.archive)))});
    add(out, "data_deletion", "boolean", {"false"});  // no single message; the account as a whole below
    add(out, "encryption_at_rest", "boolean", {"true"});
    if (!policy.service.terms_url.empty()) add(out, "tos", "text-single", {policy.service.terms_url});
    add(out, "data_export", "boolean", {"false"});
    add(out, "access_policy", "list-multi", {"admins"});
    add(out, "full_erasure", "boolean", {"true"});
    add(out, "backup_frequency", "text-single", {"0"});
    add(out, "backup_retention", "text-single", {"0"});
    add(out, "extra_info", "text-multi", explanation(policy));
    return out;
}

Form figures(const core::Core& core) {
    const Policy& policy = core.env.policy;
    Form out = form("urn:x-lethe:policy:0");
    const auto text = [&out](const char* var, std::string value) { add(out, var, "text-single", {std::move(value)}); };
    text("archive", to_string(policy.archive));
    if (!policy.archive_choices.empty()) {
        std::vector<std::string> choices;
        for (const Keep& choice : policy.archive_choices) choices.push_back(to_string(choice));
        add(out, "archive-choices", "list-multi", std::move(choices));
    }
    text("letterbox", to_string(policy.letterbox));
    text("letterbox-max-messages", std::to_string(policy.letterbox.stored() ? policy.letterbox_max_messages : 0));
    text("letterbox-max-bytes", std::to_string(policy.letterbox.stored() ? policy.letterbox_max_bytes : 0));
    text("subscriptions", to_string(policy.subscriptions));
    text("uploads", to_string(policy.uploads));
    text("uploads-max-size", std::to_string(policy.uploads.stored() ? policy.uploads_max_size : 0));
    text("uploads-quota-per-day", std::to_string(policy.uploads.stored() ? policy.uploads_quota_per_day : 0));
    text("log", to_string(policy.log.keep));
    const auto treatment = [](retention::Treatment t) { return std::string(to_string(t)); };
    add(out, "log-address", "list-single", {treatment(policy.log.address)});
    add(out, "log-account", "list-single", {treatment(policy.log.account)});
    add(out, "log-peer", "list-single", {treatment(policy.log.peer)});
    std::vector<std::string> events;
    for (const auto& [name, rules] : policy.log_events)
        events.push_back(name + ' ' + to_string(rules.keep) + ' ' + treatment(rules.address) + ' ' + treatment(rules.account) + ' ' + treatment(rules.peer));
    if (!events.empty()) add(out, "log-events", "text-multi", std::move(events));
    text("registration", policy.registration);
    if (policy.registration != "closed") text("invitations", to_string(policy.invitations));
    text("notice", to_string(policy.change_notice));
    text("policy", retention::policy_hash(policy.text));
    if (const auto& next = core.env.standing.announced()) {
        text("announced", retention::policy_hash(next->policy.text));
        text("announced-from", xmpp::format_datetime(next->effective_at));
    }
    return out;
}

Form contacts(const core::Core& core) {
    Form out = form(xmpp::ns::server_info);
    add(out, "admin-addresses", "list-multi", core.env.policy.service.contact);
    return out;
}

}  // namespace

std::vector<Form> policy_forms(const core::Core& core) { 
    std::vector<Form> out{data_policy(core), figures(core), contacts(core)};
    if (offers_uploads(core)) out.push_back(upload_form(core));
    return out;
}

}  // namespace lethe::feature
