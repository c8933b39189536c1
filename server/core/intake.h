// SPDX-License-Identifier: AGPL-3.0-or-later
// How much one sender, and one foreign domain, may leave for people who are not there. In memory only; a
// restart forgets it.
//
// Two bounds. The *rate*: messages and subscription stanzas that may be stored, sent to people who do not
// share their presence with the sender, counted whether the receiver's vault is open or closed, so that
// reaching it tells nothing. The *share*: of a letterbox's quota one local sender may hold
// limits.letterbox_percent_per_sender, one foreign domain a quarter, all of its senders together; no bound by
// domain applies to our own. Shares are forgotten when the owner has taken something out, and after a day
// without an addition. Who passes the rate is told so (too_many_at_once); who passes a share gets the answer
// that a full quota gives. Thread: core.
#pragma once
#include <cstdint>

#include "crypto/bytes.h"
#include "server/core/tally.h"
#include "server/xmpp/error.h"
#include "server/xmpp/jid.h"

namespace lethe::core {

/// The answer to who is faster than limits.stored_per_minute: that it is the sender's own rate, and passes.
xmpp::StanzaError too_many_at_once();

class Intake {
public:
    struct Limits {
        unsigned per_minute;  ///< of one sender; a minute's worth may come at once; 0: no bound
        unsigned percent;     ///< of a letterbox's quota, of one local sender; 100: no bound
    };
    Intake(Limits limits, std::string own_domain);

    /// Counts one more for the sender's rate; false: it is one too many.
    [[nodiscard]] bool may_send(const xmpp::BareJid& from, std::int64_t now);

    /// A quota that is shared: one account's letterbox, since it was emptied last.
    struct Quota {
        crypto::AccountId owner;
        std::uint64_t period;  ///< LogWriter::period
        std::uint64_t messages, bytes;
    };
    bool has_share(const xmpp::BareJid& from, const Quota& quota, std::int64_t now) const;
    void kept(const xmpp::BareJid& from, const Quota& quota, std::uint64_t bytes, std::int64_t now);

    /// Subscription stanzas that wait: one sender has at most two with an account anyway, a foreign domain a quarter of `quota`.
    bool has_share_of_subscriptions(const xmpp::BareJid& from, const crypto::AccountId& owner, std::uint64_t quota, std::int64_t now) const;
    void kept_subscription(const xmpp::BareJid& from, const crypto::AccountId& owner, std::int64_t now);

private:
    bool foreign(const xmpp::BareJid& from) const { return from.domain() != own_domain_; }
    /// Whose share it is: a sender here, a whole domain elsewhere.
    std::string_view holder(const xmpp::BareJid& from, const std::string& address) const;

    Limits limits_;
    std::string own_domain_;
    Tally senders_, domains_;                  // rates
    Tally messages_, bytes_, subscriptions_;   // shares
};

}  // namespace lethe::core
