// SPDX-License-Identifier: AGPL-3.0-or-later
// The answers to control requests from what is stored. lethectl uses it on a directory at rest; the server
// derives from it to let live sessions follow.
//
// Thread: the one on which the store's completions run; hooks and answers run on it.
// Lifetime: outlives every answer it owes. Requests after the store is closed are answered with a Failure.
#pragma once
#include <functional>
#include <string>

#include "retention/buckets.h"
#include "retention/clock.h"
#include "server/admin/control.h"
#include "server/admin/invitations.h"
#include "server/admin/operations.h"

namespace lethe::admin {

enum class Change : std::uint8_t { added, reset, suspended, unsuspended, erased };

class StoreControlHandler : public ControlHandler {
public:
    /// Runs `work` where slow work belongs, then `then` on the handler's thread.
    using Offload =
        std::function<void(std::move_only_function<void()> work, std::move_only_function<void()> then)>;
    struct Options {
        std::string domain;
        bool scram_sha_1 = true;
        Operations& operations;
        store::Store& store;
        const retention::Clock& clock;
        Invitations* invitations = nullptr;     ///< null: none are made
        retention::Buckets* buckets = nullptr;  ///< null: sweep is answered with a Failure
        Offload offload;
    };
    explicit StoreControlHandler(Options options);
    ~StoreControlHandler() override;

    void add(std::string_view account, Password password, Answer answer) override;
    void reset(std::string_view account, Password password, Answer answer) override;
    void suspend(std::string_view account, Answer answer) override;
    void unsuspend(std::string_view account, Answer answer) override;
    void erase(std::string_view account, Answer answer) override;
    void count(Answer answer) override;
    void remove_upload(std::string_view url, Answer answer) override;
    void sweep(Answer answer) override;
    void status(Answer answer) override;
    /// in_force, in_force_hash; if a policy waits announced, announced_hash, announced_at, effective_at; serial.
    void policy(Answer answer) override;
    /// link, uri, until, uses.
    void invite(std::optional<unsigned> days, std::optional<unsigned> uses, Answer answer) override;

protected:
    /// Before reset, suspend or erase is queued. The server ends the account's sessions, so that nothing of
    /// them is queued after it.
    virtual void account_changing(const xmpp::BareJid& account, Change change);
    /// After the change is on stable storage.
    virtual void account_changed(const xmpp::BareJid& account, Change change);
    /// It was announced by account_changing() and refused: sessions that are gone stay gone, nothing else is lost.
    virtual void account_unchanged(const xmpp::BareJid& account, Change change);
    /// A sweep is refused while the clock is not to be believed.
    virtual std::expected<void, Failure> may_sweep() const;
    /// What a sweep destroys besides buckets: log files.
    virtual void sweep_extra();
    /// Buckets that are due, and that nobody can read any more, but whose key could not be destroyed so far
    /// (Alarm::key_not_destroyed).
    virtual std::size_t stuck_buckets() const;
    /// Aggregates only: a status never tells about one account.
    virtual void status_extra(Facts& facts);

private:
    void with_password(std::string_view account, Password password, Answer answer, Change change);
    void change(std::string_view account, Answer answer, Change change);
    Done finish(const xmpp::BareJid& account, Change change, Answer answer);
    std::size_t overdue() const;
    Options options_;
};

}  // namespace lethe::admin
