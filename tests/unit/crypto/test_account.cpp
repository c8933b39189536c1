// SPDX-License-Identifier: AGPL-3.0-or-later
#include <random>

#include "crypto/account_record.h"
#include "crypto/forms.h"
#include "tests/unit/crypto/fixture.h"

using namespace lethe::crypto_test;
using lethe::xmpp::BareJid;

namespace {

NodeKeys known_keys() { return NodeKeys(secret_of<NodeKey>(vectors::node_key)); }
AccountKey known_account_key() { return secret_of<AccountKey>(vectors::account_key); }
BareJid known_jid() { return BareJid::parse(vectors::jid).value(); }

AccountRecord a_record() { return decode_account_record(unhex(vectors::account_record)).value(); }

}  // namespace

TEST_SUITE("crypto/account") {
    TEST_CASE("the node key yields the known account id, keyring key and salts") {
        const NodeKeys keys = known_keys();
        CHECK(hex(keys.account_id(known_jid()).view()) == vectors::account_id);
        CHECK(hex(keys.domain_mark(BareJid::parse(known_jid().domain()).value()).view()) ==
              vectors::domain_mark);
        CHECK(hex_of(keys.keyring_key()) == vectors::keyring_key);
        CHECK(hex(keys.fake_salt(known_jid(), Mechanism::scram_sha_1)) == vectors::fake_salt_sha_1);
        CHECK(hex(keys.fake_salt(known_jid(), Mechanism::scram_sha_256)) == vectors::fake_salt_sha_256);
    }

    TEST_CASE("an account id depends on the node key and on the address") {
        const NodeKeys keys = known_keys(), other{NodeKey::generate()};
        CHECK(keys.account_id(known_jid()) != other.account_id(known_jid()));
        CHECK(keys.account_id(known_jid()) !=
              keys.account_id(BareJid::parse("romeo@montague.exampl").value()));
        CHECK(keys.account_id(known_jid()) ==
              keys.account_id(BareJid::parse("ROMEO@Montague.Example").value()));
    }

    TEST_CASE("a sealed account record opens to the known record") {
        const auto record =
            known_keys().open_record(id_of<AccountId>(vectors::account_id), known_account_key(),
                                     sealed_of(vectors::account_record_sealed));
        REQUIRE(record.has_value());
        CHECK(record->suspended);
        CHECK(hex(record->vault_public.view()) == vectors::vault_public);
        CHECK(record->archive_choice == 86'400'000'000);
        CHECK(record->archive_floor == 1'700'000'000'000'000);
        CHECK(record->told == 7);
        REQUIRE(record->credentials.size() == 2);
        const Credential* const weak = record->find(Mechanism::scram_sha_1);
        REQUIRE(weak != nullptr);
        CHECK(weak->iterations == 250'000);
        CHECK(hex(weak->salt) == "101112131415161718191a1b1c1d1e1f");
        CHECK(hex(weak->stored_key) == "303132333435363738393a3b3c3d3e3f40414243");
        CHECK(hex(weak->server_key) == "505152535455565758595a5b5c5d5e5f60616263");
        CHECK(hex(weak->wrap) == vectors::wrap_sha_1);
        const Credential* const strong = record->find(Mechanism::scram_sha_256);
        REQUIRE(strong != nullptr);
        CHECK(strong->iterations == 100'000);
        CHECK(hex(strong->wrap) == vectors::wrap_sha_256);
    }

    TEST_CASE("an account record opens again, at a size that is allowed, and never looks the same twice") {
        const NodeKeys keys = known_keys();
        const auto id = keys.account_id(known_jid());
        const auto key = AccountKey::generate();
        const Sealed a = keys.seal_record(id, key, a_record()), b = keys.seal_record(id, key, a_record());
        CHECK(looks_like(Form::account_record, a.view()));
        CHECK(hex(a.view()) != hex(b.view()));
        const auto opened = keys.open_record(id, key, a);
        REQUIRE(opened.has_value());
        CHECK(hex(encode(*opened)) == vectors::account_record);
    }

    TEST_CASE("an account record without credentials is smallest, and find() finds nothing in it") {
        const NodeKeys keys = known_keys();
        const auto key = AccountKey::generate();
        const auto id = keys.account_id(known_jid());
        const Sealed sealed = keys.seal_record(id, key, AccountRecord{});
        CHECK(sealed.size() == seal_overhead + account_record_minimum);
        const auto opened = keys.open_record(id, key, sealed);
        REQUIRE(opened.has_value());
        CHECK(opened->find(Mechanism::scram_sha_256) == nullptr);
    }

    TEST_CASE("a record opens for nothing but its own account, account key and node key") {
        const auto id = id_of<AccountId>(vectors::account_id);
        const Sealed sealed = sealed_of(vectors::account_record_sealed);
        CHECK(known_keys().open_record(id, known_account_key(), sealed).has_value());
        CHECK(!known_keys().open_record(another(id), known_account_key(), sealed).has_value());
        CHECK(!known_keys().open_record(id, AccountKey::generate(), sealed).has_value());
        CHECK(!NodeKeys(NodeKey::generate()).open_record(id, known_account_key(), sealed).has_value());
    }

    TEST_CASE("a damaged record does not open") {
        const NodeKeys keys = known_keys();
        const auto id = id_of<AccountId>(vectors::account_id);
        const auto key = known_account_key();
        each_tampering(unhex(vectors::account_record_sealed), [&](ByteView bad) {
            CHECK(!keys.open_record(id, key, Sealed::from_disk(bad)).has_value());
        });
    }

    TEST_CASE("no size of a record tells how many tokens are in it") {
        const NodeKeys keys = known_keys();
        const auto id = id_of<AccountId>(vectors::account_id);
        AccountRecord record = a_record();
        record.tokens.resize(most_login_tokens, record.tokens.front());
        const auto full = keys.seal_record(id, known_account_key(), record);
        CHECK(keys.open_record(id, known_account_key(), full).value().tokens.size() == most_login_tokens);
        record.tokens.clear();
        CHECK(keys.seal_record(id, known_account_key(), record).size() == full.size());
        CHECK(full.size() == seal_overhead + account_record_minimum);
    }

    TEST_CASE("a record with a token of an unknown mechanism, or with too many, does not decode") {
        AccountRecord record = a_record();
        record.tokens[1].mechanism = static_cast<TokenMechanism>(3);
        CHECK(!decode_account_record(encode(record)));
        Bytes many = encode(AccountRecord{});
        CHECK(decode_account_record(many));
        many.back() = most_login_tokens + 1;
        many.resize(many.size() + (most_login_tokens + 1) * (1 + 16 + 8 + 32 + login_token_wrap_bytes), 1);
        CHECK(!decode_account_record(many));
    }

    TEST_CASE("a record that names one mechanism twice, or an unknown one, does not decode") {
        AccountRecord record = a_record();
        record.credentials[0].mechanism = Mechanism::scram_sha_256;
        CHECK(!decode_account_record(encode(record)));
        record.credentials[0].mechanism = static_cast<Mechanism>(3);
        CHECK(!decode_account_record(encode(record)));
        record.credentials[0].mechanism = static_cast<Mechanism>(0);
        CHECK(!decode_account_record(encode(record)));
    }

    TEST_CASE("a record tells no choice from the choice of nothing, and holds no time before 1970") {
        AccountRecord record = a_record();
        for (const std::optional<std::int64_t> choice : {std::optional<std::int64_t>(), std::optional<std::int64_t>(0)}) {
            record.archive_choice = choice;
            CHECK(decode_account_record(encode(record)).value().archive_choice == choice);
        }
        SUBCASE("choice") { record.archive_choice = -1; }
        SUBCASE("floor") { record.archive_floor = -1; }
        CHECK(!decode_account_record(encode(record)));
    }

    TEST_CASE("whatever decodes as an account record encodes to the same bytes") {
        const Bytes good = unhex(vectors::account_record);
        std::size_t decoded = 0, refused = 0;
        const auto try_one = [&](ByteView bytes) {
            const auto record = decode_account_record(bytes);
            if (!record) {
                ++refused;
                return;
            }
            ++decoded;
            REQUIRE(encode(*record) == Bytes(bytes.begin(), bytes.end()));
        };
        each_tampering(good, try_one);
        for (std::size_t n = 0; n < good.size(); ++n) try_one(ByteView(good).first(n));
        std::mt19937 random(1);
        for (int i = 0; i < 20'000; ++i) {
            Bytes bytes = good;
            for (int k = 0; k < 3; ++k)
                bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random() % 6);
            bytes.resize(bytes.size() - random() % 2);
            try_one(bytes);
        }
        CHECK(decoded > 100);
        CHECK(refused > 100);
    }

    TEST_CASE(
        "the made-up salt of an unknown account is stable and differs by account, mechanism and node key") {
        const NodeKeys keys = known_keys();
        const auto other = BareJid::parse("nobody@montague.example").value();
        const auto salt = keys.fake_salt(other, Mechanism::scram_sha_256);
        CHECK(salt == keys.fake_salt(other, Mechanism::scram_sha_256));
        CHECK(salt != keys.fake_salt(other, Mechanism::scram_sha_1));
        CHECK(salt != keys.fake_salt(known_jid(), Mechanism::scram_sha_256));
        CHECK(salt != NodeKeys(NodeKey::generate()).fake_salt(other, Mechanism::scram_sha_256));
    }
}

TEST_SUITE("crypto/wrap") {
    TEST_CASE("a ClientKey unwraps the known vault secret") {
        const auto id = id_of<AccountId>(vectors::account_id);
        const auto a = unwrap_vault(unhex(vectors::client_key_sha_1), Mechanism::scram_sha_1, id,
                                    unhex(vectors::wrap_sha_1));
        const auto b = unwrap_vault(unhex(vectors::client_key_sha_256), Mechanism::scram_sha_256, id,
                                    unhex(vectors::wrap_sha_256));
        REQUIRE(a.has_value());
        REQUIRE(b.has_value());
        CHECK(hex_of(*a) == vectors::vault_secret);
        CHECK(hex_of(*b) == vectors::vault_secret);
    }

    TEST_CASE("what is wrapped unwraps, and never looks the same twice") {
        const auto id = id_of<AccountId>(vectors::account_id);
        const auto secret = VaultSecret::generate();
        const Bytes client_key = unhex(vectors::client_key_sha_256);
        const Bytes a = wrap_vault(client_key, Mechanism::scram_sha_256, id, secret);
        const Bytes b = wrap_vault(client_key, Mechanism::scram_sha_256, id, secret);
        CHECK(a.size() == vault_wrap_bytes);
        CHECK(a != b);
        const auto back = unwrap_vault(client_key, Mechanism::scram_sha_256, id, a);
        REQUIRE(back.has_value());
        CHECK(hex_of(*back) == hex_of(secret));
    }

    TEST_CASE("a wrap opens for nothing but its own ClientKey, mechanism and account") {
        const auto id = id_of<AccountId>(vectors::account_id);
        const Bytes good = unhex(vectors::client_key_sha_256), wrap = unhex(vectors::wrap_sha_256);
        Bytes wrong = good;
        wrong[31] ^= 1;
        CHECK(!unwrap_vault(wrong, Mechanism::scram_sha_256, id, wrap).has_value());
        CHECK(!unwrap_vault(good, Mechanism::scram_sha_256, another(id), wrap).has_value());
        CHECK(!unwrap_vault(good, Mechanism::scram_sha_1, id, wrap).has_value());
        CHECK(!unwrap_vault(unhex(vectors::client_key_sha_1), Mechanism::scram_sha_1, id, wrap).has_value());
        CHECK(!unwrap_vault(ByteView(good).first(20), Mechanism::scram_sha_256, id, wrap).has_value());
        CHECK(!unwrap_vault(ByteView(), Mechanism::scram_sha_256, id, wrap).has_value());
    }

    TEST_CASE("a damaged wrap does not open") {
        const auto id = id_of<AccountId>(vectors::account_id);
        each_tampering(unhex(vectors::wrap_sha_1), [&](ByteView bad) {
            CHECK(
                !unwrap_vault(unhex(vectors::client_key_sha_1), Mechanism::scram_sha_1, id, bad).has_value());
        });
    }
}
