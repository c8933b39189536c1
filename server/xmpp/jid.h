// SPDX-License-Identifier: AGPL-3.0-or-later
// XMPP addresses (RFC 7622). A JID is valid and normalised, or it does not exist.
//
// parse() normalises once: the domain by IDNA/UTS-46 to its Unicode form, the localpart by PRECIS UsernameCaseMapped,
// the resource by PRECIS OpaqueString; each part is at most 1023 bytes. Account ids and blind keys are
// hashes of the result, so `jid_normalisation_version` names the rules and is kept in the store: a store made
// under other rules is refused.
// Thread: values; any thread. Errors: an empty optional; the reason is never worth more than "malformed JID".
#pragma once
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace lethe::xmpp {

inline constexpr std::uint32_t jid_normalisation_version = 1;  ///< of the rules, not of Unicode: see precis.h

/// localpart@domainpart, or a bare domainpart.
class BareJid {
public:
    static std::optional<BareJid> parse(std::string_view text);  ///< refuses a resource
    const std::string& local() const { return local_; }           ///< empty for a domain
    const std::string& domain() const { return domain_; }
    std::string to_string() const;
    friend bool operator==(const BareJid&, const BareJid&) = default;
    friend auto operator<=>(const BareJid&, const BareJid&) = default;

private:
    friend class Jid;
    BareJid(std::string local, std::string domain) : local_(std::move(local)), domain_(std::move(domain)) {}
    std::string local_, domain_;
};

/// A bare JID with a resource.
class FullJid {
public:
    static std::optional<FullJid> parse(std::string_view text);  ///< requires a resource
    /// Normalises `resource`; empty when it is not a valid resourcepart.
    static std::optional<FullJid> make(const BareJid& bare, std::string_view resource);
    const BareJid& bare() const { return bare_; }
    const std::string& resource() const { return resource_; }
    std::string to_string() const;
    friend bool operator==(const FullJid&, const FullJid&) = default;
    friend auto operator<=>(const FullJid&, const FullJid&) = default;

private:
    friend class Jid;
    FullJid(BareJid bare, std::string resource) : bare_(std::move(bare)), resource_(std::move(resource)) {}
    BareJid bare_;
    std::string resource_;
};

/// Any address a 'to' or 'from' may carry.
class Jid {
public:
    static std::optional<Jid> parse(std::string_view text);
    Jid(BareJid bare) : bare_(std::move(bare)) {}
    Jid(const FullJid& full) : bare_(full.bare()), resource_(full.resource()) {}
    const BareJid& bare() const { return bare_; }
    const std::string& local() const { return bare_.local(); }
    const std::string& domain() const { return bare_.domain(); }
    const std::string& resource() const { return resource_; }  ///< empty when bare
    bool is_bare() const { return resource_.empty(); }
    std::optional<FullJid> full() const;  ///< empty when bare
    std::string to_string() const;
    friend bool operator==(const Jid&, const Jid&) = default;
    friend auto operator<=>(const Jid&, const Jid&) = default;

private:
    Jid(BareJid bare, std::string resource) : bare_(std::move(bare)), resource_(std::move(resource)) {}
    BareJid bare_;
    std::string resource_;
};

}  // namespace lethe::xmpp

template <> struct std::hash<lethe::xmpp::BareJid> {
    std::size_t operator()(const lethe::xmpp::BareJid&) const noexcept;
};
template <> struct std::hash<lethe::xmpp::Jid> {
    std::size_t operator()(const lethe::xmpp::Jid&) const noexcept;
};
