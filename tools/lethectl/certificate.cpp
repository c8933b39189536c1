// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tools/lethectl/certificate.h"

#include <arpa/inet.h>
#include <mbedtls/ecp.h>
#include <mbedtls/md.h>
#include <mbedtls/oid.h>
#include <mbedtls/pem.h>
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <optional>

#include "crypto/account.h"
#include "crypto/secret.h"
#include "server/mbedtls_compat.h"
#include "server/xmpp/precis.h"

namespace lethe::lethectl {
namespace {

constexpr std::int64_t day = 86400;
constexpr std::int64_t slack = 3600;  // clients whose clock is a little behind

int random(void*, unsigned char* out, std::size_t size) {
    crypto::random_bytes({out, size});
    return 0;
}

// mbedTLS objects that free themselves.
struct Key {
    mbedtls_pk_context context;
    Key() { mbedtls_pk_init(&context); }
    ~Key() { mbedtls_pk_free(&context); }
    Key(const Key&) = delete;
};
struct Writer {
    mbedtls_x509write_cert context;
    Writer() { mbedtls_x509write_crt_init(&context); }
    ~Writer() { mbedtls_x509write_crt_free(&context); }
    Writer(const Writer&) = delete;
};

/// One DER element. By hand, since mbedTLS 2.28 writes no alternative names; contents here are far below 64
/// KiB.
std::string der(unsigned char tag, std::string_view content) {
    std::string out(1, static_cast<char>(tag));
    const auto size = content.size();
    if (size >= 256) {
        out += '\x82';
        out += static_cast<char>(size >> 8);
    } else if (size >= 128) {
        out += '\x81';
    }
    out += static_cast<char>(size & 0xff);
    return out.append(content);
}

/// The bytes of an IPv4 address or a bracketed IPv6 address.
std::optional<std::string> to_ip(const std::string& domain) {
    std::array<char, 16> bytes{};
    if (inet_pton(AF_INET, domain.c_str(), bytes.data()) == 1) return std::string(bytes.data(), 4);
    if (domain.size() > 2 && domain.front() == '[' &&
        inet_pton(AF_INET6, domain.substr(1, domain.size() - 2).c_str(), bytes.data()) == 1)
        return std::string(bytes.data(), 16);
    return {};
}

struct Names {
    std::string common;       // for the subject
    std::string alternative;  // DER of SubjectAltName
};
std::optional<Names> names_for(const std::string& domain) {
    constexpr unsigned char sequence = 0x30, dns_name = 0x82, ip_address = 0x87, other_name = 0xa0,
                            tagged_0 = 0xa0, utf8_string = 0x0c;
    // id-on-xmppAddr, 1.3.6.1.5.5.7.8.5
    const std::string xmpp_address = der(0x06, std::string_view("\x2b\x06\x01\x05\x05\x07\x08\x05", 8));
    std::string common, host;
    if (const auto ip = to_ip(domain)) {
        common = domain;
        host = der(ip_address, *ip);
    } else if (const auto ascii = xmpp::precis::dns_name(domain)) {
        common = *ascii;
        host = der(dns_name, *ascii);
    } else {
        return {};
    }
    constexpr std::size_t longest_common_name = 64;  // RFC 5280, ub-common-name
    if (common.size() > longest_common_name) common = "Lethe";
    const auto xmpp = der(other_name, xmpp_address + der(tagged_0, der(utf8_string, domain)));
    return Names{common, der(sequence, host + xmpp)};
}

/// "YYYYMMDDhhmmss", as X.509 times are given to mbedTLS.
std::string utc(std::int64_t seconds) {
    const std::time_t at = seconds;
    std::tm parts{};
    gmtime_r(&at, &parts);
    std::array<char, 32> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%Y%m%d%H%M%S", &parts)};
}

int describe(mbedtls_x509write_cert& crt, Key& key, const Names& names, std::int64_t now) {
    std::array<unsigned char, 16> bytes{};
    crypto::random_bytes(bytes);
    bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7f) | 0x40);  // positive, and of full length
    const std::string subject = "CN=" + names.common;
    const auto from = utc(now - slack), until = utc(now + certificate_days * day);
    const auto extension = [&](const char* oid, std::size_t oid_size, std::string_view value) {
        return mbedtls_x509write_crt_set_extension(
            &crt, oid, oid_size, 0, reinterpret_cast<const unsigned char*>(value.data()), value.size());
    };
    mbedtls_x509write_crt_set_version(&crt, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(&crt, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(&crt, &key.context);
    mbedtls_x509write_crt_set_issuer_key(&crt, &key.context);
    int rc = mbedtls_compat::set_serial(&crt, bytes);
    if (rc == 0) rc = mbedtls_x509write_crt_set_subject_name(&crt, subject.c_str());
    if (rc == 0) rc = mbedtls_x509write_crt_set_issuer_name(&crt, subject.c_str());
    if (rc == 0) rc = mbedtls_x509write_crt_set_validity(&crt, from.c_str(), until.c_str());
    if (rc == 0) rc = mbedtls_x509write_crt_set_basic_constraints(&crt, 0, -1);
    if (rc == 0) rc = mbedtls_x509write_crt_set_subject_key_identifier(&crt);
    if (rc == 0) rc = mbedtls_x509write_crt_set_authority_key_identifier(&crt);
    if (rc == 0) rc = mbedtls_x509write_crt_set_key_usage(&crt, MBEDTLS_X509_KU_DIGITAL_SIGNATURE);
    // Servers are clients of other servers.
    const auto usage =
        der(0x30, der(0x06, {MBEDTLS_OID_SERVER_AUTH, MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH)}) +
                      der(0x06, {MBEDTLS_OID_CLIENT_AUTH, MBEDTLS_OID_SIZE(MBEDTLS_OID_CLIENT_AUTH)}));
    if (rc == 0)
        rc = extension(MBEDTLS_OID_EXTENDED_KEY_USAGE, MBEDTLS_OID_SIZE(MBEDTLS_OID_EXTENDED_KEY_USAGE),
                       usage);
    if (rc == 0)
        rc = extension(MBEDTLS_OID_SUBJECT_ALT_NAME, MBEDTLS_OID_SIZE(MBEDTLS_OID_SUBJECT_ALT_NAME),
                       names.alternative);
    return rc;
}

int fingerprint(const unsigned char* data, std::size_t size, std::string& out) {
    std::array<unsigned char, 32> hash{};
    const int rc = mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), data, size, hash.data());
    for (const auto byte : hash) {
        std::array<char, 4> text{};
        std::snprintf(text.data(), text.size(), "%s%02X", out.empty() ? "" : ":",
                      static_cast<unsigned>(byte));
        out += text.data();
    }
    return rc;
}

