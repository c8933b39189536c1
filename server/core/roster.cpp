// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/roster.h"


#include "crypto/codec.h"
#include "server/core/random_hex.h"

namespace lethe::core {
namespace {

constexpr std::uint8_t roster_item_version = 1;

std::string random_version() { return random_hex(8); }

}  // namespace

Bytes encode(const xmpp::BareJid& jid, const RosterItem& item) {
    crypto::Encoder e;
    const auto& s = item.subscription;
    e.u8(roster_item_version).str(jid.to_string()).str(item.name);
    e.u32(static_cast<std::uint32_t>(item.groups.size()));
    for (const auto& group : item.groups) e.str(group);
    e.flag(s.to).flag(s.from).flag(s.pending_out).flag(s.pending_in).flag(s.approved).flag(item.listed);
    e.i64(item.asked_at).str(item.request);
    return e.take();
}

std::optional<std::pair<xmpp::BareJid, RosterItem>> decode_roster_item(ByteView bytes) {
    crypto::Decoder d(bytes);
    if (d.u8() != roster_item_version) return std::nullopt;
    const auto jid = xmpp::BareJid::parse(d.str());
    RosterItem item;
    item.name = d.str();
    const std::uint32_t groups = d.u32();
    for (std::uint32_t i = 0; i < groups && !d.bad(); ++i) item.groups.insert(d.str());
    auto& s = item.subscription;
    s.to = d.flag();
    s.from = d.flag();
    s.pending_out = d.flag();
    s.pending_in = d.flag();
    s.approved = d.flag();
    item.listed = d.flag();
    item.asked_at = d.i64();
    item.request = d.str();
    if (!jid || !d.finished() || item.groups.size() != groups) return std::nullopt;
    return std::pair(*jid, std::move(item));
}

const RosterItem* Roster::find(const xmpp::BareJid& jid) const {
    const auto it = items_.find(jid);
    return it == items_.end() ? nullptr : &it->second;
}

Subscription Roster::subscription(const xmpp::BareJid& jid) const {
    const auto* item = find(jid);
    return item ? item->subscription : Subscription{};
}

std::size_t Roster::load(const crypto::Vault& vault, const std::vector<store::Row>& rows) {
    std::size_t unreadable = 0;
    for (const auto& row : rows) {
        const auto plain = vault.open(store::Table::roster, row.key, row.value);
        auto item = plain ? decode_roster_item(*plain) : std::nullopt;
        // The blind key is checked again, so that a record copied under another name is not believed.
        if (!item || vault.roster_key(item->first) != row.key) {
            ++unreadable;
            continue;
        }
        items_.insert_or_assign(std::move(item->first), std::move(item->second));
    }
    return unreadable;
}

void Roster::load_version(const crypto::Vault& vault, const std::optional<store::Sealed>& row) {
    version_ = random_version();
    if (!row) return;
    const auto plain = vault.open(store::Table::settings, vault.settings_key(roster_version_row), *row);
    if (plain) version_ = std::string(as_text(*plain));
}

void Roster::put(store::Batch& batch, const crypto::Vault& vault, const xmpp::BareJid& jid, RosterItem item) {
    const bool says_nothing = !item.listed && item.subscription == Subscription{};
    if (says_nothing) return erase(batch, vault, jid);
    const auto key = vault.roster_key(jid);
    batch.put(store::Table::roster, vault.account(), key, vault.seal(store::Table::roster, key, encode(jid, item)));
    items_.insert_or_assign(jid, std::move(item));
    bump(batch, vault);
}

void Roster::erase(store::Batch& batch, const crypto::Vault& vault, const xmpp::BareJid& jid) {
    if (items_.erase(jid) == 0) return;
    batch.erase(store::Table::roster, vault.account(), vault.roster_key(jid));
    bump(batch, vault);
}

void Roster::bump(store::Batch& batch, const crypto::Vault& vault) {
    ++changes_;
    version_ = random_version();
    const auto key = vault.settings_key(roster_version_row);
    batch.put(store::Table::settings, vault.account(), key, vault.seal(store::Table::settings, key, as_bytes(version_)));
}

void add_roster_item(xml::Element query, const xmpp::BareJid& jid, const RosterItem& item) {
    auto e = query.add("item");
    e.set_attr("jid", jid.to_string());
    if (!item.name.empty()) e.set_attr("name", item.name);
    e.set_attr("subscription", item.subscription.name());
    if (item.subscription.pending_out) e.set_attr("ask", "subscribe");
    if (item.subscription.approved) e.set_attr("approved", "true");
    for (const auto& group : item.groups) e.add("group").add_text(group);
}

bool Blocklist::blocks(const xmpp::Jid& jid) const {
    if (jids_.empty()) return false;
    if (jids_.contains(jid) || jids_.contains(xmpp::Jid(jid.bare()))) return true;
    const auto domain = xmpp::BareJid::parse(jid.domain());
    if (!domain) return false;
    if (!jid.is_bare()) {
        const auto with_resource = xmpp::FullJid::make(*domain, jid.resource());
        if (with_resource && jids_.contains(xmpp::Jid(*with_resource))) return true;
    }
    return jids_.contains(xmpp::Jid(*domain));
}

std::size_t Blocklist::load(const crypto::Vault& vault, const std::vector<store::Row>& rows) {
    std::size_t unreadable = 0;
    for (const auto& row : rows) {
        const auto plain = vault.open(store::Table::blocklist, row.key, row.value);
        const auto jid = plain ? xmpp::Jid::parse(as_text(*plain)) : std::nullopt;
        if (!jid || vault.blocklist_key(*jid) != row.key) {
            ++unreadable;
            continue;
        }
        jids_.insert(*jid);
    }
    return unreadable;
}

void Blocklist::add(store::Batch& batch, const crypto::Vault& vault, const xmpp::Jid& jid) {
    const auto key = vault.blocklist_key(jid);
    batch.put(store::Table::blocklist, vault.account(), key,
              vault.seal(store::Table::blocklist, key, as_bytes(jid.to_string())));
    jids_.insert(jid);
    ++changes_;
}

void Blocklist::remove(store::Batch& batch, const crypto::Vault& vault, const xmpp::Jid& jid) {
    if (jids_.erase(jid) == 0) return;
    ++changes_;
    batch.erase(store::Table::blocklist, vault.account(), vault.blocklist_key(jid));
}

}  // namespace lethe::core
