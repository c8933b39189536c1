// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/xmpp/jid.h"

#include <sodium/crypto_shorthash.h>

#include <array>

#include "server/xmpp/precis.h"

namespace lethe::xmpp {
namespace {

constexpr std::size_t max_part = 1023;  // RFC 7622 sections 3.2 to 3.4, after preparation
// No preparation shortens text to less than a quarter, so longer input cannot become a valid part and is not
// worth the work.
constexpr std::size_t max_raw_part = 4 * max_part;

using Part = std::optional<std::string>;

Part checked(std::string_view text, Part (*prepare)(std::string_view)) {
    if (text.empty() || text.size() > max_raw_part) return std::nullopt;
    Part prepared = prepare(text);
    if (prepared && prepared->size() > max_part) return std::nullopt;
    return prepared;
}

Part prepare_local(std::string_view text) {
    Part local = checked(text, precis::username_case_mapped);
    // RFC 7622 section 3.3.1. Looked for after preparation, since fullwidth forms become these.
    if (local && local->find_first_of("\"&'/:<>@") != std::string::npos) return std::nullopt;
    return local;
}

/// The raw pieces of `text` (RFC 7622 section 3.1): first the slash, then the at sign before it.
struct Split {
    std::string_view local, domain, resource;
    bool has_local = false, has_resource = false;
};

Split split(std::string_view text) {
    Split s;
    if (const auto slash = text.find('/'); slash != text.npos) {
        s.has_resource = true;
        s.resource = text.substr(slash + 1);
        text = text.substr(0, slash);
    }
    if (const auto at = text.find('@'); at != text.npos) {
        s.has_local = true;
        s.local = text.substr(0, at);
        text = text.substr(at + 1);
    }
    s.domain = text;
    return s;
}

/// SipHash with a key of this process: peers choose JIDs and must not be able to choose collisions.
std::size_t hash_of(std::string_view text) {
    static const auto key = [] {
        std::array<unsigned char, crypto_shorthash_KEYBYTES> k;
        crypto_shorthash_keygen(k.data());
        return k;
    }();
    std::size_t out;
    static_assert(sizeof out == crypto_shorthash_BYTES);
    crypto_shorthash(reinterpret_cast<unsigned char*>(&out),
                     reinterpret_cast<const unsigned char*>(text.data()), text.size(), key.data());
    return out;
}

}  // namespace

std::optional<Jid> Jid::parse(std::string_view text) {
    const Split s = split(text);
    Part domain = checked(s.domain, precis::domain);
    if (!domain) return std::nullopt;
    Part local = s.has_local ? prepare_local(s.local) : Part("");
    if (!local) return std::nullopt;
    Part resource = s.has_resource ? checked(s.resource, precis::opaque_string) : Part("");
    if (!resource) return std::nullopt;
    return Jid(BareJid(std::move(*local), std::move(*domain)), std::move(*resource));
}

std::optional<FullJid> Jid::full() const {
    if (is_bare()) return std::nullopt;
    return FullJid(bare_, resource_);
}

std::string Jid::to_string() const {
    return is_bare() ? bare_.to_string() : bare_.to_string() + "/" + resource_;
}

std::optional<BareJid> BareJid::parse(std::string_view text) {
    auto jid = Jid::parse(text);
    if (!jid || !jid->is_bare()) return std::nullopt;
    return jid->bare();
}

std::string BareJid::to_string() const { return local_.empty() ? domain_ : local_ + "@" + domain_; }

std::optional<FullJid> FullJid::parse(std::string_view text) {
    const auto jid = Jid::parse(text);
    return jid ? jid->full() : std::nullopt;
}

std::optional<FullJid> FullJid::make(const BareJid& bare, std::string_view resource) {
    Part prepared = checked(resource, precis::opaque_string);
    if (!prepared) return std::nullopt;
    return FullJid(bare, std::move(*prepared));
}

std::string FullJid::to_string() const { return bare_.to_string() + "/" + resource_; }

}  // namespace lethe::xmpp

std::size_t std::hash<lethe::xmpp::BareJid>::operator()(const lethe::xmpp::BareJid& jid) const noexcept {
    return lethe::xmpp::hash_of(jid.to_string());
}
std::size_t std::hash<lethe::xmpp::Jid>::operator()(const lethe::xmpp::Jid& jid) const noexcept {
    return lethe::xmpp::hash_of(jid.to_string());
}
