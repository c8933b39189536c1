// SPDX-License-Identifier: AGPL-3.0-or-later
// A real store in a directory of its own, and the test's thread as the core thread.
#pragma once
#include <condition_variable>
#include <deque>
#include <mutex>

#include "crypto/account.h"
#include "crypto/vault.h"
#include "server/admin/operations.h"
#include "store/store.h"
#include "tests/unit/admin/fixtures.h"

namespace lethe::test {

using admin::Outcome;
using admin::Password;
using admin::PreparedCredentials;
using xmpp::scram::Hash;

/// As prepare_credentials(), with one round: the cost is not what is tested.
inline PreparedCredentials quick(std::string_view password) {
    PreparedCredentials out;
    for (const auto hash : {Hash::sha_256, Hash::sha_1}) {
        std::array<std::uint8_t, 16> salt{};
        crypto::random_bytes(salt);
        out.mechanisms.push_back(xmpp::scram::derive_credential(hash, password, salt, 1));
    }
    return out;
}

class Rig {
public:
    Rig() {
        need_secrets();
        keys.emplace(crypto::NodeKey::generate());
        REQUIRE(store::Store::create(dir.path() / "data", *keys).has_value());
        auto opened =
            store::Store::open({.data = dir.path() / "data", .keys = &*keys, .deliver = [this](auto jobs) {
                                    const std::lock_guard lock(mutex_);
                                    for (auto& job : jobs) jobs_.push_back(std::move(job));
                                    ready_.notify_one();
                                }});
        REQUIRE(opened.has_value());
        store = std::move(*opened);
        operations = std::make_unique<admin::Operations>(admin::Operations::Options{*store, *keys});
    }

    /// Runs completions until `done`.
    void run_until(const bool& done) {
        while (!done) {
            std::unique_lock lock(mutex_);
            ready_.wait(lock, [&] { return !jobs_.empty(); });
            auto job = std::move(jobs_.front());
            jobs_.pop_front();
            lock.unlock();
            job();
        }
    }
    /// f(Done) starts something; its outcome.
    template <class F>
    Outcome outcome_of(F f) {
        Outcome result;
        bool done = false;
        f([&](Outcome outcome) {
            result = std::move(outcome);
            done = true;
        });
        run_until(done);
        return result;
    }
    Outcome add(const xmpp::BareJid& jid, std::string_view password) {
        return outcome_of([&](admin::Done done) { operations->add(jid, quick(password), std::move(done)); });
    }
    Outcome reset(const xmpp::BareJid& jid, std::string_view password) {
        return outcome_of(
            [&](admin::Done done) { operations->reset(jid, quick(password), std::move(done)); });
    }
    Outcome change_password(const xmpp::BareJid& jid, const crypto::VaultSecret& secret,
                            std::string_view password) {
        return outcome_of([&](admin::Done done) {
            operations->change_password(jid, secret, quick(password), std::move(done));
        });
    }
    Outcome suspend(const xmpp::BareJid& jid, bool suspended) {
        return outcome_of(
            [&](admin::Done done) { operations->set_suspended(jid, suspended, std::move(done)); });
    }
    Outcome erase(const xmpp::BareJid& jid) {
        return outcome_of([&](admin::Done done) { operations->erase(jid, std::move(done)); });
    }

    store::AccountRow row(const xmpp::BareJid& jid) const {
        auto found = store->account(keys->account_id(jid));
        REQUIRE(found.has_value());
        REQUIRE(found->has_value());
        return std::move(**found);
    }
    crypto::AccountRecord record(const xmpp::BareJid& jid) const {
        const auto found = row(jid);
        auto opened = keys->open_record(keys->account_id(jid), found.key, found.record);
        REQUIRE(opened.has_value());
        return std::move(*opened);
    }
    /// What a login does once SCRAM has given it ClientKey.
    std::optional<crypto::VaultSecret> login(const crypto::AccountRecord& record, const xmpp::BareJid& jid,
                                             crypto::Mechanism mechanism, std::string_view password) const {
        const auto* credential = record.find(mechanism);
        REQUIRE(credential != nullptr);
        const auto derived = xmpp::scram::derive_credential(static_cast<Hash>(mechanism), password,
                                                            credential->salt, credential->iterations);
        if (derived.verifier.stored_key != credential->stored_key) return {};
        auto secret = derived.client_key.with_bytes([&](ByteView key) {
            return crypto::unwrap_vault(key, mechanism, keys->account_id(jid), credential->wrap);
        });
        if (!secret) return {};
        return std::move(*secret);
    }
    std::optional<crypto::VaultSecret> login(const xmpp::BareJid& jid, crypto::Mechanism mechanism,
                                             std::string_view password) const {
        return login(record(jid), jid, mechanism, password);
    }

    TempDir dir;
    std::optional<crypto::NodeKeys> keys;

private:
    std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<std::move_only_function<void()>> jobs_;

public:
    std::unique_ptr<store::Store> store;
    std::unique_ptr<admin::Operations> operations;
};

}  // namespace lethe::test
