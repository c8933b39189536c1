// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0077 In-Band Registration, version 2.4, before the login: how a stranger makes an account, if the policy lets strangers
// (accounts.registration). Changing a password and leaving are for those who have logged in: feature/registration.cpp.
//
// Path: <iq type='get'/> is answered with the form → <iq type='set'/> with a name and a password is held against the limits
// (registration_limits.h) and the names that are taken → the pool derives what the account record keeps of the password, one account at a time → the
// account is made like any other (admin/operations.h) → the answer leaves when it is on stable storage → the client logs in on the same stream.
// Only inside TLS. The password passes through memory only. That a name is taken is told to whoever may make an account: XEP-0077 has no other way.
#include "server/core/async.h"
#include "server/stream/client_stream.h"
#include "server/xmpp/ns.h"

namespace lethe::stream {
namespace {
namespace ns = xmpp::ns;
using xmpp::Condition;
using xmpp::StanzaError;

/// For somebody who fills in a form while the connection waits.
constexpr std::chrono::seconds form_time{300};

std::int64_t steady_now() {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Wish {
    xmpp::BareJid account;
    std::shared_ptr<admin::Password> password;
};

std::expected<Wish, StanzaError> wish_in(const xml::Element& query, const std::string& domain) {
    const auto not_acceptable = [](std::string text) { return std::unexpected(StanzaError{Condition::not_acceptable, std::move(text)}); };
    const auto name = query.child("username", ns::reg).text();
    auto text = query.child("password", ns::reg).text();
    const bool fits = text.size() <= admin::Password::longest;
    auto password = std::make_shared<admin::Password>(fits ? std::string_view(text) : std::string_view());
    const bool given = !name.empty() && !text.empty();
    crypto::detail::wipe(text.data(), text.size());
    if (!given) return not_acceptable("A name and a password are needed.");
    if (!fits) return not_acceptable("The password is too long.");
    auto account = admin::parse_account(name + "@" + domain, domain);
    if (!account) return not_acceptable("This cannot be the name of an account; choose another one.");
    if (const auto fine = admin::check_password(*password); !fine) return not_acceptable("This cannot be a password: " + fine.error().text + ".");
    return Wish{std::move(*account), std::move(password)};
}

StanzaError taken() { return {Condition::conflict, "This name is taken; choose another one."}; }
StanzaError too_many() {
    return {Condition::resource_constraint, "Too many accounts were wanted from your network, or from everywhere, lately. Try again in an hour.", {}, {}, {}, "wait"};
}

using Prepared = std::expected<admin::PreparedCredentials, admin::Failure>;

asio::awaitable<std::shared_ptr<Prepared>> prepare(core::Core& core, std::shared_ptr<admin::Password> password) {
    // Shared, because a pool job has to be copyable and credentials are not.
    std::function<std::shared_ptr<Prepared>()> job = [password, sha_1 = core.env.config.sasl.scram_sha_1] {
        return std::make_shared<Prepared>(admin::prepare_credentials(*password, sha_1));
    };
    std::optional<core::Turn> turn;
    const auto turns = core.password_changes;
    auto entering = turns->enter();
    co_await std::move(entering);
    turn.emplace(turns);
    auto preparing = core::on_pool<std::shared_ptr<Prepared>>(core.env.io, core.env.pool, std::move(job));
    auto prepared = co_await std::move(preparing);
    co_return prepared;
}

}  // namespace

std::string ClientStream::registration_features() const {
    if (service_.core.env.policy.registration == "closed") return "";
    return "<register xmlns='http://jabber.org/features/iq-register'/>";
}

/// A login under way goes on, or ends, without it.
bool ClientStream::is_registration(const xml::Element& element) const {
    if (!element.is("iq", ns::client) || inline_ || login_->under_way()) return false;
    const auto type = element.attr("type");
    const auto payload = element.first_child();
    return (type == "get" || type == "set") && payload && payload.is("query", ns::reg);
}

asio::awaitable<void> ClientStream::on_registration(xml::Document request) {
    const auto iq = request.root();
    const auto query = iq.first_child();
    const auto refuse = [&](const StanzaError& error) { push(xml::serialize(xmpp::error_reply(iq, error).root())); };
    const auto& policy = service_.core.env.policy;
    std::optional<StanzaError> error;
    if (iq.has_attr("to") && iq.attr("to") != service_.core.domain.to_string()) error = {Condition::bad_request, "Accounts are made at the server."};
    else if (policy.registration == "closed") error = {Condition::service_unavailable, "This server's operator makes the accounts."};
    else if (query.child("remove", ns::reg)) error = {Condition::registration_required, "Log in first."};
    else if (registered_) error = {Condition::not_acceptable, "An account was made on this connection already; log in."};
    if (error) {
        refuse(*error);
        co_return;
    }
    if (iq.attr("type") == "get") {
        if (!std::exchange(registering_, true)) deadline_.expires_after(std::max(form_time, std::chrono::seconds(limits_.handshake_seconds)));
        auto reply = xmpp::result_reply(iq);
        auto form = reply.root().add("query", ns::reg);
        form.add("instructions").add_text("Choose a name and a password. Nobody can give you back what a forgotten password opened.");
        form.add("username");
        form.add("password");
        push(xml::serialize(reply.root()));
        co_return;
    }
    auto making = make_account(std::move(request));
    co_await std::move(making);
}

asio::awaitable<void> ClientStream::make_account(xml::Document request) {
    auto& core = service_.core;
    const auto iq = request.root();
    const auto refuse = [&](const StanzaError& error) {
        if (state_ != State::closing) push(xml::serialize(xmpp::error_reply(iq, error).root()));
    };
    auto wish = wish_in(iq.first_child(), core.domain.domain());
    if (!wish) {
        refuse(wish.error());
        co_return;
    }
    const auto from = network();
    auto& limits = *service_.registrations;
    if (!limits.allows(from, steady_now())) {
        refuse(too_many());
        co_return;
    }
    limits.count(from, steady_now());
    const auto account = wish->account;
    const auto exists = [&core, &account] { return bool(core.logs.find(account)) || core.env.operations.busy(core.env.keys.account_id(account)); };
    if (exists() || core.password_changes->full()) {
        refuse(exists() ? taken() : StanzaError{Condition::resource_constraint, "Too many accounts are being made. Try again in a minute."});
        co_return;
    }
    auto preparing = prepare(core, std::move(wish->password));
    const auto prepared = co_await std::move(preparing);
    if (state_ == State::closing) co_return;
    if (!*prepared) {
        refuse({Condition::not_acceptable, prepared->error().text});
        co_return;
    }
    const auto outcome = std::make_shared<admin::Outcome>();
    std::function<void(std::function<void()>)> add = [&core, account, prepared, outcome](std::function<void()> go_on) {
        core.env.operations.add(account, std::move(**prepared), [outcome, go_on](admin::Outcome how) {
            *outcome = std::move(how);
            go_on();
        });
    };
    auto adding = core::wait_for(core.env.io, std::move(add));
    co_await std::move(adding);
    if (!admin::happened(*outcome)) {
        if (outcome->error().status == admin::Status::refused && exists()) refuse(taken());
        else if (outcome->error().status == admin::Status::refused) refuse({Condition::not_allowed, "This server takes no more accounts."});
        else refuse({Condition::internal_server_error, "The account could not be stored. Try again later.", {}, {}, {}, "wait"});
        co_return;
    }
    core.logs.forget(account);
    core.env.log.write(retention::Event::account_created, {retention::Account{account}});
    registered_ = true;
    if (state_ != State::closing) push(xml::serialize(xmpp::result_reply(iq).root()));
}

}  // namespace lethe::stream
