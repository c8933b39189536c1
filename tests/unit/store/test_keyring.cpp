// SPDX-License-Identifier: AGPL-3.0-or-later
#include "store/keyring.h"

#include <sys/stat.h>

#include "store/edits.h"
#include "tests/unit/store/faults.h"
#include "tests/unit/store/support.h"

using namespace lethe;
using namespace lethe::store;
using namespace lethe::store::test;
using format::Part;
using format::SlotRef;

namespace {

struct Fixture {
    Fixture() : path((node_keys(), dir.path() / "keyring")), key(key_of<crypto::KeyringKey>(1)) {
        REQUIRE(Keyring::create(path, key) == 0);
    }
    std::unique_ptr<Keyring> open() {
        auto keyring = Keyring::open(path, key);
        if (!keyring) FAIL(keyring.error().text);
        return std::move(*keyring);
    }
    std::string block(std::uint32_t index) {
        return contents(path).substr(index * format::block_size, format::block_size);
    }
    TemporaryDirectory dir;
    std::filesystem::path path;
    crypto::KeyringKey key;
};

SlotRef add(Keyring& keyring, std::uint8_t owner, std::uint8_t key) {
    const auto slot =
        keyring.write(Part::account, format::owner_of(account_id(owner)), key_of<Keyring::SlotKey>(key), {});
    REQUIRE(slot);
    REQUIRE(keyring.flush());
    return *slot;
}

std::string read(const Keyring& keyring, std::uint8_t owner, SlotRef slot) {
    const auto content = keyring.read(Part::account, format::owner_of(account_id(owner)), slot);
    if (content) return std::to_string(byte_of(content->key));
    return content.error() == Keyring::Unreadable::dead ? "dead" : "damaged";
}

}  // namespace

