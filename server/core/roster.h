// SPDX-License-Identifier: AGPL-3.0-or-later
// The contact list and the blocklist of an open account: plain in memory while a session lasts, sealed records under blind keys on disk.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "crypto/vault.h"
#include "server/core/subscription.h"
#include "server/xml/element.h"
#include "server/xmpp/jid.h"
#include "store/store.h"

namespace lethe::core {

struct RosterItem {
    std::string name;
    std::set<std::string> groups;
    Subscription subscription;
    bool listed = false;             ///< false: known only by a request of the contact, not shown (RFC 6121 A.1)
    std::int64_t asked_at = 0;       ///< when `subscribe` was last sent, microseconds; 0 if never
    std::string request;             ///< the pending subscribe stanza, shown at each initial presence until answered
    friend bool operator==(const RosterItem&, const RosterItem&) = default;
};
Bytes encode(const xmpp::BareJid& jid, const RosterItem& item);
std::optional<std::pair<xmpp::BareJid, RosterItem>> decode_roster_item(ByteView bytes);

/// The settings row that keeps Roster::version().
inline constexpr std::string_view roster_version_row = "roster version";

class Roster {
public:
    const std::map<xmpp::BareJid, RosterItem>& items() const { return items_; }
    const RosterItem* find(const xmpp::BareJid& jid) const;
    Subscription subscription(const xmpp::BareJid& jid) const;
    /// Opaque; changes with every visible change (RFC 6121 section 2.6).
    const std::string& version() const { return version_; }
    /// Rises with every change in memory.
    std::uint64_t changes() const { return changes_; }

    /// Reading back; rows that do not open or decode are skipped and counted.
    std::size_t load(const crypto::Vault& vault, const std::vector<store::Row>& rows);
    void load_version(const crypto::Vault& vault, const std::optional<store::Sealed>& row);

    /// Change in memory and, sealed, in the batch. An item that says nothing any more is erased.
    void put(store::Batch& batch, const crypto::Vault& vault, const xmpp::BareJid& jid, RosterItem item);
    void erase(store::Batch& batch, const crypto::Vault& vault, const xmpp::BareJid& jid);

private:
    void bump(store::Batch& batch, const crypto::Vault& vault);
    std::map<xmpp::BareJid, RosterItem> items_;
    std::string version_;
    std::uint64_t changes_ = 0;
};

/// `<item/>` of jabber:iq:roster.
void add_roster_item(xml::Element query, const xmpp::BareJid& jid, const RosterItem& item);

class Blocklist {
public:
    const std::set<xmpp::Jid>& jids() const { return jids_; }
    std::uint64_t changes() const { return changes_; }  ///< rises with every change in memory
    /// XEP-0191 section 3.1: full JID, bare JID, domain/resource, domain.
    bool blocks(const xmpp::Jid& jid) const;
    std::size_t load(const crypto::Vault& vault, const std::vector<store::Row>& rows);
    void add(store::Batch& batch, const crypto::Vault& vault, const xmpp::Jid& jid);
    void remove(store::Batch& batch, const crypto::Vault& vault, const xmpp::Jid& jid);

private:
    std::set<xmpp::Jid> jids_;
    std::uint64_t changes_ = 0;
};

}  // namespace lethe::core
