// SPDX-License-Identifier: AGPL-3.0-or-later
#include <sodium.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

#include "crypto/forms.h"
#include "crypto/primitives.h"
#include "crypto/segment.h"
#include "tests/unit/crypto/fixture.h"

using namespace lethe::crypto_test;

namespace {

Bytes payload_for(std::size_t i) { return Bytes(20 + i % 7, static_cast<std::uint8_t>(i)); }

struct Full : Known {
    SegmentWriter writer{account, first, bucket, vault.public_key()};
    std::vector<SealedEntry> entries;
    Full() {
        while (!writer.full()) entries.push_back(writer.append(payload_for(entries.size())));
    }
    SegmentReader reader() const {
        auto opened = vault.open_segment(first, *bucket, writer.header());
        REQUIRE(opened.has_value());
        return std::move(*opened);
    }
    bool opens(SegmentReader& reader, std::size_t i) const {
        const auto plain = reader.open(static_cast<std::uint16_t>(i), entries[i].bytes.view());
        return plain && *plain == payload_for(i);
    }
};

/// What somebody who knew K0 of the vectors could write anywhere.
Sealed header_of_known_k0(const AccountId& account, const LogPlace& place, const VaultPublicKey& owner) {
    const auto where = to_bytes(place);
    Bytes plain(32 + account.bytes.size() + segment_place_bytes);
    for (std::size_t i = 0; i < 32; ++i) plain[i] = static_cast<std::uint8_t>(0xA0 + i);
    const auto rest = std::copy(account.bytes.begin(), account.bytes.end(), plain.begin() + 32);
    std::copy(where.begin(), where.begin() + segment_place_bytes, rest);
    Bytes out(segment_header_bytes, static_cast<std::uint8_t>(Form::segment_header));
    REQUIRE(crypto_box_seal(out.data() + 1, plain.data(), plain.size(), owner.bytes.data()) == 0);
    return Sealed::from_disk(out);
}

}  // namespace