TEST_SUITE("store/keyring") {
    TEST_CASE_FIXTURE(Fixture,
                      "overwriting is done in place, changes every sector of the slot and nothing else") {
        auto keyring = open();
        const auto first = add(*keyring, 1, 11), second = add(*keyring, 2, 21);
        const auto before = contents(path);
        struct stat inode {};
        REQUIRE(::stat(path.c_str(), &inode) == 0);
        keyring->doom(first);
        CHECK(contents(path) == before);
        REQUIRE(keyring->flush());
        const auto after = contents(path);
        struct stat same {};
        REQUIRE(::stat(path.c_str(), &same) == 0);
        CHECK(same.st_ino == inode.st_ino);
        REQUIRE(after.size() == before.size());
        const auto at = first.index * format::block_size;
        CHECK(after.substr(0, at) == before.substr(0, at));
        CHECK(after.substr(at + format::block_size) == before.substr(at + format::block_size));
        for (std::size_t sector = 0; sector < format::block_size; sector += 512) {
            CHECK(after.substr(at + sector, 512) != before.substr(at + sector, 512));
        }
        // No eight bytes of owner, nonce, or sealed key are where they were, or anywhere.
        for (std::size_t i = format::slot_owner; i + 8 <= format::slot_end; i += 8) {
            CHECK(after.find(before.substr(at + i, 8)) == std::string::npos);
        }
        CHECK(read(*keyring, 1, first) == "dead");
        CHECK(read(*keyring, 2, second) == "21");
    }

    TEST_CASE_FIXTURE(
        Fixture, "a freed slot is taken again with the next generation, and the old reference stays dead") {
        auto keyring = open();
        const auto first = add(*keyring, 1, 11);
        CHECK(first == SlotRef{1, 1});
        keyring->doom(first);
        REQUIRE(keyring->flush());
        SUBCASE("in the same process") {}
        SUBCASE("after a restart") { keyring = open(); }
        const auto again = add(*keyring, 1, 12);
        CHECK(again == SlotRef{1, 2});
        CHECK(read(*keyring, 1, first) == "dead");
        CHECK(read(*keyring, 1, again) == "12");
    }

    TEST_CASE_FIXTURE(Fixture,
                      "dooming a use of a slot that is over does not touch the key that lies there now") {
        auto keyring = open();
        const auto first = add(*keyring, 1, 11);
        keyring->doom(first);
        REQUIRE(keyring->flush());
        const auto second = add(*keyring, 2, 21);
        REQUIRE(second.index == first.index);
        keyring->doom(first);
        REQUIRE(keyring->flush());
        CHECK(read(*keyring, 2, second) == "21");
    }

    TEST_CASE_FIXTURE(Fixture,
                      "a slot that could not be overwritten is overwritten by the next flush that works") {
        auto keyring = open();
        const auto slot = add(*keyring, 1, 11);
        const auto before = block(1);
        keyring->doom(slot);
        faults::arm(dir.path(), {faults::Kind::fail_once, 1, EIO});
        const auto flushed = keyring->flush();
        faults::disarm();
        REQUIRE(!flushed);
        CHECK(flushed.error().kind == ErrorKind::io);
        CHECK(block(1) == before);
        CHECK(add(*keyring, 2, 21).index ==
              2);  // not free before it is overwritten; and this flush overwrites it
        CHECK(block(1) != before);
        CHECK(read(*keyring, 1, slot) == "dead");
        CHECK(add(*keyring, 3, 31) == SlotRef{1, 2});
    }

    TEST_CASE_FIXTURE(Fixture, "an overwriting that was not synced does not count") {
        auto keyring = open();
        const auto slot = add(*keyring, 1, 11);
        keyring->doom(slot);
        faults::arm(dir.path(), {faults::Kind::fail_once, 2, EIO});
        const auto flushed = keyring->flush();
        faults::disarm();
        CHECK(!flushed);
        CHECK(keyring->needs_flush());
        REQUIRE(keyring->flush());
        CHECK(!keyring->needs_flush());
    }

    TEST_CASE_FIXTURE(Fixture, "a full disk refuses a new slot and hinders no overwriting") {
        auto keyring = open();
        const auto slot = add(*keyring, 1, 11);
        const auto size = std::filesystem::file_size(path);
        faults::arm(dir.path(), {faults::Kind::fail_once, 1, ENOSPC});
        const auto refused =
            keyring->write(Part::account, format::owner_of(account_id(2)), key_of<Keyring::SlotKey>(2), {});
        REQUIRE(!refused);
        CHECK(refused.error().kind == ErrorKind::full);
        faults::disarm();
        CHECK(std::filesystem::file_size(path) == size);
        faults::arm(dir.path(), {});
        faults::record(true);
        keyring->doom(slot);
        REQUIRE(keyring->flush());
        CHECK(faults::events() == std::vector<std::string>{"write keyring", "sync keyring"});
        faults::record(false);
        faults::disarm();
        CHECK(std::filesystem::file_size(path) == size);
    }

    TEST_CASE_FIXTURE(Fixture,
                      "a file that ends inside a slot is mended, and the torn slot is taken like any other") {
        auto keyring = open();
        add(*keyring, 1, 11);
        const auto second = add(*keyring, 2, 21);
        keyring.reset();
        std::filesystem::resize_file(path, 2 * format::block_size + 100);
        keyring = open();
        REQUIRE(keyring->flush());
        CHECK(read(*keyring, 2, second) == "dead");
        CHECK(std::filesystem::file_size(path) == 3 * format::block_size);
        const auto third = add(*keyring, 3, 31);
        CHECK(third.index == 2);
        keyring = open();
        CHECK(read(*keyring, 3, third) == "31");
    }

    TEST_CASE_FIXTURE(Fixture, "a hole that a crash left is a free slot") {
        std::filesystem::resize_file(path, 3 * format::block_size);
        auto keyring = open();
        CHECK(keyring->listed().empty());
        CHECK(add(*keyring, 1, 11) == SlotRef{1, 1});
    }

    TEST_CASE_FIXTURE(Fixture, "a generation is not used twice: a worn-out slot is left alone") {
        std::string block(format::block_size, '\0');
        block.replace(4, 4, "\xff\xff\xff\xff");
        std::ofstream(path, std::ios::binary | std::ios::app) << block;
        auto keyring = open();
        CHECK(add(*keyring, 1, 11) == SlotRef{2, 1});
    }

    TEST_CASE_FIXTURE(
        Fixture,
        "another key, another version, another file, no file: each is a problem that names the keyring") {
        const auto text_of = [&](const crypto::KeyringKey& k) {
            const auto keyring = Keyring::open(path, k);
            return keyring ? std::string() : keyring.error().text;
        };
        const auto good = contents(path);
        CHECK(text_of(key).empty());
        CHECK(text_of(key_of<crypto::KeyringKey>(2)).find("does not open under this node key") !=
              std::string::npos);
        overwrite(path, good.substr(0, 16) + std::string("\0\0\0\x01", 4));
        CHECK(text_of(key).find(path.string() + " has format version 1") != std::string::npos);
        overwrite(path, "LETHE");
        CHECK(text_of(key).find("is not a keyring") != std::string::npos);
        overwrite(path, good);
        CHECK(text_of(key).empty());
        std::filesystem::resize_file(path, 100);
        CHECK(text_of(key).find(path.string() + " is cut short (100 bytes") != std::string::npos);
        std::filesystem::remove(path);
        CHECK(text_of(key).find(path.string() + " is missing: ") != std::string::npos);
    }

    TEST_CASE_FIXTURE(Fixture, "the keyring shows no key, and the same key twice looks different") {
        auto keyring = open();
        add(*keyring, 1, 0xab);
        add(*keyring, 1, 0xab);
        const auto file = contents(path);
        CHECK(file.find(std::string(16, '\xab')) == std::string::npos);
        CHECK(block(1).substr(format::slot_nonce) != block(2).substr(format::slot_nonce));
    }
}
