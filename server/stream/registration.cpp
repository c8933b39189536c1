// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0077 In-Band Registration, version 2.4, before the login: how a stranger makes an account, if the policy lets strangers
// (accounts.registration), and XEP-0445 Pre-Authenticated In-Band Registration, version 0.2.0: with an invitation's token. Changing a password and leaving are for those who have logged in: feature/registration.cpp.
//
// Path: a token, where one is needed, is looked at and kept with the stream → <iq type='get'/> is answered with the form → <iq type='set'/> with a name and a
// password makes the account (new_account.h) → the answer leaves when it is on stable storage → the client logs in on the same stream. Only inside TLS.
#include "server/admin/password_rule.h"
#include "server/stream/client_stream.h"
#include "server/stream/new_account.h"
#include "server/xmpp/ns.h"

namespace lethe::stream {
namespace {
namespace ns = xmpp::ns;
using xmpp::Condition;
using xmpp::StanzaError;

/// For somebody who fills in a form while the connection waits.
constexpr std::chrono::seconds form_time{300};

StanzaError error_of(const NotMade& refused) {
    const auto condition = [&] {
        switch (refused.why) {
            case NotMade::Why::too_many:
            case NotMade::Why::busy: return Condition::resource_constraint;
            case NotMade::Why::taken: return Condition::conflict;
            case NotMade::Why::used_up: return Condition::item_not_found;
            case NotMade::Why::full: return Condition::not_allowed;
            case NotMade::Why::failed:
            case NotMade::Why::not_wanted: return Condition::internal_server_error;
            case NotMade::Why::incomplete:
            case NotMade::Why::bad_name:
            case NotMade::Why::short_password:
            case NotMade::Why::bad_password: break;
        }
        return Condition::not_acceptable;
    }();
    if (refused.why == NotMade::Why::failed) return {condition, refused.text, xmpp::ErrorType::wait};
    return {condition, refused.text};
}

}  // namespace

std::string ClientStream::registration_features() const {
    if (service_.core.env.policy.registration == "closed") return "";
    return "<register xmlns='urn:xmpp:ibr-token:0'/><register xmlns='http://jabber.org/features/iq-register'/>";
}

/// A login under way goes on, or ends, without it.
bool ClientStream::is_registration(const xml::Element& element) const {
    if (!element.is("iq", ns::client) || inline_ || login_->under_way()) return false;
    const auto type = element.attr("type");
    const auto payload = element.first_child();
    if (!payload) return false;
    return payload.is("query", ns::reg) ? type == "get" || type == "set" : type == "set" && payload.is("preauth", ns::preauth);
}

/// Somebody has to fill it in; once for a stream.
void ClientStream::wait_for_form() {
    if (!std::exchange(registering_, true)) deadline_.expires_after(std::max(form_time, std::chrono::seconds(limits_.handshake_seconds)));
}

asio::awaitable<void> ClientStream::on_registration(xml::Document request) {
    const auto iq = request.root();
    const auto query = iq.first_child();
    const auto refuse = [&](const StanzaError& error) { push(xml::serialize(xmpp::error_reply(iq, error).root())); };
    const auto& policy = service_.core.env.policy;
    std::optional<StanzaError> error;
    const auto to = xmpp::Jid::parse(iq.attr("to"));
    if (iq.has_attr("to") && (!to || *to != service_.core.domain)) error = {Condition::bad_request, "Accounts are made at the server."};
    else if (policy.registration == "closed") error = {Condition::service_unavailable, "This server's operator makes the accounts."};
    else if (query.child("remove", ns::reg)) error = {Condition::registration_required, "Log in first."};
    else if (registered_) error = {Condition::not_acceptable, "An account was made on this connection already; log in."};
    else if (query.is("preauth", ns::preauth)) {
        if (service_.core.env.invitations.find(query.attr("token"))) {
            invitation_ = query.attr("token");
            wait_for_form();
            push(xml::serialize(xmpp::result_reply(iq).root()));
            co_return;
        }
        error = {Condition::item_not_found, "The provided token is invalid or expired"};  // XEP-0445's words
    } else if (invitation_.empty() && policy.registration == "invite") error = {Condition::not_allowed, "Accounts are made here by invitation: open the link that you were given."};
    if (error) {
        refuse(*error);
        co_return;
    }
    if (iq.attr("type") == "get") {
        wait_for_form();
        auto reply = xmpp::result_reply(iq);
        auto form = reply.root().add("query", ns::reg);
        form.add("instructions").add_text("Choose a name, and a password of at least " + std::to_string(admin::shortest_password) +
                                          " characters. Nobody can give you back what a forgotten password opened.");
        form.add("username");
        form.add("password");
        push(xml::serialize(reply.root()));
        co_return;
    }
    auto making = make_account(std::move(request));
    co_await std::move(making);
}

asio::awaitable<void> ClientStream::make_account(xml::Document request) {
    const auto iq = request.root();
    const auto query = iq.first_child();
    auto password = query.child("password", ns::reg).text();
    auto wish = new_account(query.child("username", ns::reg).text(), password, service_.core.domain.domain());
    std::expected<void, NotMade> made;
    if (wish) {
        wish->network = network();
        wish->invitation = invitation_;
        std::function<bool()> wanted = [this] { return state_ != State::closing; };
        auto making = stream::make_account(service_.core, *service_.registrations, std::make_shared<const NewAccount>(std::move(*wish)), std::move(wanted));
        made = co_await std::move(making);
    } else {
        made = std::unexpected(wish.error());
    }
    if (made) registered_ = true;
    if (made || made.error().why == NotMade::Why::used_up) invitation_.clear();
    if (state_ == State::closing) co_return;
    push(xml::serialize(made ? xmpp::result_reply(iq).root() : xmpp::error_reply(iq, error_of(made.error())).root()));
}

}  // namespace lethe::stream
