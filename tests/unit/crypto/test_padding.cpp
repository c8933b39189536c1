// SPDX-License-Identifier: AGPL-3.0-or-later
#include "crypto/padding.h"

#include <cmath>

#include "crypto/forms.h"
#include "tests/unit/crypto/fixture.h"

using namespace lethe::crypto_test;

namespace {

/// The formula as the paper writes it.
std::size_t by_formula(std::size_t n) {
    const double e = std::floor(std::log2(static_cast<double>(n)));
    const double s = std::floor(std::log2(e)) + 1;
    const auto unit = static_cast<std::size_t>(std::exp2(e - s));
    return (n + unit - 1) / unit * unit;
}

Bytes padded(ByteView plain, std::size_t minimum) {
    Bytes out(padded_size(plain.size(), minimum));
    pad_into(out, plain);
    return out;
}

}  // namespace

TEST_SUITE("crypto/padding") {
    TEST_CASE("sizes follow the Padmé formula and cost at most 12 percent") {
        for (std::size_t n = 2; n < 100'000; ++n) {
            const std::size_t size = padme(n);
            REQUIRE(size == by_formula(n));
            REQUIRE(size >= n);
            REQUIRE(size * 100 <= n * 112);
            REQUIRE(padme(size) == size);
        }
        CHECK(padme(9) == 10);
        CHECK(padme(1025) == 1088);
        CHECK(padme(262'145) == 270'336);
    }

    TEST_CASE("few sizes occur") {
        std::size_t sizes = 0;
        for (std::size_t n = 1025; n <= 262'144; ++n) sizes += padme(n) == n;
        CHECK(sizes == 160);  // 16 a doubling up to 64 KiB, 32 above
    }

    TEST_CASE("everything up to the minimum has one size") {
        CHECK(padded_size(0, 256) == 256);
        CHECK(padded_size(252, 256) == 256);
        CHECK(padded_size(253, 256) == 272);
        CHECK(padded_size(1020, 1024) == 1024);
        CHECK(padded_size(1021, 1024) == 1088);
    }

    TEST_CASE("every length comes back, at sizes that are allowed") {
        for (std::size_t n = 0; n < 3000; ++n) {
            const Bytes plain(n, 0);  // zeros: nothing but the length tells them from padding
            const Bytes out = padded(plain, 256);
            REQUIRE(is_padded_size(out.size(), 256));
            const auto back = unpad(out, 256);
            REQUIRE(back.has_value());
            REQUIRE(back->size() == n);
        }
    }

    TEST_CASE("sizes that padding never makes are recognised") {
        CHECK(is_padded_size(256, 256));
        CHECK(is_padded_size(272, 256));
        for (std::size_t n : {0u, 255u, 257u, 271u, 273u}) CHECK(!is_padded_size(n, 256));
    }

    TEST_CASE("padding has one form: nothing else is taken for it") {
        const Bytes good = padded(unhex("0102"), 256);
        CHECK(hex(ByteView(good).first(8)) == "0000000201020000");
        REQUIRE(unpad(good, 256));
        SUBCASE("a bit set in any padding byte") {
            for (std::size_t i = 6; i < good.size(); ++i) {
                Bytes bad = good;
                bad[i] = 0x10;
                CHECK(!unpad(bad, 256));
            }
        }
        SUBCASE("more padding than needed") {
            Bytes bad = good;
            bad.resize(272);
            CHECK(!unpad(bad, 256));
        }
        SUBCASE("less padding than needed") { CHECK(!unpad(ByteView(good).first(255), 256)); }
        SUBCASE("a length beyond the end") {
            Bytes bad = good;
            bad[2] = 1;
            CHECK(!unpad(bad, 256));
            bad[0] = 0xFF;
            CHECK(!unpad(bad, 256));
        }
        SUBCASE("no room for a length") {
            CHECK(!unpad(ByteView(good).first(3), 256));
            CHECK(!unpad(ByteView(), 256));
        }
    }
}

TEST_SUITE("crypto/forms") {
    TEST_CASE("each sealed form is recognised without a key, and taken for no other") {
        const Form forms[] = {Form::account_record, Form::record, Form::segment_header, Form::log_entry,
                              Form::vault_wrap};
        const Bytes samples[] = {unhex(vectors::account_record_sealed), unhex(vectors::record_long_sealed),
                                 unhex(vectors::segment_header), unhex(vectors::entry_1023_sealed),
                                 unhex(vectors::wrap_sha_256)};
        for (std::size_t i = 0; i < std::size(forms); ++i)
            for (std::size_t j = 0; j < std::size(forms); ++j)
                CHECK(looks_like(forms[i], samples[j]) == (i == j));
    }

    TEST_CASE("a sealed form of a size that never occurs is not recognised") {
        for (const auto& [form, text] : {std::pair{Form::account_record, vectors::account_record_sealed},
                                         {Form::record, vectors::record_short_sealed},
                                         {Form::segment_header, vectors::segment_header},
                                         {Form::log_entry, vectors::entry_0_sealed},
                                         {Form::vault_wrap, vectors::wrap_sha_1}}) {
            Bytes bytes = unhex(text);
            REQUIRE(looks_like(form, bytes));
            CHECK(!looks_like(form, ByteView(bytes).first(bytes.size() - 1)));
            CHECK(!looks_like(form, ByteView(bytes).first(1)));
            CHECK(!looks_like(form, ByteView()));
            bytes.push_back(0);
            CHECK(!looks_like(form, bytes));
        }
    }
}
