// SPDX-License-Identifier: AGPL-3.0-or-later
// A real TLS client, OpenSSL, against the stream.
#include <doctest/doctest.h>

#include "tests/unit/net/net_fixture.h"

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

TEST_SUITE_END();
