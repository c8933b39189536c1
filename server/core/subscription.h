// SPDX-License-Identifier: AGPL-3.0-or-later
// Presence subscription states and their transitions (RFC 6121 appendix A), pure.
#pragma once
#include <optional>
#include <string_view>

namespace lethe::core {

enum class SubscriptionType { subscribe, subscribed, unsubscribe, unsubscribed };
std::optional<SubscriptionType> subscription_type(std::string_view presence_type);
std::string_view to_string(SubscriptionType);

/// The nine states of appendix A.1 as four facts, and RFC 6121 section 3.4's pre-approval.
struct Subscription {
    bool to = false;           ///< the user sees the contact's presence
    bool from = false;         ///< the contact sees the user's presence
    bool pending_out = false;  ///< the user asked (ask='subscribe')
    bool pending_in = false;   ///< the contact asked and has no answer yet
    bool approved = false;     ///< a request of the contact will be answered at once
    std::string_view name() const { return to ? (from ? "both" : "to") : (from ? "from" : "none"); }
    friend bool operator==(const Subscription&, const Subscription&) = default;
};

/// What follows from one subscription stanza.
struct Transition {
    Subscription next;
    bool pass = false;        ///< outbound: route it to the contact; inbound: deliver it to the user
    bool auto_reply = false;  ///< inbound subscribe that needs no asking: answer `subscribed` for the user
};
Transition outbound(SubscriptionType type, const Subscription& state);  ///< A.2: sent by the user
Transition inbound(SubscriptionType type, const Subscription& state);   ///< A.3: received from the contact

}  // namespace lethe::core
