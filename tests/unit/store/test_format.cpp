// SPDX-License-Identifier: AGPL-3.0-or-later
// The worked examples of store/FORMAT.md, byte by byte.
#include <algorithm>
#include <sodium.h>

#include "store/environment.h"
#include "store/format.h"
#include "store/keyring.h"
#include "tests/unit/store/support.h"

using namespace lethe;
using namespace lethe::store;
using namespace lethe::store::test;

namespace {

std::string hex(ByteView bytes) {
    std::string out(bytes.size() * 2 + 1, '\0');
    sodium_bin2hex(out.data(), out.size(), bytes.data(), bytes.size());
    out.pop_back();
    return out;
}
Bytes unhex(std::string_view text) {
    Bytes out(text.size() / 2);
    std::size_t length = 0;
    REQUIRE(sodium_hex2bin(out.data(), out.size(), text.data(), text.size(), " \n", &length, nullptr) == 0);
    out.resize(length);
    return out;
}

constexpr std::int64_t new_year = 1'767'225'600'000'000;
constexpr BucketId letterbox_7{ClassId::letterbox, 7};
constexpr BucketSpan example_span{new_year, new_year + 50'400'000'000, new_year + 1'209'600'000'000};

crypto::KeyringKey example_key() {
    return crypto::KeyringKey::make([](auto out) {
        for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(i);
    });
}

/// The keyring of the worked example.
std::string example_keyring() {
    const auto head = unhex(
        "6c65746865206b657972696e67000000 00000004 a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0"
        "20200a9740ad6f09792cceb80c152618");
    const auto account = unhex(
        "01 000000 00000001 11111111111111111111111111111111 b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0"
        "1ffba8f1feba5551e6c7f9d20ec2c37a6150dc05125842268ededf77bc9858a4ad6686c383fc43635b290c0a29456071"
        "b52fb4d86bd89fef424201f0287ddf37983882f16906d10b992306d5aeba3ae3");
    const auto bucket = unhex(
        "02 000000 00000003 02 00000007 0000000000000000000000 "
        "c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0"
        "26b03c0416b2496bb639f51933bacedc4539879965183ca3803a3c8c1bc9c4151b1424ce081a29f851d496220b038ced"
        "3df5503b667eb92e21b45cb77aae78538480d788b80da33cbe477ba3d9ffcdcf");
    std::string file(3 * format::block_size, '\0');
    std::ranges::copy(head, file.begin());
    std::ranges::copy(account, file.begin() + format::block_size);
    std::ranges::copy(bucket, file.begin() + 2 * format::block_size);
    return file;
}

}  // namespace

TEST_SUITE("store/format") {
    TEST_CASE("keys of rows are the identifiers one after the other, big-endian") {
        CHECK(hex(format::entry_key(prefix(0x99), 3, 258)) == "99999999999999999999999999999999000000030102");
        CHECK(hex(format::head_key(prefix(0x99), 0x01020304)) == "9999999999999999999999999999999901020304");
        CHECK(hex(format::row_key(account_id(0x11), blind_key(0x22))) ==
              "1111111111111111111111111111111122222222222222222222222222222222");
        CHECK(hex(format::high_water_key(ClassId::letterbox)) == hex(as_bytes("bucket_high_water")) + "02");
    }

    TEST_CASE("the info row of the worked example") {
        const auto row = format::encode_info({.id = letterbox_7, .span = example_span});
        CHECK(hex(row) == "0000000402000000070006474846204000000647540233380000064861e7e78000");
        const auto info = format::decode_info(row);
        REQUIRE(info);
        CHECK(info->id == letterbox_7);
        CHECK(info->span == example_span);
        for (std::size_t length = 0; length < row.size(); ++length) {
            CHECK(!format::decode_info(ByteView(row).first(length)));
        }
        Bytes longer(row.size() + 1);
        std::copy(row.begin(), row.end(), longer.begin());
        CHECK(!format::decode_info(longer));
    }

    TEST_CASE("an account's row names the slot before the record") {
        const auto row = format::encode_account({0x01020304, 0x05060708}, sealed("record"));
        CHECK(hex(row) == "0102030405060708" + hex(as_bytes("record")));
        const auto value = format::decode_account(row);
        REQUIRE(value);
        CHECK(value->slot == format::SlotRef{0x01020304, 0x05060708});
        CHECK(as_text(value->record) == "record");
        CHECK(!format::decode_account(ByteView(row).first(7)));
    }

    TEST_CASE("only NUMBER.mdb without leading zeros is a bucket's file") {
        CHECK(format::bucket_number("7.mdb") == 7);
        CHECK(format::bucket_number("4294967295.mdb") == 4294967295);
        for (const auto* name : {"", ".mdb", "07.mdb", "-1.mdb", "+1.mdb", "7.mdb-lock", "7",
                                 "4294967296.mdb", "7 .mdb", "x.mdb"}) {
            CAPTURE(name);
            CHECK(!format::bucket_number(name));
        }
    }

    TEST_CASE("the owner of a bucket's slot is its class and number, and nothing else") {
        CHECK(hex(format::owner_of(letterbox_7)) == "02000000070000000000000000000000");
        CHECK(format::bucket_of(format::owner_of(letterbox_7)) == letterbox_7);
        auto owner = format::owner_of(letterbox_7);
        owner[15] = 1;
        CHECK(!format::bucket_of(owner));
        CHECK(!format::bucket_of(format::owner_of(BucketId{static_cast<ClassId>(15), 7})));
        const BucketId choice{crypto::choice_class(86'400'000'000).value(), 7};
        CHECK(hex(format::owner_of(choice)) == "9d000000070000000000000000000000");
        CHECK(format::bucket_of(format::owner_of(choice)) == choice);
        CHECK(format::bucket_path("data", choice) == "data/buckets/archive-1d/7.mdb");
    }

    TEST_CASE("the keyring of the worked example opens") {
        node_keys();  // secret memory
        const TemporaryDirectory dir;
        const auto path = dir.path() / "keyring";
        std::ofstream(path, std::ios::binary) << example_keyring();
        const auto key = example_key();
        const auto keyring = Keyring::open(path, key);
        REQUIRE(keyring);
        REQUIRE((*keyring)->listed().size() == 2);
        const auto account =
            (*keyring)->read(format::Part::account, format::owner_of(account_id(0x11)), {1, 1});
        REQUIRE(account);
        CHECK(byte_of(account->key) == 0xaa);
        const auto bucket = (*keyring)->read(format::Part::bucket, format::owner_of(letterbox_7), {2, 3});
        REQUIRE(bucket);
        CHECK(byte_of(bucket->key) == 0xbb);
        CHECK(bucket->span == example_span);
    }

    TEST_CASE(
        "a slot opens in its own place, part, generation and owner only, and no byte of it may change") {
        node_keys();
        const TemporaryDirectory dir;
        const auto path = dir.path() / "keyring";
        const auto key = example_key();
        const auto owner = format::owner_of(letterbox_7);
        const auto read = [&](const std::string& file, format::SlotRef slot, format::Part part,
                              const format::Owner& who) {
            std::ofstream(path, std::ios::binary) << file;
            const auto keyring = Keyring::open(path, key);
            REQUIRE(keyring);
            return (*keyring)->read(part, who, slot).has_value();
        };
        const auto good = example_keyring();
        CHECK(read(good, {2, 3}, format::Part::bucket, owner));
        CHECK(!read(good, {2, 2}, format::Part::bucket, owner));
        CHECK(!read(good, {2, 3}, format::Part::account, owner));
        CHECK(!read(good, {2, 3}, format::Part::bucket, format::owner_of(BucketId{ClassId::letterbox, 8})));
        CHECK(!read(good, {1, 3}, format::Part::bucket, owner));
        CHECK(!read(good, {3, 3}, format::Part::bucket, owner));
        CHECK(!read(good, {0, 3}, format::Part::bucket, owner));
        auto moved = good;
        moved.append(good, 2 * format::block_size, format::block_size);
        CHECK(!read(moved, {3, 3}, format::Part::bucket, owner));
        for (std::size_t at = 0; at < format::slot_end; ++at) {
            CAPTURE(at);
            auto changed = good;
            changed[2 * format::block_size + at] =
                static_cast<char>(changed[2 * format::block_size + at] ^ 1);
            CHECK(!read(changed, {2, 3}, format::Part::bucket, owner));
        }
    }

    TEST_CASE("a new data directory holds the tables and rows that FORMAT.md names") {
        const TemporaryDirectory dir;
        {
            REQUIRE(Store::create(dir.data(), node_keys(), xmpp::BareJid::parse("chat.example")));
            const auto store = open(dir.data());
            REQUIRE(make_account(*store, 1, 11, "record"));
            Batch batch;
            batch.put(Table::settings, account_id(1), blind_key(2), sealed("value"));
            REQUIRE(write(*store, std::move(batch)));
            REQUIRE(make_bucket(*store, letterbox_7));
            Batch log;
            log.put_header(letterbox_7, prefix(9), 1, sealed("header"))
                .append(prefix(9), entry(letterbox_7, 1, 5, "entry"));
            REQUIRE(write(*store, std::move(log)));
        }
        const auto state = Environment::open(dir.data() / "state.mdb", state_layout(), Access::existing);
        REQUIRE(state);
        const ReadTransaction rows(**state);
        const auto value = [](const ReadTransaction& txn, std::size_t table, ByteView key) {
            const auto found = txn.get(table, key);
            return found && *found ? hex(**found) : std::string("none");
        };
        CHECK(value(rows, format::meta, as_bytes("format")) == "00000004");
        CHECK(value(rows, format::meta, as_bytes("jid_normalisation_version")) == "00000001");
        CHECK(value(rows, format::meta, as_bytes("domain")) == "31f90cfc3c0cac64e81c9097ec30ad3c");
        CHECK(value(rows, format::meta, format::high_water_key(ClassId::letterbox)) == "00000007");
        CHECK(value(rows, format::accounts, account_id(1).view()) ==
              "0000000100000001" + hex(as_bytes("record")));
        CHECK(value(rows, format::settings, format::row_key(account_id(1), blind_key(2))) ==
              hex(as_bytes("value")));
        const auto bucket =
            Environment::open(dir.data() / "buckets/letterbox/7.mdb", bucket_layout(), Access::existing);
        REQUIRE(bucket);
        const ReadTransaction logs(**bucket);
        CHECK(value(logs, format::info, as_bytes("bucket")) ==
              hex(format::encode_info({.id = letterbox_7, .span = day})));
        CHECK(value(logs, format::heads, format::head_key(prefix(9), 1)) == hex(as_bytes("header")));
        CHECK(value(logs, format::entries, format::entry_key(prefix(9), 1, 5)) == hex(as_bytes("entry")));
        CHECK(contents(dir.data() / "lock") == "closed.\n");
    }
}
