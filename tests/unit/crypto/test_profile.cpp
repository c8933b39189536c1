// SPDX-License-Identifier: AGPL-3.0-or-later
#include <set>

#include "crypto/forms.h"
#include "crypto/profile.h"
#include "tests/unit/crypto/fixture.h"

using namespace lethe::crypto_test;
using lethe::as_text;

namespace {

struct Keys {
    NodeKeys node{secret_of<NodeKey>(vectors::node_key)};
    AccountId account = id_of<AccountId>(vectors::account_id);
    AccountKey key = secret_of<AccountKey>(vectors::account_key);
    ProfileKeys profile{node, account, key};
};

}  // namespace

TEST_SUITE("crypto/profile") {
    TEST_CASE("names and rows are as the second implementation makes them") {
        const Keys keys;
        CHECK(hex(keys.profile.row_key(vectors::profile_name).view()) == vectors::profile_row_key);
        const auto opened = keys.profile.open(id_of<BlindKey>(vectors::profile_row_key), sealed_of(vectors::profile_record_sealed));
        REQUIRE(opened.has_value());
        CHECK(opened->name == vectors::profile_name);
        CHECK(as_text(opened->plain) == as_text(unhex(vectors::record_short)));
    }

    TEST_CASE("what was sealed opens again, whatever its size") {
        const Keys keys;
        for (const std::size_t size : {0, 1, 200, 260, 5000, 300000}) {
            CAPTURE(size);
            const Bytes plain(size, 0x5a);
            const auto row = keys.profile.seal("name", plain);
            CHECK(looks_like(Form::profile_record, row.value.view()));
            const auto opened = keys.profile.open(row.key, row.value);
            REQUIRE(opened.has_value());
            CHECK(opened->name == "name");
            CHECK(opened->plain == plain);
        }
    }

    TEST_CASE("a row opens in its own place, under its own keys, and unchanged only") {
        const Keys keys;
        const auto row = keys.profile.seal("name", as_bytes("text"));
        CHECK_FALSE(keys.profile.open(keys.profile.row_key("other"), row.value).has_value());
        CHECK_FALSE(ProfileKeys(keys.node, another(keys.account), keys.key).open(row.key, row.value).has_value());
        CHECK_FALSE(ProfileKeys(keys.node, keys.account, AccountKey::generate()).open(row.key, row.value).has_value());
        const NodeKeys other_node(NodeKey::generate());
        CHECK_FALSE(ProfileKeys(other_node, keys.account, keys.key).open(row.key, row.value).has_value());
        each_tampering(row.value.view(), [&](ByteView bad) {
            CHECK_FALSE(keys.profile.open(row.key, Sealed::from_disk(bad)).has_value());
        });
    }

    TEST_CASE("nothing links the rows of two accounts, nor one account's before and after a new key") {
        const Keys keys;
        const ProfileKeys renewed(keys.node, keys.account, AccountKey::generate());
        CHECK(std::set{keys.profile.row_key("name"), renewed.row_key("name"), keys.profile.row_key("names")}.size() == 3);
        const auto row = keys.profile.seal("name", as_bytes("text"));
        const auto fresh = reseal(keys.profile, renewed, row.key, row.value);
        REQUIRE(fresh.has_value());
        CHECK(fresh->key == renewed.row_key("name"));
        CHECK(as_text(renewed.open(fresh->key, fresh->value)->plain) == "text");
        CHECK_FALSE(renewed.open(row.key, row.value).has_value());
        CHECK_FALSE(reseal(renewed, keys.profile, row.key, row.value).has_value());
    }
}
