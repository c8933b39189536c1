// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0077 In-Band Registration, version 2.4, before the login: how a stranger makes an account, if the policy lets strangers
// (accounts.registration), and XEP-0445 Pre-Authenticated In-Band Registration, version 0.2.0: with an invitation's token. Changing a password and leaving are for those who have logged in: feature/registration.cpp.
//
// Path: a token, where one is needed, is looked at and kept with the stream → <iq type='get'/> is answered with the form → <iq type='set'/> with a name and a password is held against the limits
// (registration_limits.h) and the names that are taken → the pool derives what the account record keeps of the password, one account at a time → the
// account is made like any other (admin/operations.h), and in the same transaction the invitation has one use less, and whoever
// invited is on the new contact list (core/introduction.h) → the answer leaves when it is on stable storage → the client logs in on the same stream.
// Only inside TLS. The password passes through memory only. That a name is taken is told to whoever may make an account: XEP-0077 has no other way.
#include "server/core/async.h"
#include "server/core/introduction.h"
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

StanzaError used_up() { return {Condition::item_not_found, "The invitation was used up meanwhile."}; }
StanzaError taken() { return {Condition::conflict, "This name is taken; choose another one."}; }
StanzaError too_many() {
    return {Condition::resource_constraint, "Too many accounts were wanted from your network, or from everywhere, lately. Try again in an hour.", xmpp::ErrorType::wait};
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
    if (iq.has_attr("to") && iq.attr("to") != service_.core.domain.to_string()) error = {Condition::bad_request, "Accounts are made at the server."};
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
    const auto account = wish->account;
    const auto exists = [&core, &account] { return bool(core.logs.find(account)) || core.env.operations.busy(core.env.keys.account_id(account)); };
    if (const auto error = may_ask(exists())) {
        refuse(*error);
        co_return;
    }
    if (core.password_changes->full()) {
        refuse({Condition::resource_constraint, "Too many accounts are being made. Try again in a minute."});
        co_return;
    }
    auto preparing = prepare(core, std::move(wish->password));
    const auto prepared = co_await std::move(preparing);
    if (state_ == State::closing) co_return;
    if (!*prepared) {
        refuse({Condition::not_acceptable, prepared->error().text});
        co_return;
    }
    std::optional<core::Turn> turn;
    const auto found = std::make_shared<std::optional<admin::Invitations::Found>>();
    if (!invitation_.empty()) {
        auto entering = core.invitation_uses->enter();
        co_await std::move(entering);
        turn.emplace(core.invitation_uses);
        *found = core.env.invitations.find(invitation_, admin::Invitations::When::begun);
        if (!*found) {
            invitation_.clear();
            refuse(used_up());
            co_return;
        }
    }
    const auto outcome = std::make_shared<admin::Outcome>();
    std::function<void(std::function<void()>)> add = [&core, account, prepared, outcome, found](std::function<void()> go_on) {
        admin::Operations::With with;
        if (*found)
            with = [&core, found](store::Batch& batch, const crypto::Vault& vault) {
                core.env.invitations.use(batch, **found);
                if ((*found)->inviter) core::stage_inviter(batch, vault, *(*found)->inviter);
            };
        core.env.operations.add(
            account, std::move(**prepared),
            [outcome, go_on](admin::Outcome how) {
                *outcome = std::move(how);
                go_on();
            },
            std::move(with));
    };
    auto adding = core::wait_for(core.env.io, std::move(add));
    co_await std::move(adding);
    if (!admin::happened(*outcome)) {
        if (outcome->error().status == admin::Status::system)
            refuse({Condition::internal_server_error, "The account could not be stored. Try again later.", xmpp::ErrorType::wait});
        else if (exists()) refuse(taken());
        else refuse({Condition::not_allowed, "This server takes no more accounts."});
        co_return;
    }
    core.logs.forget(account);
    core.env.log.write(retention::Event::account_created, {retention::Account{account}});
    if (*found && (*found)->inviter) {
        core::introduce(core, *(*found)->inviter, account);
        co_await core.barrier();
    }
    registered_ = true;
    invitation_.clear();
    if (state_ != State::closing) push(xml::serialize(xmpp::result_reply(iq).root()));
}

/// Whether this stream may ask for one more name, and counts that it did; the answer if it may not, or if the name is taken.
std::optional<StanzaError> ClientStream::may_ask(bool name_taken) {
    if (!invitation_.empty() && !name_taken) return std::nullopt;
    const auto from = network();
    auto& limits = *service_.registrations;
    if (!limits.allows(from, steady_now())) return too_many();
    limits.count(from, steady_now());
    return name_taken ? std::optional(taken()) : std::nullopt;
}

}  // namespace lethe::stream
