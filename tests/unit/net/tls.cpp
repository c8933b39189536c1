// SPDX-License-Identifier: AGPL-3.0-or-later
// OpenSSL as the client: what is spoken and what is refused.
#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "tests/unit/net/net_fixture.h"
#include "server/mbedtls_compat.h"

using namespace lethe;
using namespace lethe::test;

TEST_SUITE_BEGIN("net/tls");

TEST_CASE("a client of TLS 1.2 gets its bytes echoed, with an ECDSA or an RSA certificate") {
    for (const std::string name : {"ec", "rsa"}) {
        CAPTURE(name);
        Server server(echo_with(context(name)));
        const std::string suite = name == "ec" ? "ECDHE-ECDSA-AES128-GCM-SHA256" : "ECDHE-RSA-AES128-GCM-SHA256";
        CHECK(peer(server.port(), "echo hello") == "TLSv1.2 " + suite + " hello");
    }
}

TEST_CASE("ciphertext that trickles in byte by byte is understood") {
    Server server(echo_with(context()));
    CHECK(peer(server.port(), "bytewise") == "one byte at a time");
}

TEST_CASE("records that arrive together with the end of the handshake are not lost") {
    Server server(echo_with(context()));
    CHECK(peer(server.port(), "coalesced") == "first second third");
}

TEST_CASE("every suite has ephemeral keys and authenticated encryption") {
    Server ec(echo_with(context("ec"))), rsa(echo_with(context("rsa")));
    for (const std::string rest : {"AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"}) {
        CHECK(peer(ec.port(), "suite ECDHE-ECDSA-" + rest) == "accepted TLSv1.2 ECDHE-ECDSA-" + rest);
        CHECK(peer(rsa.port(), "suite ECDHE-RSA-" + rest) == "accepted TLSv1.2 ECDHE-RSA-" + rest);
    }
    for (const std::string suite : {"ECDHE-RSA-AES128-SHA256", "ECDHE-RSA-AES256-SHA384", "ECDHE-RSA-AES128-SHA", "AES128-GCM-SHA256",
                                    "AES256-SHA", "DHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CAMELLIA128-SHA256"}) {
        CAPTURE(suite);
        CHECK(peer(rsa.port(), "suite " + suite) == "SSLV3_ALERT_HANDSHAKE_FAILURE");
    }
    CHECK(peer(ec.port(), "suite ECDHE-ECDSA-AES128-SHA256") == "SSLV3_ALERT_HANDSHAKE_FAILURE");
}

TEST_CASE("TLS 1.0 and 1.1 are refused by name of the version") {
    Server server(echo_with(context()));
    CHECK(peer(server.port(), "old 1.0") == "TLSV1_ALERT_PROTOCOL_VERSION");
    CHECK(peer(server.port(), "old 1.1") == "TLSV1_ALERT_PROTOCOL_VERSION");
}

TEST_CASE("a client that can do TLS 1.3 gets it where the library has it, and no ticket either way") {
    Server server(echo_with(context()));
    CHECK(peer(server.port(), "newest") == (mbedtls_compat::has_tls13 ? "TLSv1.3 tickets=False" : "TLSv1.2 tickets=False"));
}

TEST_CASE("minimum 1.3 is kept where the library has it and refused at load where not") {
    auto loaded = net::TlsContext::load(
        {.certificate_path = certificate("ec"), .key_path = key("ec"), .minimum = "1.3"});
    REQUIRE(loaded.has_value() == mbedtls_compat::has_tls13);
    if (!loaded) {
        CHECK(loaded.error() == "This system's mbedTLS has no TLS 1.3: set minimum under [tls] to \"1.2\", or move to Debian 13.");
        return;
    }
    Server server(echo_with(*loaded));
    CHECK(peer(server.port(), "only13").starts_with("accepted TLSv1.3 "));
    CHECK(peer(server.port(), "suite ECDHE-ECDSA-AES128-GCM-SHA256") == "TLSV1_ALERT_PROTOCOL_VERSION");
}

TEST_CASE("a session is never resumed, by ticket or by its id") {
    Server server(echo_with(context()));
    CHECK(peer(server.port(), "resumption") == "ticket=False reused=False");
}

TEST_CASE("ALPN: the common protocol is chosen, none in common ends the handshake, and no offer is no offence") {
    Server server(echo_with(context("ec", {"xmpp-client"})));
    CHECK(peer(server.port(), "alpn h2,xmpp-client") == "accepted xmpp-client");
    const std::string refused = output_of("openssl s_client -tls1_2 -alpn h2 -connect 127.0.0.1:" + std::to_string(server.port()) +
                                          " </dev/null 2>&1 || true");
    CHECK(refused.find("alert no application protocol") != std::string::npos);
    CHECK(peer(server.port(), "alpn ''") == "accepted None");
    Server without(echo_with(context()));
    CHECK(peer(without.port(), "alpn h2") == "accepted None");
}

TEST_CASE("a client's renegotiation is refused, its connection is secure against the attack on it, and its master secret is extended") {
    Server server(echo_with(context()));
    const std::string said = output_of("printf 'R\\n' | openssl s_client -tls1_2 -connect 127.0.0.1:" + std::to_string(server.port()) +
                                       " 2>&1 || true");
    CHECK(said.find("RENEGOTIATING") != std::string::npos);
    CHECK(said.find("no renegotiation") != std::string::npos);
    CHECK(said.find("Secure Renegotiation IS supported") != std::string::npos);
    CHECK(said.find("Extended master secret: yes") != std::string::npos);
    CHECK(said.find("TLS session ticket:") == std::string::npos);
}

namespace {

/// Tells the end point binding, then closes.
asio::awaitable<void> tell_binding(std::shared_ptr<net::Stream> stream, asio::thread_pool* pool, std::shared_ptr<net::TlsContext> context,
                                   std::promise<std::shared_ptr<net::Stream>>* told) {
    auto starting = stream->start_tls(context, *pool);
    static_cast<void>(co_await std::move(starting));
    stream->close();
    told->set_value(stream);
}

}  // namespace

TEST_CASE("tls-server-end-point is the hash of the certificate by its signature's hash, SHA-256 in place of SHA-1") {
    for (const auto& [name, digest] : {std::pair("ec", "sha256"), {"rsa", "sha256"}, {"sha384", "sha384"}, {"sha1", "sha256"}}) {
        CAPTURE(name);
        auto tls = context(name);
        std::promise<std::shared_ptr<net::Stream>> told;
        Server server([&](std::shared_ptr<net::Stream> stream, asio::thread_pool* pool) { return tell_binding(stream, pool, tls, &told); });
        peer(server.port(), "suite ALL");
        auto stream = told.get_future().get();
        std::string hex;
        for (const std::uint8_t byte : stream->tls_server_end_point())
            for (const int digit : {byte >> 4, byte & 15}) hex.push_back("0123456789abcdef"[digit]);
        const std::string expected = output_of("openssl x509 -outform der -in " + certificate(name) + " | openssl dgst -r -" + digest);
        CHECK(hex == expected.substr(0, expected.find(' ')));
        CHECK(stream->encrypted());
        CHECK(stream->tls_version() == "TLSv1.2");
        CHECK(stream->tls_exporter() == std::nullopt);
    }
}

TEST_SUITE_END();
