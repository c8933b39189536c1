// SPDX-License-Identifier: AGPL-3.0-or-later
#include <set>

#include "server/admin/operations.h"
#include "server/admin/password_rule.h"
#include "tests/unit/admin/fixtures.h"

using namespace lethe;
using namespace lethe::admin;
using xmpp::scram::Hash;

namespace {

template <class T> std::string refusal(const std::expected<T, Failure>& outcome) {
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome.error().status == Status::usage);
    return outcome.error().text;
}

}  // namespace

TEST_SUITE("admin/addresses and passwords") {
    TEST_CASE("an account is a bare JID with a localpart at our own domain") {
        CHECK(parse_account("Romeo@CHAT.example", "chat.example")->to_string() == "romeo@chat.example");
        for (const std::string_view text : {"", "@chat.example", "romeo@", "romeo@chat.example/phone",
                                            "ro meo@chat.example", "a@b@chat.example"}) {
            CAPTURE(text);
            CHECK(refusal(parse_account(text, "chat.example")) ==
                  '"' + std::string(text) + "\" is not the address of an account; write it like user@chat.example");
        }
        CHECK(refusal(parse_account("chat.example", "chat.example")) ==
              "\"chat.example\" is not the address of an account, which has a name before the @; write it like user@chat.example");
        CHECK(refusal(parse_account("romeo@other.example", "chat.example")) ==
              "\"romeo@other.example\" is not an account of this server, whose accounts are at chat.example; write it like user@chat.example");
        CHECK(refusal(parse_account("ro\nmeo\x1b[2J", "chat.example")).starts_with("\"ro?meo?[2J\" is not"));
        CHECK(refusal(parse_account(std::string(5000, 'x') + "@a@b", "chat.example")).size() < 300);
    }

    TEST_CASE("passwords that SASLprep empties or prohibits are refused before anything slow happens") {
        CHECK(refusal(check_password(Password(""))) == "the password is empty; choose one");
        CHECK(refusal(check_password(Password("\xc2\xad"))) ==
              "the password is empty; choose one");
        const auto prohibited =
            "the password holds a character that SASLprep (RFC 4013) prohibits; choose another one";
        CHECK(refusal(check_password(Password("a\x07"))) == prohibited);
        CHECK(refusal(check_password(Password("a\xff"))) == prohibited);
        CHECK(check_password(Password("correct horse")).has_value());
        for (const auto* text : {"", "\xc2\xad", "correct\x07horse"}) CHECK_FALSE(is_too_short(Password(text)));
        CHECK_FALSE(prepare_credentials(Password(""), true).has_value());
        CHECK_FALSE(prepare_credentials(Password("a\x07"), true).has_value());
    }

    TEST_CASE("a new password has at least 8 characters, however many bytes they take, after SASLprep") {
        const auto too_short = "the password has fewer than 8 characters; choose a longer one";
        for (const std::string_view text : {"x", "1234567", "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f", "1234567\xc2\xad", "\xf0\x90\x90\x80\xf0\x90\x90\x80"}) {
            CAPTURE(text);
            CHECK(refusal(check_password(Password(text))) == too_short);
            CHECK(is_too_short(Password(text)));
            CHECK_FALSE(prepare_credentials(Password(text), true).has_value());
        }
        // The last: NFKC makes eight letters of four ligatures.
        for (const std::string_view text : {"12345678", "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9fz", "\xef\xac\x81\xef\xac\x81\xef\xac\x81\xef\xac\x81"}) {
            CAPTURE(text);
            CHECK(check_password(Password(text)).has_value());
            CHECK_FALSE(is_too_short(Password(text)));
        }
    }

    TEST_CASE("both mechanisms get the iterations of the design and fresh 16-byte salts") {
        test::need_secrets();
        std::set<Bytes> salts;
        for (int i = 0; i < 2; ++i) {
            const auto prepared = prepare_credentials(Password("pencil case"), true);
            REQUIRE(prepared.has_value());
            REQUIRE(prepared->mechanisms.size() == 2);
            const auto& sha_256 = prepared->mechanisms[0].verifier;
            const auto& sha_1 = prepared->mechanisms[1].verifier;
            CHECK(sha_256.hash == Hash::sha_256);
            CHECK(sha_256.iterations == 100000);
            CHECK(sha_1.hash == Hash::sha_1);
            CHECK(sha_1.iterations == 250000);
            for (const auto* verifier : {&sha_256, &sha_1}) {
                CHECK(verifier->salt.size() == 16);
                salts.insert(verifier->salt);
            }
        }
        CHECK(salts.size() == 4);
    }

    TEST_CASE("SCRAM-SHA-1 can be left out") {
        test::need_secrets();
        const auto prepared = prepare_credentials(Password("pencil case"), false);
        REQUIRE(prepared.has_value());
        REQUIRE(prepared->mechanisms.size() == 1);
        CHECK(prepared->mechanisms[0].verifier.hash == Hash::sha_256);
    }

    TEST_CASE("spellings that SASLprep makes one are one password") {
        test::need_secrets();
        // In it: I with soft hyphen, X; and ROMAN NUMERAL NINE (RFC 4013 section 3)
        const auto prepared = prepare_credentials(Password("pencil I\xc2\xadX"), false);
        REQUIRE(prepared.has_value());
        const auto& verifier = prepared->mechanisms[0].verifier;
        const auto same =
            xmpp::scram::derive_credential(verifier.hash, "pencil IX", verifier.salt, verifier.iterations);
        CHECK(same.verifier.stored_key == verifier.stored_key);
    }
}
