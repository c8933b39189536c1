// SPDX-License-Identifier: AGPL-3.0-or-later
// Data policy: what the server says of it in service discovery (XEP-0504 version 0.1.0, see policy_forms.h),
// and how users learn of a looser one.
//
// At the first available presence of an account's session after an announcement, and at once if one is
// available already, the account is sent one message from the domain, in the policy's languages. The serial
// number of what it was told is kept in its sealed record, so it is told once; accounts made after the
// announcement have it from the start. It is recorded when the client has acknowledged the message
// (XEP-0198), or, without acknowledgements, when it was written; with a session that is lost before, the next
// login is told.
#include <unordered_map>

#include "retention/render.h"
#include "server/core/core.h"
#include "server/feature/all.h"
#include "server/feature/policy_news.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {
namespace ns = xmpp::ns;
using retention::Language;

std::string subject(const retention::Policy& policy, Language language) {
    return (language == Language::de ? "Änderung der Datenrichtlinie von " : "Change of the data policy of ") + policy.service.name;
}

/// One line for each change, those of one date below a line that says it.
std::string list(const core::Core& core, const retention::PolicyStanding::News& news, Language language) {
    const bool de = language == Language::de;
    std::string out, heading;
    for (const auto& [change, effective_at, waits] : news.changes) {
        std::string now = de ? "Was " + core.env.policy.service.name + " speichert, ändert sich" : "What " + core.env.policy.service.name + " stores changes";
        now += waits ? (de ? " ab " : " from ") : (de ? " seit " : " since ");
        now += spoken(effective_at, language) + (de ? " (vorher → dann):\n" : " (before → then):\n");
        if (now != heading) out += now;
        heading = std::move(now);
        out += "– " + spoken_key(change.key, language) + ": " + spoken_value(change.from, language) + " → " + spoken_value(change.to, language) + '\n';
    }
    if (!news.changes.empty())
        out += de ? "Was schon gespeichert ist, wird dadurch nicht länger aufbewahrt. " : "What is stored already is not kept longer because of this. ";
    return out;
}

std::string body(const core::Core& core, const retention::PolicyStanding::News& news, Language language) {
    const auto& policy = core.env.policy;
    const bool de = language == Language::de;
    std::string out;
    if (news.withdrawn)
        out += de ? "Die zuletzt angekündigte Änderung der Datenrichtlinie wurde zurückgenommen und tritt nicht in Kraft.\n"
                  : "The change of the data policy that was announced last was withdrawn and will not happen.\n";
    out += list(core, news, language);
    out += de ? "Die ganze Richtlinie steht in der Dienstauskunft (Service Discovery) von " : "The whole policy is in the service discovery of ";
    out += core.domain.domain();
    if (const auto& url = core.env.config.http.url; !url.empty()) out += (de ? " und auf " : " and at ") + url + "/policy";
    out += de ? ". Fragen an: " : ". Questions to: ";
    bool first = true;
    for (const auto& contact : policy.service.contact) out += (std::exchange(first, false) ? "" : ", ") + contact;
    return out;
}

xml::Document message(const core::Core& core, const retention::PolicyStanding::News& news, const xmpp::FullJid& to) {
    xml::Document document("message", ns::client);
    auto root = document.root();
    root.set_attr("type", "normal");
    root.set_attr("from", core.domain.to_string());
    root.set_attr("to", to.to_string());
    root.set_attr("id", "policy-" + std::to_string(core.env.standing.serial()));
    for (const bool subjects : {true, false})
        for (const Language language : retention::languages_of(core.env.policy)) {
            auto element = root.add(subjects ? "subject" : "body");
            element.set_attr("xml:lang", retention::code_of(language));
            element.add_text(subjects ? subject(core.env.policy, language) : body(core, news, language));
        }
    return document;
}

/// What the account's record says; the newest number if there is no such account any more, so that nobody is told.
std::uint32_t told_of(const core::Core& core, const crypto::AccountId& id) {
    const auto newest = core.env.standing.serial();
    const auto row = core.env.store.account(id);
    if (!row || !*row) return newest;
    const auto record = core.env.keys.open_record(id, (*row)->key, (*row)->record);
    return record ? record->told : newest;
}

void record(core::Core& core, const xmpp::BareJid& account, std::uint32_t serial) {
    core.env.operations.set_told(account, serial, [&core](admin::Outcome outcome) {
        // Told again at the next login: that is better than not at all.
        if (!outcome) core.env.log.write(retention::Event::storage_alarm, {retention::Word("told")});
    });
}

void tell(core::Core& core, const std::shared_ptr<core::Session>& session) {
    const auto newest = core.env.standing.serial();
    auto& account = session->account();
    if (newest == 0 || account.told >= newest || account.leaving) return;
    const auto known = told_of(core, account.id());
    account.told = newest;
    if (known >= newest) return;
    const auto news = core.env.standing.news_since(known);
    if (!news) return record(core, account.jid, newest);
    auto receipt =
        std::make_shared<core::Receipt>([&core, jid = account.jid, newest] { record(core, jid, newest); },
                                        [weak = std::weak_ptr(session->account_ptr()), known, newest] {
                                            if (const auto was = weak.lock(); was && was->told == newest)
                                                was->told = known;
                                        });
    session->send(
        core::Outgoing{.bytes = core::make_wire(xml::serialize(message(core, *news, session->jid()).root())),
                       .receipt = std::move(receipt)});
}

}  // namespace

void tell_everybody(core::Core& core) {
    const auto online = core.online;
    for (const auto& [_, account] : online) {
        const auto sessions = account->sessions;
        for (const auto& [resource, session] : sessions)
            if (session->presence && !session->ended) tell(core, session);
    }
}

core::Feature data_policy() {
    return {.name = "data_policy", .session_available = tell};
}

}  // namespace lethe::feature
