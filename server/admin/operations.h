// SPDX-License-Identifier: AGPL-3.0-or-later
// What can be done to an account as a whole: the only code that makes, re-keys and erases account records.
//
// Creating or changing a password has a slow half (PBKDF2), which depends on nothing and belongs on the pool,
// and a fast half on the core thread. Operations on one account run one after the other, in the order they
// were asked for: each seals a record under the key it read, so two at a time would leave a record under a
// dead key. Thread: the one on which the store's completions run. Callbacks run on it too, sometimes before
// the call returns.
#pragma once
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/account.h"
#include "server/admin/password.h"
#include "server/xmpp/jid.h"
#include "server/xmpp/scram.h"
#include "store/store.h"

namespace lethe::admin {

/// Why something was not done; the values are lethectl's exit codes.
enum class Status : int { refused = 1, usage = 2, system = 3 };
struct Failure {
    Status status = Status::system;
    std::string text;  ///< one sentence, and what to do
    bool done = false;  ///< it happened all the same, and what is left of it happens by itself
    friend bool operator==(const Failure&, const Failure&) = default;
};
using Outcome = std::expected<void, Failure>;
inline bool happened(const Outcome& outcome) { return outcome || outcome.error().done; }
using Done = std::move_only_function<void(Outcome)>;

/// An account's address: a bare JID with a localpart, at our own domain.
std::expected<xmpp::BareJid, Failure> parse_account(std::string_view text, std::string_view domain);

/// What a password yields for each mechanism, with fresh salts. Holds ClientKeys: destroy it as soon as it is
/// used.
struct PreparedCredentials {
    std::vector<xmpp::scram::Derived> mechanisms;
};
inline constexpr std::uint32_t sha_256_iterations = 100'000;
inline constexpr std::uint32_t sha_1_iterations =
    250'000;  ///< the weakest wrap decides, so the cheaper hash gets more rounds
/// Refuses what SASLprep prohibits, and what it leaves empty or shorter than password_rule.h has it. Slow: some tenths of a second. Any thread.
std::expected<PreparedCredentials, Failure> prepare_credentials(const Password& password, bool scram_sha_1);
/// The same check without the slow part.
Outcome check_password(const Password& password);

class Operations {
public:
    struct Options {
        store::Store& store;
        const crypto::NodeKeys& keys;
        std::optional<std::uint64_t> max_accounts = {};  ///< the policy's
        std::uint32_t policy_serial = 0;  ///< what accounts made now need not be told (PolicyStanding::serial_for_new_accounts)
    };
    explicit Operations(Options options);
    /// What still waits its turn is answered with a Failure; what the store has already got goes on and is
    /// answered.
    ~Operations();
    Operations(const Operations&) = delete;

    /// The policy changed, or was announced (see Options).
    void follow_policy(std::optional<std::uint64_t> max_accounts, std::uint32_t policy_serial);

    // Precondition of all: the JID passed parse_account().
    /// What is stored together with a new account, or not at all (Store::create_account); the vault is the new one.
    using With = std::move_only_function<void(store::Batch&, const crypto::Vault&)>;
    void add(const xmpp::BareJid& account, PreparedCredentials credentials, Done done, With with = {});
    /// Keeps the vault: the same secret under new wraps, a new account key. Refused if the account was reset
    /// since `secret` was opened.
    void change_password(const xmpp::BareJid& account, const crypto::VaultSecret& secret,
                         PreparedCredentials credentials, Done done);
    /// A new, empty vault; what the old one held cannot be opened by anybody any more. A suspended account
    /// stays suspended.
    void reset(const xmpp::BareJid& account, PreparedCredentials credentials, Done done);
    /// Refused if it is as asked already.
    void set_suspended(const xmpp::BareJid& account, bool suspended, Done done);
    /// Records how long the owner wants the archive kept (crypto::AccountRecord::archive_choice). `served_since` answers, for the choice
    /// that stood before, up to when it had ruled entries out by now; no later choice brings those back. Survives every change of password and reset.
    void choose_archive(const xmpp::BareJid& account, std::optional<std::int64_t> choice,
                        std::function<std::int64_t(std::optional<std::int64_t>)> served_since, Done done);
    /// The owner was told of the announced policy with this serial number. It never goes back.
    void set_told(const xmpp::BareJid& account, std::uint32_t serial, Done done);
    /// In the place of other tokens of the same client, of those past their end at `now`, and where there are too many of the oldest.
    /// Refused unless the login that it is for would succeed again: its mechanism still has this StoredKey.
    void add_token(const xmpp::BareJid& account, crypto::LoginToken token, crypto::Mechanism mechanism, Bytes stored_key, std::int64_t now,
                   Done done);
    /// The token with this check logs in no more. Nothing happens if there is none.
    void end_token(const xmpp::BareJid& account, const std::array<std::uint8_t, 32>& check, Done done);
    void erase(const xmpp::BareJid& account, Done done);
    std::uint64_t count() const;
    const crypto::NodeKeys& keys() const;

    /// An operation on this account is under way that may change who can log in: what account() of the store says may be gone in
    /// a moment. A login should be asked to come back.
    bool busy(const crypto::AccountId& id) const;

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace lethe::admin
