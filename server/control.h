// SPDX-License-Identifier: AGPL-3.0-or-later
// The running server's side of lethectl: what is done to an account is followed by its live sessions and caches.
#pragma once
#include <memory>
#include <unordered_map>

#include "server/admin/store_control.h"
#include "server/core/core.h"
#include "server/sweeper.h"

namespace lethe::server {

class LiveControl final : public admin::StoreControlHandler {
public:
    LiveControl(Options options, core::Core& core, Sweeper& sweeper)
        : StoreControlHandler(std::move(options)), core_(core), sweeper_(sweeper) {}
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
};

}  // namespace lethe::server
