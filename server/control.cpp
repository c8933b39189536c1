// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/control.h"

#include <vector>

#include "retention/log_words.h"

namespace lethe::server {

void LiveControl::account_changing(const xmpp::BareJid& account, admin::Change change) {
    if (change != admin::Change::erased && change != admin::Change::reset && change != admin::Change::suspended) return;
    // Nothing of a vault that is about to be gone is written any more.
    if (const auto open = core_.open_vault(account); open && change != admin::Change::suspended) {
        open->leaving = true;
        leaving_.emplace(account, open);
    }
    core_.end_sessions(account, xmpp::StreamCondition::not_authorized, "The operator changed this account.");
    core_.uploads.forget(account);
}

void LiveControl::account_unchanged(const xmpp::BareJid& account, admin::Change change) {
    if (change != admin::Change::erased && change != admin::Change::reset) return;
    const auto [begin, end] = leaving_.equal_range(account);
    std::vector<std::shared_ptr<core::Account>> staying;
    for (auto it = begin; it != end; ++it) staying.push_back(it->second);
    leaving_.erase(account);
    for (const auto& open : staying) core_.stay(open);
}

void LiveControl::account_changed(const xmpp::BareJid& account, admin::Change change) {
    if (change == admin::Change::erased || change == admin::Change::reset) leaving_.erase(account);
    core_.logs.forget(account);
    using retention::Event;
    switch (change) {
        case admin::Change::added: return core_.env.log.write(Event::account_created, {retention::Account{account}});
        case admin::Change::reset: return core_.env.log.write(Event::account_reset, {retention::Account{account}});
        case admin::Change::erased: return core_.env.log.write(Event::account_erased, {retention::Account{account}});
        case admin::Change::suspended:
        case admin::Change::unsuspended: return core_.env.log.write(Event::account_suspended, {retention::Account{account}});
    }
}

void LiveControl::sweep_extra() {
    sweeper_.sweep_log();
    core_.logs.drop_dead_chains();
}

void LiveControl::status_extra(admin::Facts& facts) {
    facts.emplace_back("sessions", static_cast<std::int64_t>(core_.session_count()));
    facts.emplace_back("sessions_hibernating", static_cast<std::int64_t>(core_.hibernating_count()));
    facts.emplace_back("accounts_online", static_cast<std::int64_t>(core_.online.size()));
    const auto trouble = trouble_();
    facts.emplace_back("policy_file", trouble.policy.empty() ? "good" : trouble.policy);
    facts.emplace_back("certificate", trouble.certificate.empty() ? "good" : trouble.certificate);
    const auto& refused = core_.write_trouble;
    facts.emplace_back("storage", refused ? std::string("refused the last change: ") + retention::word(*refused).text() + ", look at the disk" : "good");
    sweeper_.add_status(facts, std::int64_t{!trouble.policy.empty()} +
                                   std::int64_t{!trouble.certificate.empty()} +
                                   std::int64_t{refused.has_value()} +
                                   static_cast<std::int64_t>(core_.env.store.quarantined().size()));
}

}  // namespace lethe::server
