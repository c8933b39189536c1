// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/net/tls_context.h"

#include <mbedtls/ssl_ciphersuites.h>
#include <sodium.h>

#include "server/mbedtls_compat.h"

namespace lethe::net {

namespace {

using Failure = std::unexpected<std::string>;

/// Ephemeral key exchange and authenticated encryption only: recorded traffic must stay closed to whoever takes the key later.
std::vector<int> suites() {
    std::vector<int> all(mbedtls_compat::tls13_suites.begin(), mbedtls_compat::tls13_suites.end());
    for (int suite : {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                      MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
                      MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
                      MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, 0})
        all.push_back(suite);
    return all;
}

/// Once for the process; later loads (reload of certificates) find it done.
bool library_ready() {
    static const bool ready = sodium_init() >= 0 && mbedtls_compat::start();
    return ready;
}

}  // namespace

std::expected<std::shared_ptr<TlsContext>, std::string> TlsContext::load(const Options& options) {
    if (!library_ready()) return Failure("The cryptographic libraries could not be started: the kernel gives no random bytes.");
    if (options.minimum != "1.2" && options.minimum != "1.3")
        return Failure("\"" + options.minimum + "\" is no TLS version: set minimum under [tls] to \"1.2\" or \"1.3\".");
    if (options.minimum == "1.3" && !mbedtls_compat::has_tls13)
        return Failure("This system's mbedTLS has no TLS 1.3: set minimum under [tls] to \"1.2\", or move to Debian 13.");

    auto impl = std::make_unique<Impl>();
    if (auto loaded = load_certificate(options.certificate_path, options.key_path, impl->certificate); !loaded)
        return Failure(loaded.error());
    mbedtls_ssl_config* conf = &impl->conf;
    if (mbedtls_ssl_config_defaults(conf, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT) != 0)
        return Failure("The TLS library refuses its own defaults: reinstall the package libmbedtls.");
    mbedtls_ssl_conf_rng(conf, random_bytes, nullptr);
    mbedtls_compat::configure(conf, options.minimum == "1.3");
    impl->suites = suites();
    mbedtls_ssl_conf_ciphersuites(conf, impl->suites.data());
    // The library's defaults today; said here because promises of ours rest on them. No ticket and no cache
    // callback is ever set, so nothing of a session outlives it.
    mbedtls_ssl_conf_authmode(conf, MBEDTLS_SSL_VERIFY_NONE);
    mbedtls_ssl_conf_renegotiation(conf, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
    mbedtls_ssl_conf_extended_master_secret(conf, MBEDTLS_SSL_EXTENDED_MS_ENABLED);
    if (mbedtls_ssl_conf_own_cert(conf, &impl->certificate.chain, &impl->certificate.key) != 0)
        return Failure("There is not enough memory to load the TLS certificate " + options.certificate_path + ".");
    impl->alpn = options.alpn;
    for (const std::string& name : impl->alpn) impl->alpn_names.push_back(name.c_str());
    if (!impl->alpn_names.empty()) {
        impl->alpn_names.push_back(nullptr);
        if (mbedtls_ssl_conf_alpn_protocols(conf, impl->alpn_names.data()) != 0)
            return Failure("An ALPN protocol name is empty or longer than 255 bytes.");
    }
    return std::shared_ptr<TlsContext>(new TlsContext(std::move(impl)));
}

TlsContext::TlsContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsContext::~TlsContext() = default;

}  // namespace lethe::net
