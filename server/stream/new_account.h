// SPDX-License-Identifier: AGPL-3.0-or-later
// How somebody who has no account makes one, whichever way they come: by XEP-0077 (registration.cpp), or by the form of an invitation's page
// (http/invitation.cpp). Whether the policy lets them, and whether an invitation is needed, is for the callers to decide.
//
// Path: a name and a password are held against the limits (registration_limits.h) and the names that are taken → the pool derives what the account
// record keeps of the password, one account at a time → the account is made like any other (admin/operations.h), and in the same transaction the
// invitation has one use less, and whoever invited is on the new contact list (core/introduction.h) → the caller may say so once it is on stable storage.
// The password passes through memory only. That a name is taken is told to whoever may make an account: a form has no other way.
// Thread: core.
#pragma once
#include <asio/awaitable.hpp>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "server/admin/password.h"
#include "server/core/core.h"
#include "server/stream/registration_limits.h"

namespace lethe::stream {

struct NotMade {
    enum class Why : std::uint8_t {
        incomplete,    ///< no name, or no password
        bad_name,
        short_password,  ///< admin/password_rule.h
        bad_password,
        too_many,      ///< accounts or questions from that network, or from everywhere, lately
        taken,
        busy,          ///< too many are being made
        used_up,       ///< the invitation was good when it was shown, and is not any more
        full,          ///< accounts.max_accounts of the policy
        failed,        ///< the disk
        not_wanted,    ///< who wanted it is gone
    };
    Why why;
    std::string text = {};  ///< for people, in English
};

struct NewAccount {
    xmpp::BareJid account;
    std::shared_ptr<admin::Password> password;
    Network network = behind_proxy;
    std::string invitation = {};  ///< the token of one that admin::Invitations found; empty: none is needed
};

/// From what somebody typed, into a form for accounts at `domain`. Wipes `password`.
std::expected<NewAccount, NotMade> new_account(std::string_view name, std::string& password, const std::string& domain);

/// `wanted`: asked before anything is written; false ends it. `core` and `limits` outlive it.
asio::awaitable<std::expected<void, NotMade>> make_account(core::Core& core, RegistrationLimits& limits, std::shared_ptr<const NewAccount> account, std::function<bool()> wanted);

}  // namespace lethe::stream
