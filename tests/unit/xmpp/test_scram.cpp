// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include <algorithm>
#include <type_traits>

#include "server/xmpp/base64.h"
#include "server/xmpp/scram.h"
#include "server/xmpp/scram_keys.h"

using namespace lethe::xmpp;
using namespace lethe::xmpp::scram;
using Bytes = std::vector<std::uint8_t>;

namespace {

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }
std::string base64_of(std::string_view text) { return base64::encode(bytes_of(text)); }

const ChannelBinding no_binding;
const ChannelBinding both{.tls_server_end_point = bytes_of("certificate hash"),
                          .tls_exporter = bytes_of("exported key"),
                          .tls_unique = bytes_of("finished")};

struct Login {
    Hash hash = Hash::sha_256;
    bool plus = false;
    ChannelBinding binding = no_binding;
    std::string password = "pencil", used_password = "pencil";
};

/// A client that follows the RFC up to the point where a test lets it deviate.
struct Client {
    explicit Client(const Login& how)
        : login(how), exchange(how.hash, how.plus, how.binding, "3rfcNHYJY1ZVvWVs7j") {}

    std::expected<Exchange::ClientFirst, Failure> first(std::string_view gs2,
                                                        std::string_view bare = "n=user,r=fyko") {
        client_bare = bare;
        header = gs2;
        const auto result = exchange.client_first(header + client_bare);
        if (result) {
            const Bytes salt = bytes_of("0123456789abcdef");
            auto derived = derive_credential(login.hash, login.password, salt, 4);
            server_first = exchange.server_first(derived.verifier);
            nonce = server_first.substr(2, server_first.find(',') - 2);
        }
        return result;
    }
    std::string proof(std::string_view without_proof) const {
        const auto derived =
            derive_credential(login.hash, login.used_password, bytes_of("0123456789abcdef"), 4);
        Digest signature;
        hmac(login.hash, derived.verifier.stored_key,
             client_bare + "," + server_first + "," + std::string(without_proof), signature);
        Bytes out(signature.view().begin(), signature.view().end());
        derived.client_key.with_bytes([&](std::span<const std::uint8_t> key) {
            for (std::size_t i = 0; i < out.size(); ++i) out[i] ^= key[i];
        });
        return base64::encode(out);
    }
    std::string final_with(std::string_view cbind_data, std::string_view nonce_sent,
                           std::string_view extensions = "") const {
        const std::string without = "c=" + base64_of(header + std::string(cbind_data)) +
                                    ",r=" + std::string(nonce_sent) + std::string(extensions);
        return without + ",p=" + proof(without);
    }
    std::expected<Exchange::Success, Failure> finish(std::string_view cbind_data = "") {
        return exchange.client_final(final_with(cbind_data, nonce));
    }

    Login login;
    Exchange exchange;
    std::string header, client_bare, server_first, nonce;
};

std::optional<Failure> failure_of_first(std::string_view message, const Login& how = {}) {
    Exchange e(how.hash, how.plus, how.binding, "serverpart");
    const auto result = e.client_first(message);
    return result ? std::nullopt : std::optional(result.error());
}

}  // namespace

