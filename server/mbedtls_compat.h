// SPDX-License-Identifier: AGPL-3.0-or-later
// The one place that knows the differences between mbedTLS 2.28 (Debian 12) and 3.6 (Debian 13).
#pragma once
#include <mbedtls/md.h>
#include <mbedtls/pk.h>
#include <mbedtls/pkcs5.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
#include <psa/crypto.h>
#endif

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace lethe::mbedtls_compat {

inline constexpr bool is_v3 = MBEDTLS_VERSION_NUMBER >= 0x03000000;
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
inline constexpr bool has_tls13 = true;
#else
inline constexpr bool has_tls13 = false;
#endif

using Rng = int (*)(void*, unsigned char*, std::size_t);

/// Once, before threads: 3.6 does TLS 1.3 through PSA. False: the library is unusable.
inline bool start() {
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
    return psa_crypto_init() == PSA_SUCCESS;
#else
    return true;
#endif
}

/// PBKDF2-HMAC (RFC 8018 section 5.2); 0 on success.
inline int pbkdf2_hmac(mbedtls_md_type_t md, const unsigned char* password, std::size_t password_size,
                       const unsigned char* salt, std::size_t salt_size, unsigned iterations, std::uint32_t key_size,
                       unsigned char* out) {
#if MBEDTLS_VERSION_NUMBER >= 0x03030000
    return mbedtls_pkcs5_pbkdf2_hmac_ext(md, password, password_size, salt, salt_size, iterations, key_size, out);
#else
    mbedtls_md_context_t context;
    mbedtls_md_init(&context);
    int rc = mbedtls_md_setup(&context, mbedtls_md_info_from_type(md), 1);
    if (rc == 0)
        rc = mbedtls_pkcs5_pbkdf2_hmac(&context, password, password_size, salt, salt_size, iterations, key_size, out);
    mbedtls_md_free(&context);
    return rc;
#endif
}

/// The serial number of a certificate to be written: a positive number, big-endian, at most 20 bytes; 0 on success.
inline int set_serial(mbedtls_x509write_cert* crt, std::span<unsigned char> serial) {
#if MBEDTLS_VERSION_NUMBER >= 0x03040000
    return mbedtls_x509write_crt_set_serial_raw(crt, serial.data(), serial.size());
#else
    mbedtls_mpi number;
    mbedtls_mpi_init(&number);
    int rc = mbedtls_mpi_read_binary(&number, serial.data(), serial.size());
    if (rc == 0) rc = mbedtls_x509write_crt_set_serial(crt, &number);
    mbedtls_mpi_free(&number);
    return rc;
#endif
}

/// Parses a private key without passphrase. PEM must end with a NUL that `size` counts.
inline int parse_key(mbedtls_pk_context* key, const unsigned char* bytes, std::size_t size, Rng rng) {
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
    return mbedtls_pk_parse_key(key, bytes, size, nullptr, 0, rng, nullptr);
#else
    static_cast<void>(rng);
    return mbedtls_pk_parse_key(key, bytes, size, nullptr, 0);
#endif
}

/// 0 if `key` is the private half of the certificate's key. (2.28 declares arguments non-const that it does not change.)
inline int check_pair(mbedtls_x509_crt* certificate, mbedtls_pk_context* key, Rng rng) {
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
    return mbedtls_pk_check_pair(&certificate->pk, key, rng, nullptr);
#else
    static_cast<void>(rng);
    return mbedtls_pk_check_pair(&certificate->pk, key);
#endif
}

/// The hash inside the certificate's signature algorithm, RSASSA-PSS parameters included.
inline mbedtls_md_type_t signature_hash(const mbedtls_x509_crt& certificate) {
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
    return certificate.MBEDTLS_PRIVATE(sig_md);
#else
    return certificate.sig_md;
#endif
}

/// Versions, groups, signature hashes and resumption. Neither library's preset is what we want: 2.28's allows TLS 1.0.
/// Groups: X25519 first, because both versions compute it faster than P-256.
inline void configure(mbedtls_ssl_config* conf, bool only_tls13) {
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
    static constexpr std::array<std::uint16_t, 4> groups{
        MBEDTLS_SSL_IANA_TLS_GROUP_X25519, MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1,
        MBEDTLS_SSL_IANA_TLS_GROUP_NONE};
    mbedtls_ssl_conf_groups(conf, groups.data());
    mbedtls_ssl_conf_min_tls_version(conf, only_tls13 ? MBEDTLS_SSL_VERSION_TLS1_3 : MBEDTLS_SSL_VERSION_TLS1_2);
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
    mbedtls_ssl_conf_tls13_key_exchange_modes(conf, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL);
#if defined(MBEDTLS_SSL_SESSION_TICKETS)
    mbedtls_ssl_conf_new_session_tickets(conf, 0);
#endif
#if defined(MBEDTLS_SSL_EARLY_DATA)
    mbedtls_ssl_conf_early_data(conf, MBEDTLS_SSL_EARLY_DATA_DISABLED);
#endif
#endif
#else
    static_cast<void>(only_tls13);
    static constexpr std::array<mbedtls_ecp_group_id, 4> groups{MBEDTLS_ECP_DP_CURVE25519, MBEDTLS_ECP_DP_SECP256R1,
                                                                MBEDTLS_ECP_DP_SECP384R1, MBEDTLS_ECP_DP_NONE};
    static constexpr std::array<int, 4> hashes{MBEDTLS_MD_SHA256, MBEDTLS_MD_SHA384, MBEDTLS_MD_SHA512,
                                               MBEDTLS_MD_NONE};
    mbedtls_ssl_conf_curves(conf, groups.data());
    mbedtls_ssl_conf_sig_hashes(conf, hashes.data());
    mbedtls_ssl_conf_min_version(conf, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
#endif
}

/// TLS 1.3 suites to be listed before those of TLS 1.2: none where the library has no TLS 1.3.
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
inline constexpr std::array<int, 3> tls13_suites{MBEDTLS_TLS1_3_AES_128_GCM_SHA256, MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
                                                 MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256};
#else
inline constexpr std::array<int, 0> tls13_suites{};
#endif

/// The library can export keying material: 3.6 from one of its later point releases on (Debian 13 has 3.6.6), never 2.28.
#if defined(MBEDTLS_SSL_KEYING_MATERIAL_EXPORT)
inline constexpr bool has_exporter = true;
#else
inline constexpr bool has_exporter = false;
#endif

/// RFC 8446 section 7.5, without context. False where the library cannot.
inline bool export_keying_material(mbedtls_ssl_context* ssl, std::string_view label, std::span<unsigned char> out) {
#if defined(MBEDTLS_SSL_KEYING_MATERIAL_EXPORT)
    return mbedtls_ssl_export_keying_material(ssl, out.data(), out.size(), label.data(), label.size(), nullptr, 0, 0) == 0;
#else
    static_cast<void>(ssl), static_cast<void>(label), static_cast<void>(out);
    return false;
#endif
}

/// What the client's Finished said, after a full handshake of TLS 1.2; empty where the library does not keep it.
inline std::span<const unsigned char> client_finished(const mbedtls_ssl_context& ssl) {
#if !defined(MBEDTLS_SSL_RENEGOTIATION)
    static_cast<void>(ssl);
    return {};
#elif MBEDTLS_VERSION_NUMBER >= 0x03000000
    return {reinterpret_cast<const unsigned char*>(ssl.MBEDTLS_PRIVATE(peer_verify_data)), ssl.MBEDTLS_PRIVATE(verify_data_len)};
#else
    return {reinterpret_cast<const unsigned char*>(ssl.peer_verify_data), ssl.verify_data_len};
#endif
}

/// The parts of the two record buffers (incoming, outgoing) whose contents no later call reads, while no record is
/// partly received, partly read or partly sent; nullopt otherwise. The first eight bytes of the incoming buffer are
/// the record counter. 3.6 marks these members private; 2.28 and 3.6 are frozen branches, so they stay where they are.
/// (3.6 may also hold a fragment of a message that a peer must not send after the handshake: it spoils its own.)
inline std::optional<std::array<std::span<unsigned char>, 2>> idle_buffers(mbedtls_ssl_context& ssl) {
#if defined(MBEDTLS_SSL_VARIABLE_BUFFER_LENGTH)
    static_cast<void>(ssl);
    return std::nullopt;  // the library shrinks its buffers itself
#else
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
#define LETHE_MEMBER(name) ssl.MBEDTLS_PRIVATE(name)
#else
#define LETHE_MEMBER(name) ssl.name
#endif
    const bool idle = LETHE_MEMBER(in_left) == 0 && LETHE_MEMBER(in_offt) == nullptr && LETHE_MEMBER(in_hslen) == 0 &&
                      LETHE_MEMBER(in_msglen) == 0 && LETHE_MEMBER(out_left) == 0;
    if (!idle || LETHE_MEMBER(in_buf) == nullptr || LETHE_MEMBER(out_buf) == nullptr) return std::nullopt;
    constexpr std::size_t counter = 8;
    return std::array{std::span(LETHE_MEMBER(in_buf) + counter, MBEDTLS_SSL_IN_CONTENT_LEN - counter),
                      std::span(LETHE_MEMBER(out_buf) + counter, MBEDTLS_SSL_OUT_CONTENT_LEN - counter)};
#undef LETHE_MEMBER
#endif
}

}  // namespace lethe::mbedtls_compat