int make(const Names& names, std::int64_t now, SelfSigned& out) {
    Key key;
    Writer crt;
    std::array<unsigned char, 8192> space{};  // names are at most some 2 KiB together
    int rc = mbedtls_pk_setup(&key.context, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
    if (rc == 0)
        rc = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key.context), random, nullptr);
    if (rc == 0) rc = describe(crt.context, key, names, now);
    if (rc != 0) return rc;

    const int size = mbedtls_x509write_crt_der(&crt.context, space.data(), space.size(), random, nullptr);
    if (size < 0) return size;
    const auto* const start = space.data() + space.size() - size;  // it writes backwards from the end
    rc = fingerprint(start, static_cast<std::size_t>(size), out.fingerprint);
    std::array<unsigned char, 12288> pem{};
    std::size_t pem_size = 0;
    if (rc == 0)
        rc = mbedtls_pem_write_buffer("-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n", start,
                                      static_cast<std::size_t>(size), pem.data(), pem.size(), &pem_size);
    if (rc != 0) return rc;
    out.certificate = reinterpret_cast<const char*>(pem.data());

    std::array<unsigned char, 2048> secret{};
    rc = mbedtls_pk_write_key_pem(&key.context, secret.data(), secret.size());
    if (rc == 0) out.key = reinterpret_cast<const char*>(secret.data());
    crypto::detail::wipe(secret.data(), secret.size());
    return rc;
}

}  // namespace

std::expected<SelfSigned, std::string> make_certificate(std::string_view domain, std::int64_t now_seconds) {
    const auto names = names_for(std::string(domain));
    if (!names)
        return std::unexpected(
            std::string(domain) +
            " has no form that fits into a certificate; choose a domain of letters, digits and hyphens");
    SelfSigned out;
    const int rc = make(*names, now_seconds, out);
    if (rc != 0) {
        std::array<char, 16> code{};
        std::snprintf(code.data(), code.size(), "-0x%04x", static_cast<unsigned>(-rc));
        return std::unexpected("mbedTLS cannot make a certificate (error " + std::string(code.data()) + ")");
    }
    const auto until = utc(now_seconds + certificate_days * day);
    out.until = until.substr(0, 4) + '-' + until.substr(4, 2) + '-' + until.substr(6, 2);
    return out;
}

}  // namespace lethe::lethectl
