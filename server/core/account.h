// SPDX-License-Identifier: AGPL-3.0-or-later
// An account while somebody is logged in: the open vault, what was read out of it, and the sessions.
//
// Lifetime: from the first bind until the last session ended; then the vault's secrets are wiped.
// Thread: core.
#pragma once
#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "crypto/vault.h"
#include "server/core/archiving.h"
#include "server/core/logs.h"
#include "server/core/nodes.h"
#include "server/core/roster.h"
#include "server/core/session.h"

namespace lethe::core {

class Core;

class Account : public std::enable_shared_from_this<Account> {
public:
    enum class State { opening, open, closed };

    Account(asio::io_context& io, xmpp::BareJid own_jid, std::shared_ptr<const crypto::Vault> own_vault,
            std::shared_ptr<LogWriter> own_writer)
        : jid(std::move(own_jid)), vault(std::move(own_vault)), writer(std::move(own_writer)), opened(io) {}

    const xmpp::BareJid jid;
    const std::shared_ptr<const crypto::Vault> vault;
    const std::shared_ptr<LogWriter> writer;
    State state = State::opening;
    bool changing_password = false;
    bool rereading = false;
    std::uint32_t told = 0;  ///< the last announcement of a policy that it has, or that is on its way to it
    /// About to be erased or reset: nothing is written under its vault any more. What comes meanwhile waits below, in case it
    /// stays after all (Core::stay); otherwise it goes with the account.
    bool leaving = false;
    std::deque<std::pair<std::weak_ptr<Session>, std::string>> postponed;  ///< stanzas from its sessions, not counted as handled
    std::size_t postponed_bytes = 0;
    std::deque<Outgoing> kept_back;   ///< what ended sessions had not confirmed
    std::vector<Outgoing> taken_late; ///< out of the letterbox, confirmed and not yet deleted
    asio::steady_timer opened;  ///< cancelled when `state` leaves opening

    Roster roster;
    Blocklist blocklist;
    Archiving archiving;
    Nodes nodes;
    std::optional<std::string> photo;  ///< hash of the avatar (XEP-0153), "" if there is none; empty: not looked up yet
    std::map<std::string, std::shared_ptr<Session>> sessions;  ///< by resource

    // The letterbox (core/letterbox.cpp).
    bool draining = false;
    std::set<crypto::LogPlace> in_flight;       ///< entries sent to some session and not known to have arrived
    std::set<crypto::LogPlace> returned;        ///< of those, what a lost session left and nobody was sent since
    std::set<crypto::LogPlace> taken;           ///< while it is being emptied: what arrived somewhere since the page at hand was read
    bool start_over = false;                    ///< something returned: whoever empties the letterbox has passed it
    std::optional<crypto::LogPlace> applied;    ///< subscription entries up to here are in the roster
    std::optional<crypto::LogPlace> delivered;  ///< letterbox entries up to here reached a client, all of them

    const crypto::AccountId& id() const { return vault->account(); }
    Session* session(const std::string& resource) const;
    bool takes_messages() const;  ///< some session does
    /// The sessions that do, connected ones first.
    std::vector<std::shared_ptr<Session>> takers() const;
    /// Never the user's own sessions: they could not be unblocked from anywhere.
    bool blocks(const xmpp::Jid& other) const { return other.bare() != jid && blocklist.blocks(other); }
    /// A message exchanged with this address is to be archived.
    bool archives(const xmpp::Jid& peer) const;
    /// May know whether this account is online: itself and its subscribers.
    bool shows_presence_to(const xmpp::BareJid& other) const;
};

/// Opens the account's vault for a new session, or joins the one already open: reads roster and blocklist, settles waiting
/// subscription stanzas. Null if the account vanished or the disk cannot be read.
asio::awaitable<std::shared_ptr<Account>> open_account(Core& core, xmpp::BareJid jid, std::shared_ptr<const crypto::Vault> vault);

/// After a change of roster or blocklist that the disk did not take: memory follows the disk again, and interested sessions are told.
void reread(Core& core, const std::shared_ptr<Account>& account);

/// Stages a cursor ("applied", "delivered").
void put_cursor(Change& change, const crypto::Vault& vault, std::string_view name, const crypto::LogPlace& place);

}  // namespace lethe::core
