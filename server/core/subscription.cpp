// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/subscription.h"

namespace lethe::core {

std::optional<SubscriptionType> subscription_type(std::string_view type) {
    if (type == "subscribe") return SubscriptionType::subscribe;
    if (type == "subscribed") return SubscriptionType::subscribed;
    if (type == "unsubscribe") return SubscriptionType::unsubscribe;
    if (type == "unsubscribed") return SubscriptionType::unsubscribed;
    return std::nullopt;
}

std::string_view to_string(SubscriptionType type) {
    switch (type) {
        case SubscriptionType::subscribe: return "subscribe";
        case SubscriptionType::subscribed: return "subscribed";
        case SubscriptionType::unsubscribe: return "unsubscribe";
        case SubscriptionType::unsubscribed: return "unsubscribed";
    }
    return "";
}

Transition outbound(SubscriptionType type, const Subscription& state) {
    Subscription next = state;
    switch (type) {
        case SubscriptionType::subscribe:  // A.2.1: always routed, so that two servers out of step meet again
            if (!state.to) next.pending_out = true;
            return {next, true};
        case SubscriptionType::unsubscribe:  // A.2.2
            next.to = next.pending_out = false;
            return {next, true};
        case SubscriptionType::subscribed:  // A.2.3: routed only as an answer
            if (state.pending_in) {
                next.pending_in = false;
                next.from = true;
                next.approved = false;
                return {next, true};
            }
            if (!state.from) next.approved = true;
            return {next, false};
        case SubscriptionType::unsubscribed:  // A.2.4
            next.from = next.pending_in = next.approved = false;
            return {next, state.from || state.pending_in};
    }
    return {state};
}

Transition inbound(SubscriptionType type, const Subscription& state) {
    Subscription next = state;
    switch (type) {
        case SubscriptionType::subscribe:  // A.3.1
            if (state.from) return {state, false, true};
            if (state.approved) {
                next.from = true;
                next.pending_in = next.approved = false;
                return {next, false, true};
            }
            next.pending_in = true;
            return {next, !state.pending_in};
        case SubscriptionType::unsubscribe:  // A.3.2
            next.from = next.pending_in = false;
            return {next, state.from || state.pending_in};
        case SubscriptionType::subscribed:  // A.3.3: only what was asked for
            if (!state.pending_out) return {state, false};
            next.pending_out = false;
            next.to = true;
            return {next, true};
        case SubscriptionType::unsubscribed:  // A.3.4
            next.to = next.pending_out = false;
            return {next, state.to || state.pending_out};
    }
    return {state};
}

}  // namespace lethe::core
