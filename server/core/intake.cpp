// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/intake.h"

namespace lethe::core {
namespace {

constexpr std::int64_t minute = 60'000'000, day = 24 * 60 * minute;
constexpr std::size_t names = 4096, holders = 8192;
/// A large server has many senders; one that floods has many names.
constexpr unsigned senders_per_domain = 50;
constexpr unsigned domain_part = 4;  ///< no domain holds more than a quarter

std::string_view bytes_of(const std::uint64_t& number) { return {reinterpret_cast<const char*>(&number), sizeof number}; }

}  // namespace

xmpp::StanzaError too_many_at_once() {
    return {.condition = xmpp::Condition::policy_violation,
            .text =
                "You are sending faster than this server allows to people who do not share their presence "
                "with you (stored_per_minute). Try again in a minute.",
            .type = xmpp::ErrorType::wait};
}

Intake::Intake(Limits limits, std::string own_domain)
    : limits_(limits),
      own_domain_(std::move(own_domain)),
      senders_({names, limits.per_minute / 60.0, minute}),
      domains_({names / 4, limits.per_minute * double{senders_per_domain} / 60.0, minute}),
      messages_({holders, 0, day}),
      bytes_({holders, 0, day}),
      subscriptions_({holders, 0, day}) {}

bool Intake::may_send(const xmpp::BareJid& from, std::int64_t now) {
    if (limits_.per_minute == 0) return true;
    const auto sender = senders_.key({from.to_string()});
    if (senders_.level(sender, now) + 1 > limits_.per_minute) return false;
    if (foreign(from)) {
        const auto domain = domains_.key({from.domain()});
        if (domains_.level(domain, now) + 1 > double{senders_per_domain} * limits_.per_minute) return false;
        domains_.add(domain, 1, now);
    }
    senders_.add(sender, 1, now);
    return true;
}

std::string_view Intake::holder(const xmpp::BareJid& from, const std::string& address) const {
    return foreign(from) ? std::string_view(from.domain()) : std::string_view(address);
}

bool Intake::has_share(const xmpp::BareJid& from, const Quota& quota, std::int64_t now) const {
    const auto address = from.to_string();
    const double part = foreign(from) ? 1.0 / domain_part : limits_.percent / 100.0;
    const auto owner = as_text(quota.owner.view()), period = bytes_of(quota.period), who = holder(from, address);
    // Less than the whole share is held: the last one may pass it, as the last message may pass the whole quota.
    const auto within = [&](const Tally& tally, std::uint64_t whole) {
        return tally.level(tally.key({owner, period, who}), now) < static_cast<double>(whole) * part;
    };
    return within(messages_, quota.messages) && within(bytes_, quota.bytes);
}

void Intake::kept(const xmpp::BareJid& from, const Quota& quota, std::uint64_t bytes, std::int64_t now) {
    const auto address = from.to_string();
    const auto owner = as_text(quota.owner.view()), period = bytes_of(quota.period), who = holder(from, address);
    messages_.add(messages_.key({owner, period, who}), 1, now);
    bytes_.add(bytes_.key({owner, period, who}), static_cast<double>(bytes), now);
}

bool Intake::has_share_of_subscriptions(const xmpp::BareJid& from, const crypto::AccountId& owner, std::uint64_t quota,
                                        std::int64_t now) const {
    if (!foreign(from)) return true;
    const auto key = subscriptions_.key({as_text(owner.view()), from.domain()});
    return subscriptions_.level(key, now) < static_cast<double>(quota) / domain_part;
}

void Intake::kept_subscription(const xmpp::BareJid& from, const crypto::AccountId& owner, std::int64_t now) {
    if (foreign(from)) subscriptions_.add(subscriptions_.key({as_text(owner.view()), from.domain()}), 1, now);
}

}  // namespace lethe::core
