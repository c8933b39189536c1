// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/stream/new_account.h"

#include <chrono>

#include "server/admin/password_rule.h"
#include "server/core/async.h"
#include "server/core/credentials.h"
#include "server/core/introduction.h"

namespace lethe::stream {
namespace {

using Why = NotMade::Why;

std::int64_t steady_now() {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::unexpected<NotMade> no(Why why, std::string text) { return std::unexpected(NotMade{why, std::move(text)}); }
std::unexpected<NotMade> used_up() { return no(Why::used_up, "The invitation was used up meanwhile."); }
std::unexpected<NotMade> taken() { return no(Why::taken, "This name is taken; choose another one."); }

bool exists(core::Core& core, const xmpp::BareJid& account) {
    return bool(core.logs.find(account)) || core.env.operations.busy(core.env.keys.account_id(account));
}

/// Whether one more name may be asked for, and counts that it was; and whether it can be had.
std::expected<void, NotMade> may_ask(core::Core& core, RegistrationLimits& limits, const NewAccount& wanted) {
    const bool is_taken = exists(core, wanted.account);
    if (!wanted.invitation.empty() && !is_taken) return {};
    if (!limits.allows(wanted.network, steady_now()))
        return no(Why::too_many, "Too many accounts were wanted from your network, or from everywhere, lately. Try again in an hour.");
    limits.count(wanted.network, steady_now());
    if (is_taken) return taken();
    return {};
}

using Found = std::optional<admin::Invitations::Found>;

/// Adds it, with the invitation's use and the inviter in the same batch.
asio::awaitable<std::shared_ptr<admin::Outcome>> add(core::Core& core, xmpp::BareJid account, core::Prepared prepared, std::shared_ptr<Found> found) {
    const auto outcome = std::make_shared<admin::Outcome>();
    std::function<void(std::function<void()>)> start = [&core, account, prepared, outcome, found](std::function<void()> go_on) {
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
    auto adding = core::wait_for(core.env.io, std::move(start));
    co_await std::move(adding);
    co_return outcome;
}

}  // namespace

std::expected<NewAccount, NotMade> new_account(std::string_view name, std::string& password, const std::string& domain) {
    const bool fits = password.size() <= admin::Password::longest, given = !name.empty() && !password.empty();
    auto kept = std::make_shared<admin::Password>(fits ? std::string_view(password) : std::string_view());
    crypto::detail::wipe(password.data(), password.size());
    if (!given) return no(Why::incomplete, "A name and a password are needed.");
    if (!fits) return no(Why::bad_password, "The password is too long.");
    auto account = admin::parse_account(std::string(name) + "@" + domain, domain);
    if (!account) return no(Why::bad_name, "This cannot be the name of an account; choose another one.");
    if (const auto fine = admin::check_password(*kept); !fine)
        return no(admin::is_too_short(*kept) ? Why::short_password : Why::bad_password, "This cannot be a password: " + fine.error().text + ".");
    return NewAccount{.account = std::move(*account), .password = std::move(kept)};
}

asio::awaitable<std::expected<void, NotMade>> make_account(core::Core& core, RegistrationLimits& limits, std::shared_ptr<const NewAccount> account, std::function<bool()> wanted) {
    if (auto may = may_ask(core, limits, *account); !may) co_return may;
    if (core.password_changes->full()) co_return no(Why::busy, "Too many accounts are being made. Try again in a minute.");
    auto preparing = core::prepare_credentials(core, account->password);
    const auto prepared = co_await std::move(preparing);
    if (!wanted()) co_return no(Why::not_wanted, "");
    if (!*prepared) co_return no(Why::bad_password, prepared->error().text);
    std::optional<core::Turn> turn;
    const auto found = std::make_shared<Found>();
    if (!account->invitation.empty()) {
        auto entering = core.invitation_uses->enter();
        co_await std::move(entering);
        turn.emplace(core.invitation_uses);
        *found = core.env.invitations.find(account->invitation, admin::Invitations::When::begun);
        if (!*found) co_return used_up();
    }
    auto adding = add(core, account->account, prepared, found);
    const auto outcome = co_await std::move(adding);
    if (!admin::happened(*outcome)) {
        if (outcome->error().status == admin::Status::system) co_return no(Why::failed, "The account could not be stored. Try again later.");
        if (exists(core, account->account)) co_return taken();
        // By somebody who has an account (XEP-0379): that takes no turn.
        if (*found && !core.env.invitations.find(account->invitation, admin::Invitations::When::begun)) co_return used_up();
        co_return no(Why::full, "This server takes no more accounts.");
    }
    core.logs.forget(account->account);
    core.env.log.write(retention::Event::account_created, {retention::Account{account->account}});
    if (*found && (*found)->inviter) {
        core::introduce(core, *(*found)->inviter, account->account);
        auto stored = core.barrier();
        co_await std::move(stored);
    }
    co_return std::expected<void, NotMade>{};
}

}  // namespace lethe::stream