TEST_SUITE("xmpp/scram") {
    TEST_CASE("RFC 5802 section 5: the SHA-1 exchange, byte for byte") {
        const auto salt = base64::decode("QSXCR+Q6sek8bf92");
        REQUIRE(salt);
        Derived derived = derive_credential(Hash::sha_1, "pencil", *salt, 4096);
        Exchange e(Hash::sha_1, false, no_binding, "3rfcNHYJY1ZVvWVs7j");
        const auto first = e.client_first("n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
        REQUIRE(first);
        CHECK(first->username == "user");
        CHECK_FALSE(first->authzid);
        CHECK(e.server_first(derived.verifier) ==
              "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096");
        const auto done = e.client_final(
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=");
        REQUIRE(done);
        CHECK(done->server_final == "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=");
    }

    TEST_CASE("RFC 7677 section 3: the SHA-256 exchange, byte for byte") {
        const auto salt = base64::decode("W22ZaJ0SNY7soEsUEjb6gQ==");
        REQUIRE(salt);
        Derived derived = derive_credential(Hash::sha_256, "pencil", *salt, 4096);
        Exchange e(Hash::sha_256, false, no_binding, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
        REQUIRE(e.client_first("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
        CHECK(e.server_first(derived.verifier) ==
              "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
        const auto done = e.client_final(
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+"
            "Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        REQUIRE(done);
        CHECK(done->server_final == "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    TEST_CASE("the digest of what was offered: the example of XEP-0474, and without channel binding") {
        CHECK(offer_digest(Hash::sha_1, {"SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"}, {"tls-server-end-point", "tls-exporter"}) ==
              "G6k/rBLDqgOhRRaCuuatSDFkJ08=");
        CHECK(offer_digest(Hash::sha_256, {"SCRAM-SHA-256", "SCRAM-SHA-1"}, {}) == "0/NIECGLXv63MqTb7NyUI9Tqxi40YVZyx61umRrH924=");
    }

    TEST_CASE("a login recovers the client key of the password, whatever the hash") {
        for (Hash hash : {Hash::sha_1, Hash::sha_256}) {
            Client c({.hash = hash});
            REQUIRE(c.first("n,,"));
            const auto done = c.finish();
            REQUIRE(done);
            const auto derived = derive_credential(hash, "pencil", bytes_of("0123456789abcdef"), 4);
            const auto copy = [](std::span<const std::uint8_t> b) { return Bytes(b.begin(), b.end()); };
            CHECK(done->client_key.with_bytes(copy) == derived.client_key.with_bytes(copy));
            CHECK(done->client_key.with_bytes(copy).size() == size_of(hash));
        }
    }

    TEST_CASE("a wrong password, a made-up verifier and a bent proof are the same refusal") {
        Client wrong({.used_password = "pencil2"});
        REQUIRE(wrong.first("n,,"));
        CHECK(wrong.finish().error() == Failure::not_authorized);

        Client made_up({});
        REQUIRE(made_up.first("n,,"));
        Verifier fake{.hash = Hash::sha_256,
                      .iterations = 4,
                      .salt = bytes_of("0123456789abcdef"),
                      .stored_key = Bytes(32, 7),
                      .server_key = Bytes(32, 9)};
        made_up.server_first = made_up.exchange.server_first(fake);
        CHECK(made_up.finish().error() == Failure::not_authorized);

        Client bent({});
        REQUIRE(bent.first("n,,"));
        std::string message = bent.final_with("", bent.nonce);
        const std::size_t at = message.rfind(",p=") + 3;
        message[at] = message[at] == 'A' ? 'B' : 'A';
        CHECK(bent.exchange.client_final(message).error() == Failure::not_authorized);
    }

    TEST_CASE("a verifier without keys lets nobody in") {
        Client c({});
        REQUIRE(c.first("n,,"));
        c.server_first = c.exchange.server_first(
            {.hash = Hash::sha_256, .iterations = 4, .salt = {}, .stored_key = {}, .server_key = {}});
        CHECK_FALSE(c.finish());
    }

    TEST_CASE("a first message outside the grammar is malformed") {
        for (const char* bad : {"",
                                ",",
                                ",,",
                                "n",
                                "n,",
                                "n,,",
                                "n,,n=user",
                                "n,,r=nonce",
                                "n,,n=,r=nonce",
                                "n,,n=user,r=",
                                "n,,r=nonce,n=user",
                                "n,,n=user,r=a b",
                                "n,,n=user,r=\u00E9",
                                "n,,n=user,r=nonce,",
                                "n,,n=user,r=nonce,,",
                                "n,,n=user,r=nonce,x",
                                "n,,n=user,r=nonce,x=",
                                "n,,n=user,r=nonce,1=x",
                                "n,,m=ext,n=user,r=nonce",
                                "n,,n=user,r=nonce,m=ext",
                                "n,,n=user,m=ext,r=nonce",
                                "n,n=user,r=nonce",
                                "nn,,n=user,r=nonce",
                                "N,,n=user,r=nonce",
                                "x,,n=user,r=nonce",
                                ",,n=user,r=nonce",
                                "n,a=,n=user,r=nonce",
                                "n,b=x,n=user,r=nonce",
                                "n,a=x=,n=user,r=nonce",
                                "n,a=x=2c,n=user,r=nonce",
                                "n,,n=us=er,r=nonce",
                                "n,,n=user=,r=nonce",
                                "n,,n=user=2,r=nonce",
                                "n,,n=user=2c,r=nonce",
                                "n,,n=user=3d,r=nonce",
                                "n,,n=user=41,r=nonce",
                                "p=,,n=user,r=nonce",
                                "p=tls-exporter,,n=user,r=nonce",
                                " n,,n=user,r=nonce",
                                "n,,n=user,,r=nonce",
                                "n,,N=user,r=nonce",
                                "n,,n=us\xFF"
                                "er,r=nonce",
                                "n,,n=us\x07"
                                "er,r=nonce",
                                "n,,n=\u00AD,r=nonce"}) {
            CAPTURE(bad);
            CHECK(failure_of_first(bad) == Failure::malformed_request);
        }
        CHECK(failure_of_first(std::string_view("n,,n=us\0er,r=nonce", 18)) == Failure::malformed_request);
        CHECK(failure_of_first(std::string_view("n,,n=user,r=nonce\0", 18)) == Failure::malformed_request);
    }

    TEST_CASE("extensions that may be ignored are ignored") {
        Client c({});
        REQUIRE(c.first("n,,", "n=user,r=fyko,x=anything,Y=b=c"));
        CHECK(c.finish());
        Client d({});
        REQUIRE(d.first("n,,"));
        CHECK(d.exchange.client_final(d.final_with("", d.nonce, ",x=y")));
    }

    TEST_CASE("user names are unescaped and prepared, the authorization identity unescaped") {
        const auto first = [](std::string_view message) {
            Exchange e(Hash::sha_256, false, no_binding, "s");
            return e.client_first(message);
        };
        CHECK(first("n,,n=a=2Cb=3Dc=3D2C,r=x")->username == "a,b=c=2C");
        CHECK(first("n,,n=I\u00ADX,r=x")->username == "IX");
        CHECK(first("n,,n=\u2168,r=x")->username == "IX");
        CHECK(first("n,,n=\u0221,r=x")->username == "\u0221");  // unknown to Unicode 3.2, allowed in a query
        CHECK(first("n,a=boss=2C=3D@example.com,n=user,r=x")->authzid == "boss,=@example.com");
        CHECK_FALSE(first("n,,n=user,r=x")->authzid);
    }

    TEST_CASE("channel binding: each type with its own data, and nothing else") {
        for (const auto& [type, data] : {std::pair("tls-server-end-point", "certificate hash"),
                                         std::pair("tls-exporter", "exported key"), std::pair("tls-unique", "finished")}) {
            for (Hash hash : {Hash::sha_1, Hash::sha_256}) {
                const Login how{.hash = hash, .plus = true, .binding = both};
                const std::string gs2 = "p=" + std::string(type) + ",,";
                Client good(how);
                REQUIRE(good.first(gs2));
                CHECK(good.finish(data));
                for (const char* wrong : {"", "other data", "certificate hash ", "exported ke", "n,,"}) {
                    Client c(how);
                    REQUIRE(c.first(gs2));
                    CHECK(c.finish(wrong).error() == Failure::not_authorized);
                }
            }
        }
        Client swapped({.plus = true, .binding = both});
        REQUIRE(swapped.first("p=tls-exporter,,"));
        CHECK(swapped.finish("certificate hash").error() == Failure::not_authorized);
    }

    TEST_CASE("the binding flag must fit the mechanism and what was offered") {
        const Login plus{.plus = true, .binding = both}, plain{.binding = both};
        CHECK(failure_of_first("n,,n=user,r=x", plus) == Failure::malformed_request);
        CHECK(failure_of_first("y,,n=user,r=x", plus) == Failure::malformed_request);
        CHECK(failure_of_first("p=tls-magic,,n=user,r=x", plus) == Failure::not_authorized);
        CHECK(failure_of_first("p=TLS-EXPORTER,,n=user,r=x", plus) == Failure::not_authorized);
        CHECK(failure_of_first("p=tls-exporter,,n=user,r=x", plain) == Failure::malformed_request);
        CHECK(failure_of_first("n,,n=user,r=x", plain) == std::nullopt);
        // Somebody removed -PLUS from what this client saw.
        CHECK(failure_of_first("y,,n=user,r=x", plain) == Failure::not_authorized);
        CHECK(failure_of_first("y,,n=user,r=x", {}) == std::nullopt);
        const ChannelBinding end_point{.tls_server_end_point = bytes_of("x"), .tls_exporter = std::nullopt, .tls_unique = std::nullopt};
        CHECK(failure_of_first("p=tls-exporter,,n=user,r=x", {.plus = true, .binding = end_point}) ==
              Failure::not_authorized);
        CHECK(failure_of_first("p=tls-server-end-point,,n=user,r=x", {.plus = true, .binding = end_point}) ==
              std::nullopt);
    }

    TEST_CASE("the final message must repeat the header of the first") {
        Client c({});
        REQUIRE(c.first("n,,"));
        c.header = "y,,";
        CHECK(c.finish().error() == Failure::not_authorized);
        Client d({});
        REQUIRE(d.first("n,a=x,"));
        CHECK(d.finish());
        Client e({});
        REQUIRE(e.first("n,a=x,"));
        e.header = "n,,";
        CHECK(e.finish().error() == Failure::not_authorized);
    }

    TEST_CASE("the nonce must be exactly the one agreed on") {
        for (const char* wrong : {"fyko", "3rfcNHYJY1ZVvWVs7j", "fyko3rfcNHYJY1ZVvWVs7",
                                  "fyko3rfcNHYJY1ZVvWVs7jx", "FYKO3rfcNHYJY1ZVvWVs7j"}) {
            Client c({});
            REQUIRE(c.first("n,,"));
            CHECK(c.exchange.client_final(c.final_with("", wrong)).error() == Failure::not_authorized);
        }
    }

    TEST_CASE("a final message outside the grammar is malformed, broken base64 is an encoding error") {
        const auto failure = [](auto make) {
            Client c({});
            REQUIRE(c.first("n,,"));
            const auto result = c.exchange.client_final(make(c));
            return result ? std::nullopt : std::optional(result.error());
        };
        const auto fixed = [&](std::string text) { return failure([&](Client&) { return text; }); };
        for (const char* bad :
             {"", "c=biws", "c=biws,r=x", "c=biws,p=AAAA", "r=x,p=AAAA", "r=x,c=biws,p=AAAA", "c=,r=x,p=AAAA",
              "c=biws,r=,p=AAAA", "c=biws,r=x,p=", "c=biws,r=x,,p=AAAA", "p=AAAA,c=biws,r=x",
              "c=biws,r=x,y,p=AAAA", "c=biws,r=x,m=z,p=AAAA", "c=biws,r=x,p=AAAA,p=AAAA",
              "c=biws,r=x\xFF,p=AAAA", "c=biws,r=x,p=AAAA"}) {
            CAPTURE(bad);
            CHECK(fixed(bad) == Failure::malformed_request);
        }
        CHECK(fixed(std::string("c=biws,r=x\0,p=AAAA", 18)) == Failure::malformed_request);
        CHECK(failure([](Client& c) { return c.final_with("", c.nonce, ",m=z"); }) ==
              Failure::malformed_request);
        CHECK(failure([](Client& c) { return c.final_with("", c.nonce) + ",x=y"; }) ==
              Failure::incorrect_encoding);
        for (const char* bad :
             {"c=biw,r=x,p=AAAA", "c=biws=,r=x,p=AAAA", "c=bi ws,r=x,p=AAAA", "c=biws,r=x,p=AAA",
              "c=biws,r=x,p=A===", "c=biws,r=x,p=AB==", "c=biws,r=x,p=AAAA\n"}) {
            CAPTURE(bad);
            CHECK(fixed(bad) == Failure::incorrect_encoding);
        }
        // A proof of the other hash's length.
        CHECK(fixed("c=biws,r=fyko3rfcNHYJY1ZVvWVs7j,p=" + base64::encode(Bytes(20, 1))) ==
              Failure::malformed_request);
    }

    TEST_CASE("a client key moves and leaves nothing behind") {
        static_assert(!std::is_copy_constructible_v<ClientKey>);
        static_assert(!std::is_copy_assignable_v<ClientKey>);
        const auto size = [](const ClientKey& k) { return k.with_bytes([](auto b) { return b.size(); }); };
        ClientKey a(Bytes(32, 0x5A));
        alignas(ClientKey) unsigned char room[sizeof(ClientKey)];
        auto* b = new (room) ClientKey(std::move(a));
        CHECK(size(*b) == 32);
        CHECK(size(a) == 0);
        ClientKey c(Bytes(20, 1));
        c = std::move(*b);
        CHECK(c.with_bytes([](auto k) { return k[31]; }) == 0x5A);
        CHECK(std::ranges::count(room, 0x5A) == 0);
        b->~ClientKey();
    }
}
