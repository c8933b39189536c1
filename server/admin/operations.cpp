// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/admin/operations.h"

#include <algorithm>
#include <deque>
#include <unordered_map>
#include <utility>

#include "crypto/profile.h"
#include "crypto/vault.h"

namespace lethe::admin {
namespace {

using crypto::AccountId;
using crypto::AccountKey;
using crypto::AccountRecord;
using crypto::VaultSecret;

Failure refused(std::string text) { return {Status::refused, std::move(text)}; }
Failure system_failure(std::string text) { return {Status::system, std::move(text)}; }

Failure describe(const store::Error& error) {
    switch (error.kind) {
        case store::ErrorKind::exists:
            return refused("the account exists already");
        case store::ErrorKind::not_found:
            return refused("there is no such account");
        case store::ErrorKind::full:
            return system_failure("the disk is full; nothing was changed");
        case store::ErrorKind::damaged:
            return system_failure(
                "the account's record on disk is damaged; erase the account or restore a backup");
        case store::ErrorKind::closed:
            return system_failure("the server is stopping; ask again when it runs");
        case store::ErrorKind::not_overwritten:
            return {Status::system,
                    "it is done, but the disk refused to overwrite the old key (error " +
                        std::to_string(error.code) +
                        "); look at the disk, this is tried again every few seconds and at each start until "
                        "it works",
                    true};
        case store::ErrorKind::io:
            break;
    }
    return system_failure("the disk reported error " + std::to_string(error.code) +
                          "; look at the system's log");
}

/// The record that `credentials` open `secret` with. What does not depend on the two stays as in `before`.
AccountRecord make_record(const AccountId& id, const VaultSecret& secret, PreparedCredentials credentials,
                          const AccountRecord& before) {
    AccountRecord record = before;
    record.credentials.clear();
    record.tokens.clear();  // a new password ends what was issued under the old one
    record.vault_public = crypto::Vault(id, secret).public_key();
    for (auto& [verifier, client_key] : credentials.mechanisms) {
        const auto mechanism = static_cast<crypto::Mechanism>(verifier.hash);  // equal by contract
        record.credentials.push_back({
            .mechanism = mechanism,
            .iterations = verifier.iterations,
            .salt = std::move(verifier.salt),
            .stored_key = std::move(verifier.stored_key),
            .server_key = std::move(verifier.server_key),
            .wrap = client_key.with_bytes(
                [&](ByteView key) { return crypto::wrap_vault(key, mechanism, id, secret); }),
        });
    }
    return record;
}

}  // namespace

struct Operations::Impl : std::enable_shared_from_this<Impl> {
    using Step = std::move_only_function<void(Done)>;
    struct Waiting {
        Step step;
        Done done;
    };

    explicit Impl(Options o) : store(o.store), keys(o.keys), max_accounts(o.max_accounts), policy_serial(o.policy_serial) {}

    store::Store& store;
    const crypto::NodeKeys& keys;
    std::optional<std::uint64_t> max_accounts;
    std::uint32_t policy_serial;
    std::uint64_t adding = 0;  // handed to the store, not yet counted by it
    bool stopped = false;
    std::unordered_map<AccountId, std::deque<Waiting>, AccountId::Hash>
        under_way;  // an empty queue: one runs, none waits

    /// Of these, how many may change who can log in.
    std::unordered_map<AccountId, unsigned, AccountId::Hash> deciding;
    enum class Login { may_change, stays };

    void in_turn(const AccountId& id, Step step, Done done, Login login = Login::may_change) {
        if (login == Login::may_change) {
            ++deciding[id];
            done = [this, id, done = std::move(done)](Outcome outcome) mutable {
                done(std::move(outcome));
                if (--deciding[id] == 0) deciding.erase(id);
            };
        }
        const auto [place, first] = under_way.try_emplace(id);
        if (first)
            run(id, {std::move(step), std::move(done)});
        else
            place->second.push_back({std::move(step), std::move(done)});
    }
    void run(const AccountId& id, Waiting next) {
        next.step([self = shared_from_this(), id, done = std::move(next.done)](Outcome outcome) mutable {
            done(std::move(outcome));
            self->turn_over(id);
        });
    }
    void turn_over(const AccountId& id) {
        const auto place = under_way.find(id);
        if (place->second.empty()) {
            under_way.erase(place);
            return;
        }
        Waiting next = std::move(place->second.front());
        place->second.pop_front();
        if (stopped)
            refuse(id, std::move(next));
        else
            run(id, std::move(next));
    }
    void refuse(const AccountId& id, Waiting next) {
        next.done(std::unexpected(describe({store::ErrorKind::closed})));
        turn_over(id);
    }
    static store::Completion answer(Done done) {
        return [done = std::move(done)](store::Result result) mutable {
            if (result)
                done({});
            else
                done(std::unexpected(describe(result.error())));
        };
    }

