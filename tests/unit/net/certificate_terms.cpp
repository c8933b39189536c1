// SPDX-License-Identifier: AGPL-3.0-or-later
// Whose certificate is it, and until when? As clients look at it.
#include "server/net/certificate_terms.h"

#include <doctest/doctest.h>

#include "tests/unit/net/net_fixture.h"

using namespace lethe;
using namespace lethe::test;

TEST_SUITE_BEGIN("net/certificate_terms");

namespace {

/// Of a certificate with this subjectAltName, as openssl writes it.
net::CertificateTerms terms(const std::string& names, const net::CertificateSubject& subject) {
    const Directory d;
    const auto path = d.file("cert.pem");
    output_of("openssl req -x509 -key " + key("ec") + " -days 30 -subj /CN=chat.example -addext 'subjectAltName=" + names + "' -out " + path + " 2>&1");
    const auto context = net::TlsContext::load({.certificate_path = path, .key_path = key("ec")});
    REQUIRE(context.has_value());
    return net::certificate_terms(**context, subject);
}

bool is_for(const std::string& names, const net::CertificateSubject& subject = {"chat.example", "chat.example"}) {
    CAPTURE(names);
    return terms(names, subject).names_subject;
}

}  // namespace

TEST_CASE("a certificate is for the domain if one of its names is the domain's") {
    CHECK(is_for("DNS:chat.example"));
    CHECK(is_for("DNS:CHAT.Example"));
    CHECK(is_for("DNS:www.example,DNS:chat.example"));
    CHECK(!is_for("DNS:other.example"));
    CHECK(!is_for("DNS:example"));
    CHECK(!is_for("DNS:chat.example.net"));
    CHECK(!is_for("DNS:a.chat.example"));
    CHECK(!is_for("email:chat.example"));
    CHECK(is_for("DNS:xn--bcher-kva.example", {"bücher.example", "xn--bcher-kva.example"}));
}

TEST_CASE("a wildcard stands for one label, and not for a top-level domain's") {
    CHECK(is_for("DNS:*.chat.example", {"a.chat.example", "a.chat.example"}));
    CHECK(!is_for("DNS:*.chat.example"));
    CHECK(!is_for("DNS:*.chat.example", {"a.b.chat.example", "a.b.chat.example"}));
    CHECK(!is_for("DNS:*.example"));
    CHECK(!is_for("DNS:c*.example"));
    CHECK(!is_for("DNS:*"));
}

TEST_CASE("names for XMPP and addresses of machines count too") {
    const std::string xmpp = "otherName:1.3.6.1.5.5.7.8.5;UTF8:", service = "otherName:1.3.6.1.5.5.7.8.7;IA5STRING:";
    CHECK(is_for(xmpp + "chat.example"));
    CHECK(is_for(xmpp + "Chat.Example"));
    CHECK(!is_for(xmpp + "other.example"));
    CHECK(is_for(service + "_xmpp-client.chat.example"));
    CHECK(!is_for(service + "_xmpp-server.chat.example"));
    CHECK(!is_for(service + "_xmpp-client.other.example"));
    CHECK(!is_for("otherName:1.2.3.4;UTF8:chat.example"));
    CHECK(is_for("IP:192.0.2.7", {"192.0.2.7", "192.0.2.7"}));
    CHECK(is_for("IP:2001:db8::7", {"[2001:db8::7]", "2001:db8::7"}));
    CHECK(!is_for("IP:192.0.2.8", {"192.0.2.7", "192.0.2.7"}));
    CHECK(!is_for("DNS:chat.example", {"192.0.2.7", "192.0.2.7"}));
}

TEST_CASE("a common name does not count, and a certificate without names has none") {
    const auto without = context("ec");
    CHECK(!net::certificate_terms(*without, {"chat.example", "chat.example"}).names_subject);
}

TEST_CASE("its end is told in seconds") {
    const auto until = net::certificate_terms(*context("ec"), {}).until;
    CHECK(until == 2524521600);  // 2049-12-31, 00:00 UTC
}

TEST_SUITE_END();
