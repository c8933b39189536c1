// SPDX-License-Identifier: AGPL-3.0-or-later
#include "crypto/codec.h"

#include "tests/unit/crypto/fixture.h"

using namespace lethe::crypto_test;

TEST_SUITE("crypto/codec") {
    TEST_CASE("integers are big-endian, strings carry a length of four bytes") {
        Encoder out;
        out.u8(1).u16(0x0203).u32(0x04050607).u64(0x08090A0B0C0D0E0F).i64(-2).flag(true).flag(false);
        out.raw(unhex("aabb")).str("hi").blob(unhex("ff"));
        CHECK(hex(out.take()) ==
              "01"
              "0203"
              "04050607"
              "08090a0b0c0d0e0f"
              "fffffffffffffffe"
              "01"
              "00"
              "aabb"
              "000000026869"
              "00000001ff");
    }

    TEST_CASE("what was written is read back") {
        Encoder out;
        out.u8(255)
            .u16(65535)
            .u32(UINT32_MAX)
            .u64(UINT64_MAX)
            .i64(INT64_MIN)
            .flag(true)
            .str("")
            .blob(unhex("00"));
        const Bytes bytes = out.take();
        Decoder in(bytes);
        CHECK(in.u8() == 255);
        CHECK(in.u16() == 65535);
        CHECK(in.u32() == UINT32_MAX);
        CHECK(in.u64() == UINT64_MAX);
        CHECK(in.i64() == INT64_MIN);
        CHECK(in.flag());
        CHECK(in.str().empty());
        CHECK(!in.finished());
        CHECK(in.blob() == unhex("00"));
        CHECK(in.finished());
    }

    TEST_CASE("reading past the end makes it bad for good") {
        const Bytes bytes = unhex("0102030405");
        Decoder in(bytes);
        CHECK(in.u16() == 0x0102);
        CHECK(in.u32() == 0);
        CHECK(in.bad());
        CHECK(in.u8() == 0);  // a byte is there, but nothing is read any more
        std::array<std::uint8_t, 2> raw{9, 9};
        in.raw(raw);
        CHECK(raw == std::array<std::uint8_t, 2>{0, 0});
        CHECK(!in.finished());
    }

    TEST_CASE("a flag is zero or one") {
        const Bytes bytes = unhex("02");
        Decoder in(bytes);
        CHECK(!in.flag());
        CHECK(in.bad());
    }

    TEST_CASE("a length beyond the end is bad, however large") {
        for (const char* text : {"0000000361", "ffffffff61", "000000"}) {
            const Bytes bytes = unhex(text);
            Decoder in(bytes);
            CHECK(in.str().empty());
            CHECK(in.bad());
            Decoder again(bytes);
            CHECK(again.blob().empty());
            CHECK(again.bad());
        }
    }

    TEST_CASE("bytes left over are not finished, and a caller's refusal stays") {
        const Bytes bytes = unhex("0001");
        Decoder in(bytes);
        in.u8();
        CHECK(!in.finished());
        CHECK(!in.bad());
        in.u8();
        CHECK(in.finished());
        in.fail();
        CHECK(in.bad());
        CHECK(!in.finished());
    }

    TEST_CASE("raw reads exactly as many bytes as asked") {
        const Bytes bytes = unhex("010203");
        Decoder in(bytes);
        std::array<std::uint8_t, 3> raw{};
        in.raw(raw);
        CHECK(raw == std::array<std::uint8_t, 3>{1, 2, 3});
        CHECK(in.finished());
    }
}
