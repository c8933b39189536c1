// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/net/certificate_terms.h"

#include <arpa/inet.h>
#include <mbedtls/asn1.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>
#include <string_view>

#include "server/net/tls_context.h"

namespace lethe::net {

namespace {

// RFC 5280 section 4.2.1.6: the alternatives of a GeneralName, which are tagged by their number.
constexpr int other_name = MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_ASN1_CONSTRUCTED | 0;
constexpr int dns_name = MBEDTLS_ASN1_CONTEXT_SPECIFIC | 2;
constexpr int ip_address = MBEDTLS_ASN1_CONTEXT_SPECIFIC | 7;
// id-on-xmppAddr (RFC 6120 section 13.7.1.4) and id-on-dnsSRV (RFC 4985): 1.3.6.1.5.5.7.8.5 and .7
constexpr std::string_view xmpp_address = "\x2b\x06\x01\x05\x05\x07\x08\x05";
constexpr std::string_view dns_service = "\x2b\x06\x01\x05\x05\x07\x08\x07";
constexpr std::string_view client_service = "_xmpp-client.";

std::string_view view(const unsigned char* at, std::size_t size) {
    return {reinterpret_cast<const char*>(at), size};
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool same(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

bool covers(std::string_view pattern, std::string_view host) {
    if (same(pattern, host)) return true;
    if (!pattern.starts_with("*.")) return false;
    const auto dot = host.find('.');
    // Of one label only, and never of a whole top-level domain.
    return dot != std::string_view::npos && dot > 0 && pattern.find('.', 2) != std::string_view::npos && same(pattern.substr(1), host.substr(dot));
}

bool is_address(std::string_view bytes, const std::string& host) {
    std::array<char, 16> address{};
    const int family = bytes.size() == 4 ? AF_INET : AF_INET6;
    return (bytes.size() == 4 || bytes.size() == 16) && ::inet_pton(family, host.c_str(), address.data()) == 1 &&
           bytes == std::string_view(address.data(), bytes.size());
}

/// What an otherName says: OID, and a string that is tagged [0].
std::optional<std::pair<std::string_view, std::string_view>> read_other(const mbedtls_x509_buf& name) {
    unsigned char* at = name.p;
    const unsigned char* const end = name.p + name.len;
    std::size_t size = 0;
    if (mbedtls_asn1_get_tag(&at, end, &size, MBEDTLS_ASN1_OID) != 0) return std::nullopt;
    const auto oid = view(at, size);
    at += size;
    if (mbedtls_asn1_get_tag(&at, end, &size, other_name) != 0 || at == end) return std::nullopt;
    if (*at != MBEDTLS_ASN1_UTF8_STRING && *at != MBEDTLS_ASN1_IA5_STRING) return std::nullopt;
    if (mbedtls_asn1_get_tag(&at, end, &size, *at) != 0) return std::nullopt;
    return std::pair(oid, view(at, size));
}

bool names(const mbedtls_x509_buf& name, const CertificateSubject& subject) {
    if (name.tag == dns_name) return covers(view(name.p, name.len), subject.host);
    if (name.tag == ip_address) return is_address(view(name.p, name.len), subject.host);
    if (name.tag != other_name) return false;
    const auto other = read_other(name);
    if (!other) return false;
    const auto& [oid, value] = *other;
    if (oid == xmpp_address) return same(value, subject.domain);
    return oid == dns_service && value.starts_with(client_service) && same(value.substr(client_service.size()), subject.host);
}

std::int64_t seconds(const mbedtls_x509_time& t) {
    std::tm parts{};
    parts.tm_year = t.year - 1900;
    parts.tm_mon = t.mon - 1;
    parts.tm_mday = t.day;
    parts.tm_hour = t.hour;
    parts.tm_min = t.min;
    parts.tm_sec = t.sec;
    return ::timegm(&parts);
}

}  // namespace

CertificateTerms certificate_terms(TlsContext& context, const CertificateSubject& subject) {
    const mbedtls_x509_crt& own = context.impl().certificate.chain;
    CertificateTerms terms{.until = seconds(own.valid_to)};
    // An empty list is one element without bytes.
    for (const auto* at = &own.subject_alt_names; at != nullptr; at = at->next)
        if (at->buf.p != nullptr && names(at->buf, subject)) terms.names_subject = true;
    return terms;
}

}  // namespace lethe::net
