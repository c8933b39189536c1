// SPDX-License-Identifier: AGPL-3.0-or-later
// Reads a certificate chain and its private key from PEM files and refuses what no client would accept.
#pragma once
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

namespace lethe::net {

/// mbedTLS's random source: libsodium, which every thread may call.
int random_bytes(void*, unsigned char* out, std::size_t size);

/// Both are freed by the owner, who initialised them. Not copied: mbedTLS keeps pointers to them.
struct Certificate {
    Certificate();
    ~Certificate();
    Certificate(const Certificate&) = delete;
    Certificate& operator=(const Certificate&) = delete;

    mbedtls_x509_crt chain;  ///< the server's own certificate first
    mbedtls_pk_context key;
    std::vector<std::uint8_t> end_point;  ///< RFC 5929 tls-server-end-point of the first certificate
};

/// Fills `into`. The error is one sentence that names the file and the remedy.
std::expected<void, std::string> load_certificate(const std::string& chain_path, const std::string& key_path,
                                                  Certificate& into);

}  // namespace lethe::net
