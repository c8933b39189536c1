// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0191 Blocking Command, version 1.3. The list is sealed like the roster.
//
// While the vault is closed nobody can look at the list: messages of a blocked sender wait in the letterbox and are dropped, from the
// archive too, when it is opened. So that no answer tells a blocked sender whether the account is online, an open vault gives none
// either: messages vanish without the error that the XEP recommends, requests get the answer every stranger gets.
//
// XEP-0377 Spam Reporting, version 0.4: a report that comes with a block is one event of the log, in which the policy decides what is said of the
// address. The operator gets nothing else of it: not who reports, no text, no messages. Nothing is passed on to anybody.
#include "server/core/core.h"
#include "server/core/presence.h"
#include "server/feature/all.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {
namespace ns = xmpp::ns;
using xmpp::Condition;
using Jids = std::vector<xmpp::Jid>;

void get(core::Request& request) {
    request.session->blocklist_interested = true;
    request.responder.result([&](xml::Element iq) {
        auto list = iq.add("blocklist", ns::blocking);
        for (const auto& jid : request.session->account().blocklist.jids()) list.add("item").set_attr("jid", jid.to_string());
    });
}

constexpr std::string_view spam = "urn:xmpp:reporting:spam", abuse = "urn:xmpp:reporting:abuse";

void note_reports(const core::Core& core, const xml::Element& payload) {
    for (const auto item : payload.children()) {
        const auto report = item.child("report", ns::reporting);
        const auto jid = xmpp::Jid::parse(item.attr("jid"));
        if (!report || !jid) continue;
        const auto reason = report.attr("reason");
        core.env.log.write(retention::Event::abuse_reported, {retention::Peer{*jid}, reason == spam    ? retention::Word("spam")
                                                                                     : reason == abuse ? retention::Word("abuse")
                                                                                                       : retention::Word("other")});
    }
}

std::optional<Jids> items(const xml::Element& payload) {
    Jids jids;
    for (const auto child : payload.children()) {
        const auto jid = xmpp::Jid::parse(child.attr("jid"));
        if (!child.is("item", ns::blocking) || !jid) return std::nullopt;
        jids.push_back(*jid);
    }
    return jids;
}

void push(core::Account& account, std::string_view what, const Jids& jids) {
    for (const auto& [_, session] : account.sessions) {
        if (!session->blocklist_interested) continue;
        xml::Document doc("iq", ns::client);
        auto root = doc.root();
        root.set_attr("type", "set");
        root.set_attr("id", what == "block" ? "block-push" : "unblock-push");
        root.set_attr("from", account.jid.to_string());
        root.set_attr("to", session->jid().to_string());
        auto list = root.add(what, ns::blocking);
        for (const auto& jid : jids) list.add("item").set_attr("jid", jid.to_string());
        session->send(root);
    }
}

/// Subscribers who are shown our presence.
std::set<xmpp::BareJid> audience(const core::Account& account) {
    std::set<xmpp::BareJid> out;
    for (const auto& [jid, item] : account.roster.items())
        if (item.subscription.from && !account.blocks(xmpp::Jid(jid))) out.insert(jid);
    return out;
}

/// Commits the change, then answers and tells the user's other sessions.
void commit(core::Request& request, core::Change change, std::string_view what, Jids named) {
    auto account = request.session->account_ptr();
    request.core.write(std::move(change),
                       [&core = request.core, account, what, named = std::move(named), responder = request.responder](store::Result r) {
                           if (!r) {
                               core::reread(core, account);
                               return responder.error({Condition::resource_constraint, "The server cannot store this now."});
                           }
                           responder.result();
                           push(*account, what, named);
                       });
}

void block(core::Request& request) {
    auto& account = request.session->account();
    const auto named = items(request.payload);
    if (!named) return request.responder.error({Condition::jid_malformed});
    if (named->empty()) return request.responder.error({Condition::bad_request, "Nobody to block was named."});
    if (account.blocklist.jids().size() + named->size() > request.core.env.config.limits.blocklist_items)
        return request.responder.error({Condition::resource_constraint, "The blocklist is full."});
    auto after = account.blocklist;
    core::Change change;
    for (const auto& jid : *named) after.add(change.batch, *account.vault, jid);
    for (const auto& contact : audience(account))
        if (after.blocks(xmpp::Jid(contact))) core::send_presence_to(request.core, account, contact, false);
    core::withdraw_directed(request.core, account, after);
    account.blocklist = std::move(after);
    note_reports(request.core, request.payload);
    commit(request, std::move(change), "block", *named);
}

void unblock(core::Request& request) {
    auto& account = request.session->account();
    auto named = items(request.payload);
    if (!named) return request.responder.error({Condition::jid_malformed});
    const auto shown_before = audience(account);
    const auto& jids = account.blocklist.jids();
    const Jids removed = named->empty() ? Jids(jids.begin(), jids.end()) : *named;
    core::Change change;
    for (const auto& jid : removed) account.blocklist.remove(change.batch, *account.vault, jid);
    for (const auto& contact : audience(account))
        if (!shown_before.contains(contact)) core::send_presence_to(request.core, account, contact, true);
    commit(request, std::move(change), "unblock", *named);
}

}  // namespace

core::Feature blocking() {
    return {.name = "blocking",
            .server_features = {ns::blocking, ns::reporting, spam, abuse},
            .iq = {{"get", ns::blocking, "blocklist", core::at_own_account, get},
                   {"set", ns::blocking, "block", core::at_own_account, block},
                   {"set", ns::blocking, "unblock", core::at_own_account, unblock}}};
}

}  // namespace lethe::feature
