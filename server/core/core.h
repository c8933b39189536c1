// SPDX-License-Identifier: AGPL-3.0-or-later
// Everything the core thread owns: the online accounts, the writing ends of all logs, and what features register.
//
// Thread: constructed and used on the thread that runs `io`. Pool jobs get copies or shared const data and come back through on_pool().
#pragma once
#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/thread_pool.hpp>
#include <functional>
#include <memory>
#include <unordered_map>

#include "retention/buckets.h"
#include "retention/log.h"
#include "retention/policy_change.h"
#include "server/admin/config.h"
#include "server/admin/invitations.h"
#include "server/admin/operations.h"
#include "server/core/account.h"
#include "server/core/client_features.h"
#include "server/core/feature.h"
#include "server/core/hibernation.h"
#include "server/core/intake.h"
#include "server/core/logs.h"
#include "server/core/session.h"
#include "server/core/turns.h"
#include "server/core/uploads.h"

namespace lethe::core {

/// What main() built. All of it outlives the Core.
struct Environment {
    asio::io_context& io;
    asio::thread_pool& pool;
    store::Store& store;
    const crypto::NodeKeys& keys;
    retention::Buckets& buckets;
    retention::Log& log;
    const retention::Policy& policy;            ///< in force now; changes in place
    const admin::Config& config;
    admin::Operations& operations;
    admin::Invitations& invitations;
    const retention::Clock& clock;
    const retention::PolicyStanding& standing;  ///< `policy` is what it says is in force
};

class Core {
public:
    Core(Environment environment, FeatureTable features);

    Environment env;
    const FeatureTable features;
    const xmpp::BareJid domain;
    Logs logs;
    Intake intake;
    Uploads uploads;
    Departed departed;  ///< sessions that could have been resumed
    ClientFeatures client_features;
    const std::shared_ptr<Turns> invitation_uses;   ///< one after the other, so that each sees what the one before left
    const std::shared_ptr<Turns> password_changes;  ///< one at a time, so that logins find the pool free
    std::optional<store::ErrorKind> write_trouble;  ///< why the disk refused the last change; none if it took it
    std::unordered_map<xmpp::BareJid, std::shared_ptr<Account>> online;  ///< accounts with a session, or opening

    bool is_local(const xmpp::Jid& jid) const { return jid.domain() == domain.domain(); }
    /// The account if its vault is open, else null.
    std::shared_ptr<Account> open_vault(const xmpp::BareJid& jid) const;

    /// One stanza of a session, its 'from' stamped, validated as RFC 6120 asks; the beginning of its way (core/router.h).
    void handle(const std::shared_ptr<Session>& session, xml::Document stanza);

    /// Queues a change; `done` (may be empty) runs on the core thread after its commit or failure. While a stanza is being handled, its
    /// session's XEP-0198 answer is held back until then.
    void write(Change change, std::function<void(store::Result)> done);
    /// For `done`: answers the sender of the stanza being handled with resource-constraint if the change failed.
    std::function<void(store::Result)> failure_reply(const xml::Element& stanza) const;
    /// Resumes the caller when everything queued so far is durable.
    asio::awaitable<void> barrier();

    /// Makes the session known. Precondition: its account is open.
    void begin_session(const std::shared_ptr<Session>& session);
    /// Unavailable presence, return of what never arrived, and the vault closes with the last one. Idempotent.
    void end_session(const std::shared_ptr<Session>& session);
    /// After a write failed: what is left in the outbox goes where the rest of the session's unconfirmed stanzas went.
    void reclaim(const std::shared_ptr<Session>& session, Outbox& outbox);
    /// The account was to be erased or reset (Account::leaving) and the disk refused: what waited meanwhile is done now.
    void stay(const std::shared_ptr<Account>& account);
    /// Closes the vault if no session uses it (a bind that was given up).
    void close_if_unused(const std::shared_ptr<Account>& account);
    /// Ends every session of an account with a stream error, except one.
    void end_sessions(const xmpp::BareJid& jid, xmpp::StreamCondition condition, std::string text, const Session* except = nullptr);
    std::size_t session_count() const;
    std::size_t hibernating_count() const;

private:
    std::shared_ptr<Session> handling_;  ///< whose stanza is being handled, during handle() only
    void postpone(const std::shared_ptr<Session>& session, const xml::Element& stanza);
    void note_disk(const store::Result& result);
    void veil(const std::shared_ptr<Session>& session, const xml::Element& stanza);
    void put_back(const std::shared_ptr<Account>& was, std::deque<Outgoing> items);
    void return_undelivered(Account& account, std::deque<Outgoing> items);
    void return_to_letterbox(Account& account, const Outgoing& item);
    void refuse_unanswered(const Outgoing& item);
};

}  // namespace lethe::core