TEST_SUITE("crypto/log") {
    TEST_CASE("a known segment opens to the known entries") {
        const Known known;
        auto reader =
            known.vault.open_segment(known.first, *known.bucket, sealed_of(vectors::segment_header));
        REQUIRE(reader.has_value());
        const auto last = reader->open(1023, unhex(vectors::entry_1023_sealed));
        const auto first = reader->open(0, unhex(vectors::entry_0_sealed));
        const auto second = reader->open(1, unhex(vectors::entry_1_sealed));
        REQUIRE((first && second && last));
        CHECK(hex(*first) == vectors::entry_0);
        CHECK(hex(*second) == vectors::entry_1);
        CHECK(hex(*last) == vectors::entry_1023);
    }

    TEST_CASE("an account's rows in a bucket have the known prefix, another in every bucket") {
        const Known known;
        CHECK(hex(log_prefix(*known.bucket, known.account).view()) == vectors::log_prefix);
        CHECK(log_prefix(BucketKey::generate(), known.account) != log_prefix(*known.bucket, known.account));
        CHECK(log_prefix(*known.bucket, another(known.account)) != log_prefix(*known.bucket, known.account));
        const SegmentWriter writer(known.account, known.first, known.bucket, known.vault.public_key());
        CHECK(writer.prefix() == log_prefix(*known.bucket, known.account));
    }

    TEST_CASE("a segment takes 1,024 entries, each at the place after the one before") {
        Full log;
        REQUIRE(log.entries.size() == segment_entries);
        for (std::size_t i = 0; i < log.entries.size(); ++i) {
            LogPlace place = log.first;
            place.index = static_cast<std::uint16_t>(i);
            CHECK(log.entries[i].place == place);
            CHECK(looks_like(Form::log_entry, log.entries[i].bytes.view()));
        }
        CHECK(log.writer.full());
        CHECK(looks_like(Form::segment_header, log.writer.header().view()));
    }

    TEST_CASE("a writer starts at index zero whatever place it is given") {
        const Known known;
        LogPlace place = known.first;
        place.index = 9;
        SegmentWriter writer(known.account, place, known.bucket, known.vault.public_key());
        CHECK(writer.next() == known.first);
        CHECK(writer.append({}).place == known.first);
        CHECK(known.vault.open_segment(place, *known.bucket, writer.header()).has_value());
    }

    TEST_CASE("an index is used up when it is sealed, stored or not") {
        const Known known;
        SegmentWriter writer(known.account, known.first, known.bucket, known.vault.public_key());
        std::set<LogPlace> places;
        std::set<std::string> bytes;
        for (int i = 0; i < 50; ++i) {
            const LogPlace promised = writer.next();
            const SealedEntry entry = writer.append(as_bytes("the same"));
            CHECK(entry.place == promised);
            places.insert(entry.place);
            bytes.insert(hex(entry.bytes.view()));
        }
        CHECK(places.size() == 50);
        CHECK(bytes.size() == 50);
    }

    TEST_CASE("entries open forwards, backwards, at random, again and with gaps") {
        Full log;
        auto reader = log.reader();
        SUBCASE("forwards") {
            for (std::size_t i = 0; i < 1024; ++i) REQUIRE(log.opens(reader, i));
        }
        SUBCASE("backwards") {
            for (std::size_t i = 1024; i-- > 0;) REQUIRE(log.opens(reader, i));
        }
        SUBCASE("at random") {
            std::mt19937 random(3);
            for (int k = 0; k < 5000; ++k) REQUIRE(log.opens(reader, random() % 1024));
        }
        SUBCASE("across the ends of the reader's blocks") {
            for (std::size_t i : {31u, 32u, 31u, 33u, 64u, 63u, 0u, 1023u, 992u, 991u, 0u, 1023u})
                REQUIRE(log.opens(reader, i));
        }
        SUBCASE("every seventh, then every fifth") {
            for (std::size_t i = 3; i < 1024; i += 7) REQUIRE(log.opens(reader, i));
            for (std::size_t i = 0; i < 1024; i += 5) REQUIRE(log.opens(reader, i));
        }
    }

    TEST_CASE("two readers of one segment do not disturb each other, and a failure does not spoil a reader") {
        Full log;
        auto a = log.reader(), b = log.reader();
        CHECK(log.opens(a, 500));
        CHECK(log.opens(b, 3));
        CHECK(!a.open(7, log.entries[8].bytes.view()).has_value());
        CHECK(log.opens(a, 501));
        auto moved = std::move(a);
        CHECK(log.opens(moved, 502));
    }

    TEST_CASE("an entry opens at its own index only") {
        Full log;
        auto reader = log.reader();
        for (std::uint16_t i = 0; i < 200; ++i)
            CHECK(reader.open(i, log.entries[100].bytes.view()).has_value() == (i == 100));
        CHECK(!reader.open(1024, log.entries[0].bytes.view()).has_value());
        CHECK(!reader.open(UINT16_MAX, log.entries[0].bytes.view()).has_value());
    }

    TEST_CASE("a header opens for nothing but its own account, class, bucket, segment and vault") {
        const Known known;
        const SegmentWriter writer(known.account, known.first, known.bucket, known.vault.public_key());
        const Sealed& header = writer.header();
        const auto opens = [&](LogPlace place, const Vault& vault) {
            return vault.open_segment(place, *known.bucket, header).has_value();
        };
        CHECK(opens(known.first, known.vault));
        LogPlace place = known.first;
        SUBCASE("class") { place.cls = ClassId::letterbox; }
        SUBCASE("bucket") { place.bucket += 1; }
        SUBCASE("segment") { place.segment += 256; }
        if (place != known.first) CHECK(!opens(place, known.vault));
        CHECK(!opens(known.first, Vault(another(known.account), known.vault_secret)));
        CHECK(!opens(known.first, Vault(known.account, VaultSecret::generate())));
    }

    TEST_CASE("an entry that was moved does not open, even under a header of the same K0") {
        const Known known;
        const auto opens_at = [&](const AccountId& account, const LogPlace& place) {
            const Vault vault(account, known.vault_secret);
            auto reader = vault.open_segment(place, *known.bucket,
                                             header_of_known_k0(account, place, vault.public_key()));
            REQUIRE(reader.has_value());
            return reader->open(0, unhex(vectors::entry_0_sealed)).has_value();
        };
        CHECK(opens_at(known.account, known.first));
        CHECK(!opens_at(another(known.account), known.first));
        CHECK(!opens_at(known.account, {ClassId::letterbox, 7, 5, 0}));
        CHECK(!opens_at(known.account, {ClassId::archive, 8, 5, 0}));
        CHECK(!opens_at(known.account, {ClassId::archive, 7, 6, 0}));
        CHECK(!opens_at(known.account, {ClassId::archive, 5, 7, 0}));
    }

    TEST_CASE("an entry past the end of a segment does not open, though made with the right keys") {
        const Known known;
        auto reader =
            known.vault.open_segment(known.first, *known.bucket, sealed_of(vectors::segment_header));
        REQUIRE(reader.has_value());
        const auto sealed_at = [&](std::uint16_t index) {
            ChainKey chain = ChainKey::make([](auto out) {
                for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(0xA0 + i);
            });
            for (std::uint16_t i = 0; i < index; ++i) chain = next_key(chain);
            LogPlace place = known.first;
            place.index = index;
            return entry_key(chain, *known.bucket).with_bytes([&](KeyView k) {
                return seal(Form::log_entry, k, entry_ad(known.account, place), as_bytes("x"),
                            log_entry_minimum);
            });
        };
        CHECK(reader->open(1023, sealed_at(1023)).has_value());
        CHECK(!reader->open(1024, sealed_at(1024)).has_value());
    }

    TEST_CASE("without the bucket key nothing opens") {
        Full log;
        auto reader = log.vault.open_segment(log.first, BucketKey::generate(), log.writer.header());
        REQUIRE(reader.has_value());  // the header needs the owner alone
        for (std::uint16_t i = 0; i < 10; ++i)
            CHECK(!reader->open(i, log.entries[i].bytes.view()).has_value());
    }

    TEST_CASE("a damaged header does not open") {
        const Known known;
        each_tampering(unhex(vectors::segment_header), [&](ByteView bad) {
            CHECK(!known.vault.open_segment(known.first, *known.bucket, Sealed::from_disk(bad)).has_value());
        });
    }

    TEST_CASE("a damaged entry does not open") {
        const Known known;
        auto reader =
            known.vault.open_segment(known.first, *known.bucket, sealed_of(vectors::segment_header));
        REQUIRE(reader.has_value());
        each_tampering(unhex(vectors::entry_1_sealed),
                       [&](ByteView bad) { CHECK(!reader->open(1, bad).has_value()); });
        CHECK(reader->open(1, unhex(vectors::entry_1_sealed)).has_value());
    }

    TEST_CASE("payloads of any length open again, at sizes that are allowed") {
        const Known known;
        SegmentWriter writer(known.account, known.first, known.bucket, known.vault.public_key());
        auto reader = known.vault.open_segment(known.first, *known.bucket, writer.header());
        REQUIRE(reader.has_value());
        for (std::size_t n : {0u, 1u, 1020u, 1021u, 5000u, 262'144u}) {
            const Bytes plain(n, 0);
            const SealedEntry entry = writer.append(plain);
            CHECK(looks_like(Form::log_entry, entry.bytes.view()));
            CHECK((entry.bytes.size() == seal_overhead + log_entry_minimum) == (n <= 1020));
            const auto opened = reader->open(entry.place.index, entry.bytes.view());
            REQUIRE(opened.has_value());
            CHECK(*opened == plain);
        }
    }
}