    struct Opened {
        AccountKey key;
        AccountRecord record;
    };
    std::expected<Opened, Failure> open(const AccountId& id) const {
        auto row = store.account(id);
        if (!row) return std::unexpected(describe(row.error()));
        if (!*row) return std::unexpected(describe({store::ErrorKind::not_found}));
        auto record = keys.open_record(id, (*row)->key, (*row)->record);
        if (!record) return std::unexpected(describe({store::ErrorKind::damaged}));
        return Opened{std::move((*row)->key), std::move(*record)};
    }

    void add(const AccountId& id, PreparedCredentials credentials, With with, Done done) {
        if (max_accounts && store.account_count() + adding >= *max_accounts)
            return done(
                std::unexpected(refused("the policy's max_accounts of " + std::to_string(*max_accounts) +
                                        " is reached; erase an account, or publish another policy")));
        const auto secret = VaultSecret::generate();
        auto key = AccountKey::generate();
        auto record = make_record(id, secret, std::move(credentials), {});
        record.told = policy_serial;
        auto sealed = keys.seal_record(id, key, record);
        store::Batch batch;
        if (with) with(batch, crypto::Vault(id, secret));
        ++adding;
        store.create_account(
            id, std::move(key), std::move(sealed),
            answer([self = shared_from_this(), done = std::move(done)](Outcome outcome) mutable {
                --self->adding;
                done(std::move(outcome));
            }),
            std::move(batch));
    }
    /// Writes what `change` makes of the record, under the same key.
    void edit(const xmpp::BareJid& account, std::move_only_function<Outcome(AccountRecord&)> change, Done done, Login login) {
        const auto id = keys.account_id(account);
        in_turn(
            id,
            [this, id, change = std::move(change)](Done finished) mutable {
                auto now = open(id);
                if (!now) return finished(std::unexpected(now.error()));
                if (auto changed = change(now->record); !changed) return finished(std::unexpected(changed.error()));
                store.replace_record(id, keys.seal_record(id, now->key, now->record), answer(std::move(finished)));
            },
            std::move(done), login);
    }
    /// Without `old_key` the account is reset: nothing of it stays.
    void rekey(const AccountId& id, const VaultSecret& secret, PreparedCredentials credentials,
               const AccountRecord& before, const AccountKey* old_key, Done done) {
        auto key = AccountKey::generate();
        auto sealed = keys.seal_record(id, key, make_record(id, secret, std::move(credentials), before));
        store::Store::Reseal reseal;
        if (old_key)
            reseal = [from = std::make_shared<const crypto::ProfileKeys>(keys, id, *old_key),
                      to = std::make_shared<const crypto::ProfileKeys>(keys, id, key)](
                         const store::Row& row) -> std::optional<store::Row> {
                auto fresh = crypto::reseal(*from, *to, row.key, row.value);
                if (!fresh) return std::nullopt;
                return store::Row{fresh->key, std::move(fresh->value)};
            };
        store.rekey_account(id, std::move(key), std::move(sealed), std::move(reseal), answer(std::move(done)));
    }
};

Operations::Operations(Options options) : impl_(std::make_shared<Impl>(options)) {}
Operations::~Operations() { impl_->stopped = true; }

void Operations::follow_policy(std::optional<std::uint64_t> max_accounts, std::uint32_t policy_serial) {
    impl_->max_accounts = max_accounts;
    impl_->policy_serial = policy_serial;
}

void Operations::add(const xmpp::BareJid& account, PreparedCredentials credentials, Done done, With with) {
    const auto id = impl_->keys.account_id(account);
    impl_->in_turn(
        id,
        [&impl = *impl_, id, credentials = std::move(credentials), with = std::move(with)](Done finished) mutable {
            impl.add(id, std::move(credentials), std::move(with), std::move(finished));
        },
        std::move(done));
}

void Operations::change_password(const xmpp::BareJid& account, const crypto::VaultSecret& secret,
                                 PreparedCredentials credentials, Done done) {
    const auto id = impl_->keys.account_id(account);
    impl_->in_turn(
        id,
        [&impl = *impl_, id, secret = secret.duplicate(),
         credentials = std::move(credentials)](Done finished) mutable {
            const auto now = impl.open(id);
            if (!now) return finished(std::unexpected(now.error()));
            // A reset that came first made another vault: writing the old one back would undo it.
            if (now->record.vault_public != crypto::Vault(id, secret).public_key())
                return finished(std::unexpected(
                    refused("the account was reset meanwhile; log in with the new password")));
            impl.rekey(id, secret, std::move(credentials), now->record, &now->key, std::move(finished));
        },
        std::move(done));
}

void Operations::reset(const xmpp::BareJid& account, PreparedCredentials credentials, Done done) {
    const auto id = impl_->keys.account_id(account);
    impl_->in_turn(
        id,
        [&impl = *impl_, id, credentials = std::move(credentials)](Done finished) mutable {
            const auto now = impl.open(id);
            if (!now) return finished(std::unexpected(now.error()));
            impl.rekey(id, VaultSecret::generate(), std::move(credentials), now->record, nullptr,
                       std::move(finished));
        },
        std::move(done));
}

void Operations::set_suspended(const xmpp::BareJid& account, bool suspended, Done done) {
    impl_->edit(
        account,
        [suspended](AccountRecord& record) -> Outcome {
            if (record.suspended == suspended)
                return std::unexpected(
                    refused(suspended ? "the account is suspended already" : "the account is not suspended"));
            record.suspended = suspended;
            return {};
        },
        std::move(done), Impl::Login::may_change);
}

void Operations::choose_archive(const xmpp::BareJid& account, std::optional<std::int64_t> choice,
                                std::function<std::int64_t(std::optional<std::int64_t>)> served_since, Done done) {
    impl_->edit(
        account,
        [choice, served_since = std::move(served_since)](AccountRecord& record) -> Outcome {
            record.archive_floor = std::max({std::int64_t{1}, record.archive_floor, served_since(record.archive_choice)});
            record.archive_choice = choice;
            return {};
        },
        std::move(done), Impl::Login::stays);
}

void Operations::set_told(const xmpp::BareJid& account, std::uint32_t serial, Done done) {
    impl_->edit(
        account,
        [serial](AccountRecord& record) -> Outcome {
            record.told = std::max(record.told, serial);
            return {};
        },
        std::move(done), Impl::Login::stays);
}

void Operations::add_token(const xmpp::BareJid& account, crypto::LoginToken token, crypto::Mechanism mechanism, Bytes stored_key,
                           std::int64_t now, Done done) {
    impl_->edit(
        account,
        [token = std::move(token), mechanism, stored_key = std::move(stored_key), now](AccountRecord& record) -> Outcome {
            const auto* credential = record.find(mechanism);
            if (!credential || credential->stored_key != stored_key || record.suspended)
                return std::unexpected(refused("the account was changed meanwhile"));
            auto& tokens = record.tokens;
            std::erase_if(tokens, [&](const auto& one) { return one.client == token.client || one.expiry <= now; });
            if (tokens.size() == crypto::most_login_tokens) tokens.erase(tokens.begin());
            tokens.push_back(token);
            return {};
        },
        std::move(done), Impl::Login::stays);
}

void Operations::end_token(const xmpp::BareJid& account, const std::array<std::uint8_t, 32>& check, Done done) {
    impl_->edit(
        account,
        [check](AccountRecord& record) -> Outcome {
            std::erase_if(record.tokens, [&](const auto& one) { return one.check == check; });
            return {};
        },
        std::move(done), Impl::Login::may_change);
}

void Operations::erase(const xmpp::BareJid& account, Done done) {
    const auto id = impl_->keys.account_id(account);
    impl_->in_turn(
        id,
        [&impl = *impl_, id](Done finished) {
            const auto row = impl.store.account(id);
            if (row && !*row) return finished(std::unexpected(describe({store::ErrorKind::not_found})));
            // A row that cannot be read is erased all the same: that is the way out of a damaged record.
            impl.store.erase_account(id, Impl::answer(std::move(finished)));
        },
        std::move(done));
}

const crypto::NodeKeys& Operations::keys() const { return impl_->keys; }

std::uint64_t Operations::count() const { return impl_->store.account_count(); }
bool Operations::busy(const crypto::AccountId& id) const { return impl_->deciding.contains(id); }

}  // namespace lethe::admin
