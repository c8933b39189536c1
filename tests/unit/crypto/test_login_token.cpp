// SPDX-License-Identifier: AGPL-3.0-or-later
#include "crypto/login_token.h"

#include "crypto/account_record.h"
#include "crypto/vault.h"
#include "tests/unit/crypto/fixture.h"

using namespace lethe::crypto_test;

namespace {

const std::string agent(vectors::token_agent);

AccountId known_id() { return id_of<AccountId>(vectors::account_id); }
std::vector<LoginToken> known_tokens() { return decode_account_record(unhex(vectors::account_record)).value().tokens; }

}  // namespace

TEST_SUITE("crypto/login_token") {
    TEST_CASE("the known tokens are found by what a client makes of them, and open") {
        const auto tokens = known_tokens();
        REQUIRE(tokens.size() == 2);
        const auto is_known = [&](TokenMechanism mechanism, std::string_view v_text, std::string_view answer) {
            const Bytes v = unhex(v_text);
            const auto* token = find_login_token(tokens, known_id(), mechanism, agent, v);
            REQUIRE(token != nullptr);
            CHECK(token->expiry == 1'703'116'800'000'000);
            auto opened = open_login_token(*token, known_id(), v);
            REQUIRE(opened.has_value());
            CHECK(hex(opened->answer) == answer);
            CHECK(hex_of(opened->secret) == vectors::vault_secret);
        };
        is_known(TokenMechanism::none, vectors::token_none_v, vectors::token_none_answer);
        is_known(TokenMechanism::end_point, vectors::token_end_point_v, vectors::token_end_point_answer);
    }

    TEST_CASE("nothing else finds or opens them: another v, mechanism, client or account") {
        const auto tokens = known_tokens();
        const Bytes v = unhex(vectors::token_none_v);
        CHECK(find_login_token(tokens, known_id(), TokenMechanism::end_point, agent, v) == nullptr);
        CHECK(find_login_token(tokens, known_id(), TokenMechanism::none, "another", v) == nullptr);
        CHECK(find_login_token(tokens, another(known_id()), TokenMechanism::none, agent, v) == nullptr);
        CHECK(find_login_token(tokens, known_id(), TokenMechanism::none, agent, ByteView(v).first(31)) == nullptr);
        CHECK(!open_login_token(tokens[0], another(known_id()), v));
        CHECK(!open_login_token(tokens[1], known_id(), v));
        CHECK(!open_login_token(LoginToken{}, known_id(), v));
        each_tampering(v, [&](ByteView bad) {
            CHECK(find_login_token(tokens, known_id(), TokenMechanism::none, agent, bad) == nullptr);
            CHECK(!open_login_token(tokens[0], known_id(), bad));
        });
        each_tampering(tokens[0].wrap, [&](ByteView bad) {
            LoginToken damaged = tokens[0];
            damaged.wrap.assign(bad.begin(), bad.end());
            CHECK(!open_login_token(damaged, known_id(), v));
        });
    }

    TEST_CASE("an issued one is fresh, says nothing of itself, and is of the form that the README gives") {
        const auto secret = secret_of<VaultSecret>(vectors::vault_secret);
        const auto one = issue_login_token(known_id(), TokenMechanism::none, {}, agent, 5, secret);
        const auto two = issue_login_token(known_id(), TokenMechanism::none, {}, agent, 5, secret);
        CHECK(one.text.starts_with("secret-token:"));
        CHECK(one.text.size() == 13 + 43);
        CHECK(one.text != two.text);
        CHECK(one.token.check != two.token.check);
        CHECK(one.token.client == two.token.client);
        CHECK(one.token.client == known_tokens()[0].client);
        CHECK(one.token.wrap.size() == login_token_wrap_bytes);
        CHECK(one.token.expiry == 5);
    }
}
