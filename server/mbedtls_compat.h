// SPDX-License-Identifier: AGPL-3.0-or-later
// The one place that knows the differences between mbedTLS 2.28 (Debian 12) and 3.6 (Debian 13).
#pragma once
#include <mbedtls/md.h>
#include <mbedtls/pkcs5.h>
#include <mbedtls/version.h>

#include <cstddef>
#include <cstdint>

namespace lethe::mbedtls_compat {

inline constexpr bool is_v3 = MBEDTLS_VERSION_NUMBER >= 0x03000000;

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

}  // namespace lethe::mbedtls_compat
