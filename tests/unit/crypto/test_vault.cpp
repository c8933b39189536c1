// SPDX-License-Identifier: AGPL-3.0-or-later
#include <sodium.h>

#include <random>
#include <set>
#include <thread>

#include "crypto/forms.h"
#include "crypto/primitives.h"
#include "tests/unit/crypto/fixture.h"

using namespace lethe::crypto_test;
using lethe::xmpp::BareJid;
using lethe::xmpp::Jid;

TEST_SUITE("crypto/vault") {
    TEST_CASE("a vault secret yields the known public key and blind keys") {
        const Known known;
        CHECK(hex(known.vault.account().view()) == vectors::account_id);
        CHECK(hex_of(known.vault.secret()) == vectors::vault_secret);
        CHECK(hex(known.vault.public_key().view()) == vectors::vault_public);
        CHECK(hex(known.vault.roster_key(BareJid::parse(vectors::contact).value()).view()) ==
              vectors::roster_key);
        CHECK(hex(known.vault.blocklist_key(Jid::parse(vectors::blocked).value()).view()) ==
              vectors::blocklist_key);
        CHECK(hex(known.vault.settings_key(vectors::settings_name).view()) == vectors::settings_key);
        CHECK(hex(known.vault.personal_key("nurn:xmpp:bookmarks:1").view()) == vectors::personal_key);
    }

    TEST_CASE("one address has unrelated keys in roster, blocklist and settings, and in another vault") {
        const Known known;
        const Vault other(known.account, VaultSecret::generate());
        const auto bare = BareJid::parse(vectors::contact).value();
        const std::set<BlindKey> keys{known.vault.roster_key(bare), known.vault.blocklist_key(bare),
                                      known.vault.settings_key(vectors::contact), other.roster_key(bare),
                                      other.blocklist_key(bare)};
        CHECK(keys.size() == 5);
    }

    TEST_CASE("the blocklist tells a full address from its bare one") {
        const Known known;
        CHECK(known.vault.blocklist_key(Jid::parse("a@b.example").value()) !=
              known.vault.blocklist_key(Jid::parse("a@b.example/c").value()));
    }

    TEST_CASE("sealed records open to the known text") {
        const Known known;
        const auto key = id_of<BlindKey>(vectors::roster_key);
        for (const auto& [text, sealed] : {std::pair{vectors::record_short, vectors::record_short_sealed},
                                           {vectors::record_long, vectors::record_long_sealed}}) {
            const auto opened = known.vault.open(RecordTable::roster, key, sealed_of(sealed));
            REQUIRE(opened.has_value());
            CHECK(hex(*opened) == text);
        }
    }

    TEST_CASE("records of any length open again, at sizes that are allowed") {
        const Known known;
        const auto key = id_of<BlindKey>(vectors::roster_key);
        for (std::size_t n : {0u, 1u, 251u, 252u, 253u, 256u, 1000u, 70'000u}) {
            const Bytes plain(n, 0x5A);
            const Sealed sealed = known.vault.seal(RecordTable::settings, key, plain);
            CHECK(looks_like(Form::record, sealed.view()));
            if (n <= 252) CHECK(sealed.size() == seal_overhead + record_minimum);
            const auto opened = known.vault.open(RecordTable::settings, key, sealed);
            REQUIRE(opened.has_value());
            CHECK(*opened == plain);
        }
    }

    TEST_CASE("sealing the same record twice never gives the same nonce") {
        const Known known;
        const auto key = id_of<BlindKey>(vectors::roster_key);
        std::set<std::string> nonces;
        for (int i = 0; i < 100; ++i) {
            const Sealed sealed = known.vault.seal(RecordTable::roster, key, {});
            nonces.insert(hex(sealed.view().subspan(1, nonce_bytes)));
        }
        CHECK(nonces.size() == 100);
    }

    TEST_CASE("a record moved to another row, table, account or vault does not open") {
        const Known known;
        const auto key = id_of<BlindKey>(vectors::roster_key);
        BlindKey other_key = key;
        other_key.bytes[0] ^= 1;
        const Sealed sealed = known.vault.seal(RecordTable::roster, key, as_bytes("text"));
        CHECK(known.vault.open(RecordTable::roster, key, sealed).has_value());
        CHECK(!known.vault.open(RecordTable::roster, other_key, sealed).has_value());
        CHECK(!known.vault.open(RecordTable::blocklist, key, sealed).has_value());
        CHECK(!known.vault.open(RecordTable::settings, key, sealed).has_value());
        const Vault other_account(another(known.account), known.vault_secret);
        CHECK(!other_account.open(RecordTable::roster, key, sealed).has_value());
        const Vault other_vault(known.account, VaultSecret::generate());
        CHECK(!other_vault.open(RecordTable::roster, key, sealed).has_value());
    }

    TEST_CASE("a damaged record does not open") {
        const Known known;
        const auto key = id_of<BlindKey>(vectors::roster_key);
        each_tampering(unhex(vectors::record_short_sealed), [&](ByteView bad) {
            CHECK(!known.vault.open(RecordTable::roster, key, Sealed::from_disk(bad)).has_value());
        });
    }

    TEST_CASE("a record padded in another way does not open, though sealed with the right key") {
        const Known known;
        const auto key = id_of<BlindKey>(vectors::roster_key);
        Bytes ad(known.account.bytes.begin(), known.account.bytes.end());
        ad.push_back(1);
        ad.insert(ad.end(), key.bytes.begin(), key.bytes.end());
        const auto opens = [&](ByteView padded) {
            Bytes sealed(seal_overhead + padded.size(), 0);
            sealed[0] = static_cast<std::uint8_t>(Form::record);
            std::uint8_t* const text = sealed.data() + 1 + nonce_bytes;
            const auto record_key =
                subkey<Secret<struct TestTag, 32>>(known.vault_secret, labels::vault_record);
            record_key.with_bytes([&](KeyView k) {
                crypto_aead_xchacha20poly1305_ietf_encrypt(text, nullptr, padded.data(), padded.size(),
                                                           ad.data(), ad.size(), nullptr, sealed.data() + 1,
                                                           k.data());
            });
            return known.vault.open(RecordTable::roster, key, Sealed::from_disk(sealed)).has_value();
        };
        Bytes padded(256, 0);
        padded[3] = 1;
        CHECK(opens(padded));
        padded[255] = 1;
        CHECK(!opens(padded));
        padded[255] = 0;
        padded.resize(272);
        CHECK(!opens(padded));
        padded.resize(128);
        CHECK(!opens(padded));
    }

    TEST_CASE("one vault serves several threads at once") {
        const Known known;
        const auto contact = BareJid::parse(vectors::contact).value();
        std::array<bool, 4> right{};
        {
            std::vector<std::jthread> threads;
            for (bool& ok : right)
                threads.emplace_back([&known, &contact, &ok] {
                    ok = true;
                    for (int i = 0; i < 200; ++i) {
                        const auto key = known.vault.roster_key(contact);
                        const auto opened =
                            known.vault.open(RecordTable::roster, key,
                                             known.vault.seal(RecordTable::roster, key, as_bytes("x")));
                        const auto place = known.vault.place_of(known.vault.archive_id({known.first, 77}));
                        ok = ok && opened && place == ArchivePlace{known.first, 77};
                    }
                });
        }
        CHECK(right == std::array{true, true, true, true});
    }
}

TEST_SUITE("crypto/archive_id") {
    TEST_CASE("places have the known archive ids") {
        const Known known;
        const ArchivePlace first{known.first, 1'700'000'000'123'456}, last{{ClassId::letterbox, UINT32_MAX, UINT32_MAX, 1023}, -1};
        CHECK(known.vault.archive_id(first) == vectors::archive_id_first);
        CHECK(known.vault.archive_id(last) == vectors::archive_id_last);
        CHECK(known.vault.place_of(vectors::archive_id_first) == first);
        CHECK(known.vault.place_of(vectors::archive_id_last) == last);
    }

    TEST_CASE("a place has one id, and the id leads back to it") {
        const Known known;
        std::mt19937 random(2);
        std::set<std::string> ids;
        for (int i = 0; i < 2000; ++i) {
            const ArchivePlace place{{ClassId::archive, static_cast<std::uint32_t>(random() % 50),
                                      static_cast<std::uint32_t>(random()),
                                      static_cast<std::uint16_t>(random() % 1024)},
                                     static_cast<std::int64_t>(random())};
            const std::string id = known.vault.archive_id(place);
            REQUIRE(id.size() == 48);
            REQUIRE(
                id.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
                std::string::npos);
            REQUIRE(id == known.vault.archive_id(place));
            REQUIRE(known.vault.place_of(id) == place);
            ids.insert(id);
        }
        CHECK(ids.size() == 2000);
    }

    TEST_CASE("an id that was not given out names no place") {
        const Known known;
        const std::string good = known.vault.archive_id({known.first, 1'700'000'000'123'456});
        SUBCASE("any other octet at any position, of an id with a '_': libsodium reads whatever is above 127 as one") {
            std::string with_underscore;
            for (std::int64_t time = 0; with_underscore.find('_') == std::string::npos; ++time) with_underscore = known.vault.archive_id({known.first, time});
            for (std::size_t i = 0; i < with_underscore.size(); ++i)
                for (int octet = 0; octet < 256; ++octet) {
                    std::string bad = with_underscore;
                    bad[i] = static_cast<char>(octet);
                    if (bad != with_underscore) CHECK(!known.vault.place_of(bad));
                }
        }
        SUBCASE("a character more or less") {
            CHECK(!known.vault.place_of(good.substr(1)));
            CHECK(!known.vault.place_of(good.substr(0, 47)));
            CHECK(!known.vault.place_of(good + "A"));
            CHECK(!known.vault.place_of(good + "=="));
            CHECK(!known.vault.place_of(""));
        }
        SUBCASE("a zero byte") { CHECK(!known.vault.place_of(std::string(48, '\0'))); }
        SUBCASE("an id of another vault") {
            CHECK(!Vault(known.account, VaultSecret::generate()).place_of(good));
        }
    }
}
