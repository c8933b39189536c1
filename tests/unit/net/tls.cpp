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
    for (const std::string& version : versions()) CHECK(peer(server.port(), "bytewise", version) == "one byte at a time");
}

TEST_CASE("records that arrive together with the end of the handshake are not lost") {
    Server server(echo_with(context()));
    for (const std::string& version : versions()) CHECK(peer(server.port(), "coalesced", version) == "first second third");
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
    const auto echoed = peer(server.port(), "echo hello", "1.3");  // any suite of TLS 1.3 is a good one
    CAPTURE(echoed);
    CHECK(echoed.starts_with("TLSv1.3 TLS_"));
    CHECK(echoed.ends_with(" hello"));
    CHECK(peer(server.port(), "suite ECDHE-ECDSA-AES128-GCM-SHA256") == "TLSV1_ALERT_PROTOCOL_VERSION");
}

TEST_CASE("a session is never resumed, by ticket or by its id") {
    Server server(echo_with(context()));
    for (const std::string& version : versions()) CHECK(peer(server.port(), "resumption", version) == "ticket=False reused=False");
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

struct Bindings {
    std::vector<std::uint8_t> end_point;
    std::optional<std::vector<std::uint8_t>> exporter, exporter_after_close, unique, unique_after_close;
    std::string version;
};

asio::awaitable<void> tell_bindings(std::shared_ptr<net::Stream> stream, Server* server, std::shared_ptr<net::TlsContext> tls,
                                    std::promise<Bindings>* told) {
    auto starting = stream->start_tls(tls, server->pool);
    static_cast<void>(co_await std::move(starting));
    Bindings all;
    all.exporter = stream->tls_exporter();
    all.unique = stream->tls_unique();
    auto finishing = stream->finish(1 << 20);
    co_await std::move(finishing);
    all.end_point = stream->tls_server_end_point();
    all.exporter_after_close = stream->tls_exporter();
    all.unique_after_close = stream->tls_unique();
    all.version = stream->tls_version();
    told->set_value(all);
}

/// What the server and `openssl s_client` with these arguments make of one connection.
std::pair<Bindings, std::string> bindings(const std::string& name, const std::string& arguments) {
    auto tls = context(name);
    std::promise<Bindings> told;
    Server server([&](std::shared_ptr<net::Stream> stream, Server* own) { return tell_bindings(stream, own, tls, &told); });
    std::string said = output_of("openssl s_client " + arguments + " -connect 127.0.0.1:" + std::to_string(server.port()) + " </dev/null 2>&1");
    return {told.get_future().get(), std::move(said)};
}

std::string hex(const std::vector<std::uint8_t>& bytes) {
    std::string text;
    for (const std::uint8_t byte : bytes)
        for (const int digit : {byte >> 4, byte & 15}) text.push_back("0123456789abcdef"[digit]);
    return text;
}

}  // namespace

TEST_CASE("tls-server-end-point is the hash of the certificate by its signature's hash, SHA-256 in place of SHA-1") {
    for (const auto& [name, digest] : {std::pair("ec", "sha256"), {"rsa", "sha256"}, {"sha384", "sha384"}, {"sha1", "sha256"}}) {
        CAPTURE(name);
        const auto [all, said] = bindings(name, "-tls1_2");
        const std::string expected = output_of("openssl x509 -outform der -in " + certificate(name) + " | openssl dgst -r -" + digest);
        CHECK(hex(all.end_point) == expected.substr(0, expected.find(' ')));
        CHECK(all.version == "TLSv1.2");
        CHECK(all.exporter == std::nullopt);
    }
}

TEST_CASE("tls-unique is what the client computes, on TLS 1.2 alone") {
    for (const std::string& version : versions()) {
        CAPTURE(version);
        auto tls = context();
        std::promise<Bindings> told;
        Server server([&](std::shared_ptr<net::Stream> stream, Server* own) { return tell_bindings(stream, own, tls, &told); });
        const std::string theirs = peer(server.port(), "unique", version);
        const auto all = told.get_future().get();
        CHECK(all.unique_after_close == std::nullopt);
        REQUIRE(all.unique.has_value() == (version == "1.2"));
        if (all.unique) CHECK(theirs == "TLSv1.2 " + hex(*all.unique));
    }
}

TEST_CASE("tls-exporter is what the client computes, on TLS 1.3 where the library can") {
    const auto [all, said] = bindings("ec", "-keymatexport EXPORTER-Channel-Binding -keymatexportlen 32");
    CHECK(all.version == (mbedtls_compat::has_tls13 ? "TLSv1.3" : "TLSv1.2"));
    CHECK(all.exporter.has_value() == (mbedtls_compat::has_tls13 && mbedtls_compat::has_exporter));
    CHECK(all.exporter_after_close == std::nullopt);
    if (!all.exporter) return;
    std::string theirs = said.substr(said.find("Keying material: ") + 17, 64);
    for (char& c : theirs) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    CHECK(hex(*all.exporter) == theirs);
}

TEST_SUITE_END();
