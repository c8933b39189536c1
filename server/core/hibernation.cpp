// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/hibernation.h"

#include <sodium.h>

#include <algorithm>
#include <asio/post.hpp>

#include "server/core/core.h"
#include "server/core/letterbox.h"
#include "server/core/router.h"

namespace lethe::core {
namespace {

constexpr std::size_t departed_remembered = 4096;

/// Not at once: whoever finds that it is to end may be in the middle of a walk over the account's sessions.
void end_soon(Core& core, const std::weak_ptr<Session>& session) {
    asio::post(core.env.io, [&core, session] {
        if (const auto still = session.lock(); still && still->hibernating()) core.end_session(still);
    });
}

void start_expiry(Core& core, const std::shared_ptr<Session>& session) {
    session->expiry = std::make_unique<asio::steady_timer>(core.env.io, session->resumption->max);
    session->expiry->async_wait([&core, weak = std::weak_ptr(session)](std::error_code error) {
        if (error) return;
        if (const auto still = weak.lock(); still && still->hibernating()) core.end_session(still);
    });
}

}  // namespace

void connection_lost(Core& core, const std::shared_ptr<Session>& session) {
    if (session->ended || session->hibernating()) return;
    if (!session->resumption) return core.end_session(session);
    session->on_opened = nullptr;
    session->on_taken_over = nullptr;
    session->hibernate(
        [&core, weak = std::weak_ptr(session)](xmpp::StreamCondition, std::string) { end_soon(core, weak); });
    start_expiry(core, session);
    keep_what_only_sleepers_have(core, session->account(), session->unconfirmed_deliveries());
}

std::shared_ptr<Session> find_resumable(const Core& core, const xmpp::BareJid& account, std::string_view id) {
    const auto open = core.open_vault(account);
    if (!open) return nullptr;
    for (const auto& [_, session] : open->sessions) {
        if (!session->resumption || session->resumption->id.size() != id.size()) continue;
        if (sodium_memcmp(session->resumption->id.data(), id.data(), id.size()) == 0) return session;
    }
    return nullptr;
}

void continue_session(Core& core, const std::shared_ptr<Session>& session, std::shared_ptr<Outbox> outbox) {
    session->continue_on(std::move(outbox));
    session->opening = false;
    // The letterbox was not emptied to the end when the connection was lost.
    const auto& presence = session->presence;
    if (presence && presence->priority >= 0 && !session->live) open_letterbox(core, session);
}

std::shared_ptr<Session> first_to_expire(const Account& account) {
    std::shared_ptr<Session> first;
    for (const auto& [_, session] : account.sessions)
        if (session->expiry && (!first || session->expiry->expiry() < first->expiry->expiry()))
            first = session;
    return first;
}

void keep_what_only_sleepers_have(Core& core, Account& account,
                                  const std::vector<std::shared_ptr<Delivery>>& deliveries) {
    if (account.leaving) return;
    Change change;
    auto kept = std::make_shared<std::vector<std::shared_ptr<Delivery>>>();
    for (const auto& delivery : deliveries) {
        if (!delivery->only_asleep()) continue;
        const auto peer = xmpp::Jid::parse(delivery->entry.peer);
        if (!peer || account.blocks(*peer)) continue;
        waits_again(core, account, delivery->entry.stanza);
        if (delivery->kept || !core.logs.stores(crypto::ClassId::letterbox) || !may_wait(core, account.writer, peer->bare())) continue;
        const auto place = keep_waiting(core, change, *account.writer, peer->bare(), delivery->entry);
        if (!place) continue;
        delivery->kept = place;
        account.in_flight.insert(*place);
        kept->push_back(delivery);
    }
    if (change.empty()) return;
    core.write(std::move(change), [&core, account = account.shared_from_this(), kept](store::Result result) {
        if (result) return;
        for (const auto& delivery : *kept) {
            if (!delivery->kept) continue;  // acknowledged meanwhile
            not_kept(*account, *delivery);
            if (delivery->pending > 0) continue;
            delivery->taken = false;  // its sessions ended in the belief that it lies there
            redeliver(core, *account, delivery);
        }
    });
}

void waits_again(Core& core, const Account& account, const std::string& stanza) {
    if (!core.features.anybody_waits()) return;
    if (const auto document = xml::parse(stanza); document.root()) core.features.waits(core, account.jid, document.root());
}

void not_kept(Account& account, Delivery& delivery) {
    account.in_flight.erase(*delivery.kept);
    account.returned.erase(*delivery.kept);
    delivery.kept.reset();
}

void Departed::remember(const xmpp::BareJid& account, std::string_view id, std::uint32_t handled) {
    entries_.push_back({key_of(account, id), handled});
    if (entries_.size() > departed_remembered) entries_.pop_front();
}

std::optional<std::uint32_t> Departed::find(const xmpp::BareJid& account, std::string_view id) const {
    const auto key = key_of(account, id);
    const auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.key == key; });
    return found == entries_.end() ? std::nullopt : std::optional(found->handled);
}

Departed::Key Departed::key_of(const xmpp::BareJid& account, std::string_view id) {
    const auto text = account.to_string() + '/' + std::string(id);
    Key key;
    crypto_generichash(key.data(), key.size(), reinterpret_cast<const unsigned char*>(text.data()),
                       text.size(), nullptr, 0);
    return key;
}

}  // namespace lethe::core
