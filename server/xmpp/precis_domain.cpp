// SPDX-License-Identifier: AGPL-3.0-or-later
// Domainparts: UTS #46 by ICU, IPv6 literals by the C library.
#include <arpa/inet.h>
#include <unicode/uidna.h>

#include <algorithm>
#include <cassert>

#include "server/xmpp/precis.h"

namespace lethe::xmpp::precis {
namespace {

constexpr std::size_t max_label = 63;  // RFC 1035 section 2.3.4, in the ASCII form

const UIDNA* idna() {
    static const UIDNA* const instance = [] {
        UErrorCode status = U_ZERO_ERROR;
        const UIDNA* i = uidna_openUTS46(UIDNA_USE_STD3_RULES | UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ |
                                             UIDNA_CHECK_CONTEXTO | UIDNA_NONTRANSITIONAL_TO_ASCII |
                                             UIDNA_NONTRANSITIONAL_TO_UNICODE,
                                         &status);
        assert(U_SUCCESS(status));  // built into the library
        return i;
    }();
    return instance;
}

using Convert = std::int32_t (*)(const UIDNA*, const char*, std::int32_t, char*, std::int32_t, UIDNAInfo*,
                                 UErrorCode*);

/// `tolerated`: bits of UIDNA_ERROR_… that are no reason to refuse.
std::optional<std::string> convert(Convert how, std::string_view text, std::uint32_t tolerated) {
    std::string out(text.size() * 4 + 64, '\0');
    for (int attempt = 0; attempt < 2; ++attempt) {
        UIDNAInfo info = UIDNA_INFO_INITIALIZER;
        UErrorCode status = U_ZERO_ERROR;
        const std::int32_t size = how(idna(), text.data(), static_cast<std::int32_t>(text.size()), out.data(),
                                      static_cast<std::int32_t>(out.size()), &info, &status);
        if (size >= 0) out.resize(static_cast<std::size_t>(size));
        if (status == U_BUFFER_OVERFLOW_ERROR) continue;
        if (U_FAILURE(status) || (info.errors & ~tolerated)) return std::nullopt;
        return out;
    }
    return std::nullopt;
}

std::optional<std::string> ipv6_literal(std::string_view text) {
    if (text.size() < 4 || text.size() > INET6_ADDRSTRLEN + 2 || text.back() != ']') return std::nullopt;
    in6_addr address;
    if (inet_pton(AF_INET6, std::string(text.substr(1, text.size() - 2)).c_str(), &address) != 1)
        return std::nullopt;
    char canonical[INET6_ADDRSTRLEN];
    if (!inet_ntop(AF_INET6, &address, canonical, sizeof canonical)) return std::nullopt;
    return "[" + std::string(canonical) + "]";
}

/// UTS #46 keeps symbols that IDNA2008 disallows (emoji and the like); PRECIS has the same derivation as RFC
/// 5892 for letters.
bool only_letters_and_digits(std::string_view text) {
    const auto decoded = decode_utf8(text);
    return decoded && std::ranges::all_of(*decoded, [](char32_t c) {
               if (c < 0x80) return true;  // judged by the STD3 rules
               const Property p = property_of(c);
               return p == Property::valid || p == Property::context_joiner || p == Property::context_other;
           });
}

/// The final dot names the DNS root and is no part of the address (RFC 7622 section 3.2).
std::string_view without_trailing_dot(std::string_view text) {
    if (text.ends_with('.')) text.remove_suffix(1);
    return text;
}

/// Lower-case letters, digits, hyphens and dots in labels that need no IDNA; empty if the name must go the
/// long way.
std::optional<std::string> plain_host_name(std::string_view text) {
    std::string out(without_trailing_dot(text));
    std::size_t start = 0;
    for (std::size_t i = 0; i <= out.size(); ++i) {
        if (i == out.size() || out[i] == '.') {
            const std::size_t size = i - start;
            if (size == 0 || size > max_label || out[start] == '-' || out[i - 1] == '-') return std::nullopt;
            // "xn--" and whatever else has hyphens in third and fourth place is reserved (RFC 5891
            // section 4.2.3.1).
            if (size >= 4 && out[start + 2] == '-' && out[start + 3] == '-') return std::nullopt;
            start = i + 1;
        } else if (out[i] >= 'A' && out[i] <= 'Z') {
            out[i] = static_cast<char>(out[i] + ('a' - 'A'));
        } else if (!((out[i] >= 'a' && out[i] <= 'z') || (out[i] >= '0' && out[i] <= '9') || out[i] == '-')) {
            return std::nullopt;
        }
    }
    return out;
}

}  // namespace

std::optional<std::string> domain_slow(std::string_view text) {
    if (text.starts_with('[')) return ipv6_literal(text);
    std::optional<std::string> unicode = convert(uidna_nameToUnicodeUTF8, text, 0);
    if (!unicode) return std::nullopt;
    std::string name(without_trailing_dot(*unicode));
    if (name.empty() || !only_letters_and_digits(name)) return std::nullopt;
    // Label lengths are those of the ASCII form; the whole name may be longer than DNS has it, up to the
    // JID's own limit.
    if (!convert(uidna_nameToASCII_UTF8, name, UIDNA_ERROR_DOMAIN_NAME_TOO_LONG)) return std::nullopt;
    return name;
}

std::optional<std::string> domain(std::string_view text) {
    if (auto plain = plain_host_name(text)) return plain;
    return domain_slow(text);
}

std::optional<std::string> dns_name(std::string_view domain) { return convert(uidna_nameToASCII_UTF8, domain, 0); }

}  // namespace lethe::xmpp::precis
