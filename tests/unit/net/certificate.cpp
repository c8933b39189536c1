// SPDX-License-Identifier: AGPL-3.0-or-later
// Each way in which a certificate or key cannot be used has its sentence: what is wrong, where, and what to do.
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "tests/unit/net/net_fixture.h"

using namespace lethe;
using namespace lethe::test;

TEST_SUITE_BEGIN("net/certificate");

namespace {

std::string load(const std::string& certificate_path, const std::string& key_path) {
    auto loaded = net::TlsContext::load({.certificate_path = certificate_path, .key_path = key_path});
    return loaded ? "loaded" : loaded.error();
}

std::string contents(const std::string& path) { return output_of("cat " + path); }

}  // namespace

TEST_CASE("a file that does not exist, or is no file, is named with the remedy") {
    const Directory d;
    const std::string missing = d.file("nowhere.pem");
    const std::string remedy = " does not exist: create it (lethectl init makes a self-signed one) or correct its path in lethe.toml.";
    CHECK(load(missing, key("ec")) == "The TLS certificate " + missing + remedy);
    CHECK(load(certificate("ec"), missing) == "The TLS key " + missing + remedy);
    CHECK(load(d.path.string(), key("ec")) == "The TLS certificate " + d.path.string() + " is a directory, not a regular file: correct its path in lethe.toml.");
}

TEST_CASE("a file that the server's user may not read is named as such") {
    const Directory d;
    const std::string closed = d.write("cert.pem", contents(certificate("ec")), 0);
    const std::string good_key = d.write("key.pem", contents(key("ec")));
    const bool root = ::geteuid() == 0;
    if (root) {
        std::filesystem::permissions(d.path, std::filesystem::perms(0711));
        REQUIRE(::seteuid(65534) == 0);
    }
    const std::string said = load(closed, good_key);
    if (root) REQUIRE(::seteuid(0) == 0);
    CHECK(said == "The TLS certificate " + closed + " cannot be read by the server's user: give that user or its group the right to read it.");
}

TEST_CASE("a key may be readable by its owner and by a group, and by nobody else") {
    const Directory d;
    for (const unsigned mode : {0600U, 0400U, 0640U, 0440U}) {
        CAPTURE(mode);
        CHECK(load(certificate("ec"), d.write("key.pem", contents(key("ec")), mode)) == "loaded");
    }
    for (const auto& [mode, text] : {std::pair(0644U, "0644"), {0604U, "0604"}, {0660U, "0660"}, {0700U, "0700"}, {0602U, "0602"}}) {
        const std::string path = d.write("key.pem", contents(key("ec")), mode);
        CHECK(load(certificate("ec"), path) == "The TLS key " + path + " is open to others (mode " + text +
                                                   "): chmod 0600 it, or 0640 if the server reads it through its own group.");
    }
}

TEST_CASE("a key that belongs to another certificate is refused, the chain's order included") {
    CHECK(load(certificate("ec"), key("rsa")) == "The TLS key " + key("rsa") + " does not belong to the first certificate in " + certificate("ec") +
                                                     ": use the two files of one issue, with the server's own certificate first.");
    const Directory d;
    CHECK(load(d.write("chain.pem", contents(certificate("rsa")) + contents(certificate("ec"))), key("rsa")) == "loaded");
    CHECK(load(d.write("chain.pem", contents(certificate("ec")) + contents(certificate("rsa"))), key("rsa")).find("does not belong to the first") !=
          std::string::npos);
}

TEST_CASE("a certificate out of its time is refused with the date") {
    CHECK(load(certificate("expired"), key("expired")) == "The TLS certificate " + certificate("expired") + " expired on 2020-02-01: renew it.");
    CHECK(load(certificate("future"), key("future")) == "The TLS certificate " + certificate("future") +
                                                             " is not valid before 2048-01-01: check the clock, or use a certificate that is valid now.");
}

TEST_CASE("files that are not what they should be are told apart") {
    const Directory d;
    const std::string good = certificate("ec"), good_key = key("ec");

    const std::string der = d.write("cert.der", output_of("openssl x509 -outform der -in " + good));
    CHECK(load(der, good_key) == "The TLS certificate " + der + " is not PEM: convert it so that it begins with -----BEGIN CERTIFICATE-----.");
    const std::string empty = d.write("empty.pem", "");
    CHECK(load(empty, good_key) == "The TLS certificate " + empty + " is not PEM: convert it so that it begins with -----BEGIN CERTIFICATE-----.");
    const std::string der_key = d.write("key.der", output_of("openssl pkey -outform der -in " + good_key));
    CHECK(load(good, der_key) == "The TLS key " + der_key + " is not PEM: convert it so that it begins with -----BEGIN PRIVATE KEY-----.");

    CHECK(load(good_key, good_key) == "The TLS certificate " + good_key + " holds no certificate: name the file with the certificate chain in lethe.toml.");
    const std::string no_key = d.write("nokey.pem", contents(good));
    CHECK(load(good, no_key) == "The TLS key " + no_key + " holds no private key that the TLS library knows: use an ECDSA P-256 or RSA key.");

    const std::string locked = d.write("locked.pem", output_of("openssl pkey -aes256 -passout pass:x -in " + good_key));
    CHECK(load(good, locked) ==
          "The TLS key " + locked + " is encrypted with a passphrase: remove it with openssl pkey, so that the server can start alone.");

    std::string text = contents(good);
    const std::string second = text;
    text.resize(text.size() / 2);
    const std::string damaged = d.write("damaged.pem", second + text + "\n-----END CERTIFICATE-----\n");
    CHECK(load(damaged, good_key) == "The TLS certificate " + damaged +
                                         " holds a certificate that is damaged or of a kind the TLS library does not know: use an ECDSA P-256 or RSA certificate.");
}

TEST_CASE("an Ed25519 certificate, which the library does not know, is refused in words") {
    const Directory d;
    output_of("cd " + d.path.string() + " && openssl req -x509 -newkey ed25519 -nodes -keyout key.pem -out cert.pem -subj /CN=x 2>/dev/null && chmod 600 key.pem");
    CHECK(load(d.file("cert.pem"), d.file("key.pem")).find("of a kind the TLS library does not know") != std::string::npos);
}

TEST_CASE("a minimum version that is none is refused") {
    auto loaded = net::TlsContext::load({.certificate_path = certificate("ec"), .key_path = key("ec"), .minimum = "1.1"});
    REQUIRE(!loaded);
    CHECK(loaded.error() == "\"1.1\" is no TLS version: set minimum under [tls] to \"1.2\" or \"1.3\".");
}

TEST_SUITE_END();
