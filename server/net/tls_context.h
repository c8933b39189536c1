// SPDX-License-Identifier: AGPL-3.0-or-later
// What is behind TlsContext, for the engine: read-only once loaded, so that every thread may use it.
#pragma once
#include <mbedtls/ssl.h>

#include <string>
#include <vector>

#include "server/net/certificate.h"
#include "server/net/stream.h"

namespace lethe::net {

struct TlsContext::Impl {
    Impl() { mbedtls_ssl_config_init(&conf); }
    ~Impl() { mbedtls_ssl_config_free(&conf); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    mbedtls_ssl_config conf;
    Certificate certificate;
    // mbedTLS keeps pointers into these.
    std::vector<std::string> alpn;
    std::vector<const char*> alpn_names;
    std::vector<int> suites;
};

}  // namespace lethe::net
