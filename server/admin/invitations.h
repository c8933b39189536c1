// SPDX-License-Identifier: AGPL-3.0-or-later
// Invitations: made for the operator and for users, found again by the token in their link, used up, and erased when they are due.
//
// Path: somebody asks for one → a random token, and a row that only that token opens (crypto/invitation.h) → the token leaves with the answer and
// is forgotten → whoever has the link shows the token, and the row says whether it is good, and who invited → the batch that makes an account, or a
// contact, takes one use in the same transaction → the last use, or the deadline, erases the row.
// An invitation is good until `until`; its row goes at the deadline, some minutes later, so that who began in time can end.
// Thread: the one on which the store's completions run. Lifetime: outlives every answer it owes.
#pragma once
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/invitation.h"
#include "retention/clock.h"
#include "retention/policy.h"
#include "server/admin/operations.h"

namespace lethe::admin {

class Invitations {
public:
    struct Options {
        store::Store& store;
        const crypto::NodeKeys& keys;
        const retention::Clock& clock;
        std::string domain;
        std::string url;  ///< of the web server, empty if there is none
    };
    Invitations(Options options, const retention::Policy& policy);
    ~Invitations();

    /// Another policy is in force: what it does not allow is due.
    void follow_policy(const retention::Policy& policy);
    /// Whether there are any.
    bool allowed() const { return allowed_; }
    /// The most days that one can be asked for.
    unsigned most_days() const;

    static constexpr unsigned usual_days = 7, most_uses = 1000;
    struct Wanted {
        unsigned days = usual_days;  ///< at most as long as the policy keeps invitations
        unsigned uses = 1;
        std::optional<xmpp::BareJid> inviter = {};  ///< who gets a contact by it; none: the operator, who gets none
    };
    struct Made {
        std::string token;  ///< nowhere else
        std::string uri;    ///< xmpp:
        std::string link;   ///< https:, or the uri where there is no web server
        retention::Time until = 0;
    };
    void make(const Wanted& wanted, std::move_only_function<void(std::expected<Made, Failure>)> done);

    struct Found {
        crypto::InvitationToken token;
        crypto::InvitationId id;
        store::InvitationRow row;
        crypto::Invitation invitation;
        std::optional<xmpp::BareJid> inviter;
        std::string uri;
    };
    /// Nothing if it is unknown, used up, too late, not allowed any more, or if whoever invited has no account any more. `begun`: it was found in time
    /// before, and only its row's deadline counts.
    enum class When { now, begun };
    std::optional<Found> find(std::string_view token, When when = When::now) const;
    /// Stages one use. The batch fails if another one was committed since find().
    void use(store::Batch& batch, const Found& found) const;

    /// Erases what is due, and what the policy does not allow; answers how many. A failure is tried again by the next call.
    void sweep(std::move_only_function<void(std::size_t)> done);
    /// The earliest deadline, or when a sweep that failed is to be tried again; store::no_deadline if there is none.
    retention::Time next_deadline() const { return next_; }

private:
    bool due(retention::Time deadline) const;
    void look();
    std::string uri_of(const std::optional<xmpp::BareJid>& inviter, const std::string& token) const;
    Options options_;
    bool allowed_ = false;
    retention::Keep keep_;
    retention::Time next_ = store::no_deadline;
    std::shared_ptr<int> alive_ = std::make_shared<int>();  ///< completions that come after our end find it gone
};

}  // namespace lethe::admin
