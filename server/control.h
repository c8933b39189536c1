// SPDX-License-Identifier: AGPL-3.0-or-later
// The running server's side of lethectl: what is done to an account is followed by its live sessions and caches.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "server/admin/store_control.h"
#include "server/core/core.h"
#include "server/sweeper.h"

namespace lethe::server {

/// What the last SIGHUP asked for and did not get, or what is wrong with the certificate it got, each as a sentence with the remedy; empty: nothing is wrong.
struct ReloadTrouble {
    std::string policy, certificate;
};

class LiveControl final : public admin::StoreControlHandler {
public:
    LiveControl(Options options, core::Core& core, Sweeper& sweeper, std::function<ReloadTrouble()> trouble)
        : StoreControlHandler(std::move(options)), core_(core), sweeper_(sweeper), trouble_(std::move(trouble)) {}
    void accept_clock(Answer answer) override { sweeper_.accept_clock(std::move(answer)); }

protected:
    void account_changing(const xmpp::BareJid& account, admin::Change change) override;
    void account_changed(const xmpp::BareJid& account, admin::Change change) override;
    void account_unchanged(const xmpp::BareJid& account, admin::Change change) override;
    std::expected<void, admin::Failure> may_sweep() const override { return sweeper_.may_sweep(); }
    void sweep_extra() override;
    std::size_t stuck_buckets() const override { return core_.env.buckets.stuck(); }
    void status_extra(admin::Facts& facts) override;

private:
    core::Core& core_;
    std::unordered_multimap<xmpp::BareJid, std::shared_ptr<core::Account>> leaving_;  ///< until the change is stored or refused
    Sweeper& sweeper_;
    std::function<ReloadTrouble()> trouble_;
};

}  // namespace lethe::server
