// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0077 In-Band Registration, version 2.4, for accounts that exist: change of password and cancellation. How a stranger makes one:
// stream/registration.cpp.
//
// A new password takes a new account key and new wraps of the same vault secret; the old key is overwritten, so that the old password
// and a copy of the old record open nothing. Other sessions end. The password passes through memory only.
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include "server/admin/operations.h"
#include "server/core/core.h"
#include "server/core/credentials.h"
#include "server/feature/all.h"
#include "server/feature/erasure.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {
namespace ns = xmpp::ns;
using xmpp::Condition;

void get(core::Request& request) {
    request.responder.result([&](xml::Element iq) {
        auto query = iq.add("query", ns::reg);
        query.add("registered");
        query.add("username").add_text(request.session->jid().bare().local());
        query.add("password");
    });
}

asio::awaitable<void> change_password(core::Core& core, std::shared_ptr<core::Session> session, std::shared_ptr<admin::Password> password,
                                      core::Responder responder) {
    const auto account = session->account_ptr();
    auto preparing = core::prepare_credentials(core, std::move(password));
    const auto prepared = co_await std::move(preparing);
    account->changing_password = false;
    if (!*prepared) {
        responder.error({Condition::not_acceptable, prepared->error().text});
        co_return;
    }
    if (session->ended) co_return;
    const auto jid = session->jid().bare();
    core.env.operations.change_password(
        jid, session->account().vault->secret(), std::move(**prepared),
        [&core, session, responder, jid](admin::Outcome outcome) {
            if (!happened(outcome))
                return responder.error({Condition::resource_constraint, outcome.error().text});
            core.env.log.write(retention::Event::password_changed, {retention::Account{jid}});
            responder.result();
            core.end_sessions(jid, xmpp::StreamCondition::not_authorized, "The password was changed.", session.get());
        });
}

void set(core::Request& request) {
    const auto query = request.payload;
    if (query.child("remove", ns::reg)) {
        if (query.first_child().next_sibling()) return request.responder.error({Condition::bad_request, "<remove/> stands alone."});
        return erase_own_account(request);
    }
    const auto name = query.child("username", ns::reg).text();
    auto text = query.child("password", ns::reg).text();
    if (name.empty() || text.empty()) {
        crypto::detail::wipe(text.data(), text.size());
        return request.responder.error({Condition::bad_request, "A change of password names the user and the new password."});
    }
    const auto username = xmpp::BareJid::parse(name + "@" + request.core.domain.domain());
    if (!username || *username != request.session->jid().bare()) {
        crypto::detail::wipe(text.data(), text.size());
        return request.responder.error({Condition::not_allowed, "Only the password of your own account can be changed."});
    }
    if (text.size() > admin::Password::longest) {
        crypto::detail::wipe(text.data(), text.size());
        return request.responder.error({Condition::not_acceptable, "The password is too long."});
    }
    auto password = std::make_shared<admin::Password>(text);
    crypto::detail::wipe(text.data(), text.size());
    if (const auto fine = admin::check_password(*password); !fine)
        return request.responder.error({Condition::not_acceptable, fine.error().text});
    auto& account = request.session->account();
    if (account.changing_password || request.core.password_changes->full())
        return request.responder.error({Condition::resource_constraint, "Another change of password is under way."});
    account.changing_password = true;
    asio::co_spawn(request.core.env.io, change_password(request.core, request.session, std::move(password), request.responder),
                   asio::detached);
}

}  // namespace

void erase_own_account(core::Request& request, std::function<void(xml::Element)> fill) {
    const auto account = request.session->account_ptr();
    account->leaving = true;
    request.core.env.operations.erase(
        account->jid, [&core = request.core, account, responder = request.responder, fill = std::move(fill)](admin::Outcome outcome) {
            if (!happened(outcome)) {
                responder.error({Condition::resource_constraint, outcome.error().text});
                return core.stay(account);
            }
            const auto& jid = account->jid;
            core.env.log.write(retention::Event::account_erased, {retention::Account{jid}});
            responder.result(fill);
            core.logs.forget(jid);
            core.uploads.forget(jid);
            core.end_sessions(jid, xmpp::StreamCondition::not_authorized, "The account was erased.");
        });
}

core::Feature registration() {
    return {.name = "registration",
            .server_features = {ns::reg},
            .iq = {{"get", ns::reg, "query", core::at_server | core::at_own_account, get},
                   {"set", ns::reg, "query", core::at_server | core::at_own_account, set}}};
}

}  // namespace lethe::feature
