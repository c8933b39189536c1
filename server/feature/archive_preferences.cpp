// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0441 Message Archive Management Preferences, version 0.2.0: whose messages the archive takes. How long it keeps them is another matter
// (feature/commands.cpp). The preferences are a sealed row of the vault; server/core/archiving.h says what happens while it is closed.
#include "server/core/archiving.h"

#include "server/core/core.h"
#include "server/feature/all.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {
namespace ns = xmpp::ns;
using core::Archiving;
using xmpp::Condition;

constexpr std::pair<std::string_view, Archiving::Default> defaults[] = {
    {"always", Archiving::Default::always}, {"never", Archiving::Default::never}, {"roster", Archiving::Default::roster}};

void add(xml::Element iq, const Archiving& archiving) {
    auto prefs = iq.add("prefs", ns::mam);
    for (const auto& [name, value] : defaults)
        if (value == archiving.by_default) prefs.set_attr("default", name);
    for (const auto& [name, jids] : {std::pair("always", &archiving.always), std::pair("never", &archiving.never)}) {
        auto list = prefs.add(name);
        for (const auto& jid : *jids) list.add("jid").add_text(jid.to_string());
    }
}

void get(core::Request& request) {
    request.responder.result([&](xml::Element iq) { add(iq, request.session->account().archiving); });
}

std::expected<std::vector<xmpp::Jid>, xmpp::StanzaError> read_list(const xml::Element& list) {
    std::vector<xmpp::Jid> out;
    if (!list) return out;
    for (const auto child : list.children()) {
        auto jid = child.is("jid", ns::mam) ? xmpp::Jid::parse(child.text()) : std::nullopt;
        if (!jid) return std::unexpected(xmpp::StanzaError{Condition::jid_malformed});
        if (std::ranges::find(out, *jid) == out.end()) out.push_back(std::move(*jid));
        if (out.size() > Archiving::most) return std::unexpected(xmpp::StanzaError{Condition::policy_violation, "Too many addresses."});
    }
    return out;
}

std::expected<Archiving, xmpp::StanzaError> read(const xml::Element& prefs) {
    Archiving out;
    const auto known = std::ranges::find(defaults, prefs.attr("default"), [](const auto& entry) { return entry.first; });
    if (known == std::end(defaults)) return std::unexpected(xmpp::StanzaError{Condition::bad_request, "The default is always, never or roster."});
    out.by_default = known->second;
    auto always = read_list(prefs.child("always", ns::mam)), never = read_list(prefs.child("never", ns::mam));
    if (!always) return std::unexpected(always.error());
    if (!never) return std::unexpected(never.error());
    if (always->size() + never->size() > Archiving::most) return std::unexpected(xmpp::StanzaError{Condition::policy_violation, "Too many addresses."});
    out.always = std::move(*always);
    out.never = std::move(*never);
    return out;
}

void set(core::Request& request) {
    auto wanted = read(request.payload);
    if (!wanted) return request.responder.error(wanted.error());
    const auto account = request.session->account_ptr();
    const auto key = account->vault->settings_key(core::archiving_row);
    core::Change change;
    change.batch.put(store::Table::settings, account->id(), key, account->vault->seal(store::Table::settings, key, wanted->encode()));
    request.core.write(std::move(change), [account, wanted = std::move(*wanted), responder = request.responder](store::Result result) {
        if (!result) return responder.error({Condition::resource_constraint, "The server cannot store this now."});
        account->archiving = wanted;
        responder.result([&](xml::Element iq) { add(iq, wanted); });
    });
}

}  // namespace

core::Feature archive_preferences() {
    return {.name = "archive_preferences",
            .iq = {{"get", ns::mam, "prefs", core::at_own_account, get}, {"set", ns::mam, "prefs", core::at_own_account, set}}};
}

}  // namespace lethe::feature
