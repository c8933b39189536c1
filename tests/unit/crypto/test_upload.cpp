// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include <algorithm>

#include "crypto/account.h"
#include "crypto/forms.h"
#include "crypto/upload.h"

using namespace lethe;
using namespace lethe::crypto;

namespace {

template <class Key> Key filled(std::uint8_t value) {
    return Key::make([&](auto out) { std::ranges::fill(out, value); });
}

constexpr std::size_t chunk = upload_chunk_bytes;
const LogPrefix row{{1, 2, 3}};

Bytes content(const UploadHeader& header, std::uint32_t index) {
    Bytes out(header.bytes_in(index));
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(i * 7 + index);
    return out;
}

}  // namespace

TEST_SUITE("crypto/upload") {
    TEST_CASE("a token has one text, and a text one token") {
        const auto token = filled<UploadToken>(0xfb);
        const std::string text = to_text(token);
        CHECK(text == "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s");
        REQUIRE(parse_upload_token(text).has_value());
        CHECK(to_text(*parse_upload_token(text)) == text);
        for (const std::string& wrong : {std::string(), text.substr(1), text + "A", text + "=", text.substr(0, 42) + "=", text.substr(0, 42) + "t", text.substr(0, 42) + "+", "\n" + text.substr(1), text.substr(0, 15) + "\xf9" + text.substr(16)}) {
            CAPTURE(wrong);
            CHECK_FALSE(parse_upload_token(wrong).has_value());
        }
    }

    TEST_CASE("what the disk shows of a size is its padded size, in whole chunks and a last one of an allowed size") {
        struct Row {
            std::uint64_t size;
            std::uint32_t chunks;
            std::size_t last;  ///< sealed bytes
        };
        for (const Row& r : {Row{1, 1, 1024}, {1024, 1, 1024}, {1025, 1, 1088}, {chunk - 1, 1, chunk}, {chunk, 1, chunk}, {chunk + 1, 2, 2048}, {3 * chunk, 3, chunk},
                             {std::uint64_t{1} << 30, 16384, chunk}}) {
            CAPTURE(r.size);
            const auto header = UploadHeader::make(r.size, 0, "");
            CHECK(header.chunks() == r.chunks);
            std::uint64_t sum = 0;
            for (std::uint32_t i = 0; i < header.chunks(); ++i) sum += header.bytes_in(i);
            CHECK(sum == r.size);
            const auto sealed = UploadKey(filled<UploadToken>(1), filled<BucketKey>(2)).seal_chunk(header, r.chunks - 1, content(header, r.chunks - 1));
            CHECK(sealed.size() == upload_chunk_overhead + r.last);
            CHECK(looks_like(Form::upload_chunk, sealed.view()));
        }
    }

    TEST_CASE("padding may fill a whole chunk, and holds nothing of the file") {
        std::uint64_t size = 0;
        for (std::uint64_t candidate = 64 * chunk + 1; candidate < 80 * chunk && size == 0; candidate += 509)
            if (const auto header = UploadHeader::make(candidate, 0, ""); header.bytes_in(header.chunks() - 1) == 0) size = candidate;
        REQUIRE(size > 0);
        const auto header = UploadHeader::make(size, 0, "");
        const UploadKey key(filled<UploadToken>(1), filled<BucketKey>(2));
        const auto opened = key.open_chunk(header, header.chunks() - 1, key.seal_chunk(header, header.chunks() - 1, {}));
        REQUIRE(opened.has_value());
        CHECK(opened->empty());
    }

    TEST_CASE("header and chunks open with the token and the bucket's key, in their place, and not otherwise") {
        const UploadKey key(filled<UploadToken>(1), filled<BucketKey>(2));
        const auto header = UploadHeader::make(2 * chunk + 5, 1234, "image/png");
        const auto sealed = key.seal(row, header);
        CHECK(looks_like(Form::upload_header, sealed.view()));
        const auto opened = key.open(row, sealed);
        REQUIRE(opened.has_value());
        CHECK(opened->size == header.size);
        CHECK(opened->received == 1234);
        CHECK(opened->type == "image/png");
        CHECK(opened->nonce == header.nonce);
        CHECK_FALSE(key.open({{9}}, sealed).has_value());

        const auto first = key.seal_chunk(header, 0, content(header, 0)), second = key.seal_chunk(header, 1, content(header, 1));
        CHECK(key.open_chunk(header, 0, first).value() == content(header, 0));
        CHECK(key.open_chunk(header, 1, second).value() == content(header, 1));
        CHECK_FALSE(key.open_chunk(header, 1, first).has_value());
        CHECK_FALSE(key.open_chunk(header, 3, first).has_value());
        auto shorter = header;  // cut behind the first chunk: it does not say that it is the last
        shorter.size = chunk;
        CHECK_FALSE(key.open_chunk(shorter, 0, first).has_value());
        for (const auto& [token, bucket] : {std::pair{1, 3}, {3, 2}, {2, 1}}) {
            const UploadKey other(filled<UploadToken>(static_cast<std::uint8_t>(token)), filled<BucketKey>(static_cast<std::uint8_t>(bucket)));
            CHECK_FALSE(other.open(row, sealed).has_value());
            CHECK_FALSE(other.open_chunk(header, 0, first).has_value());
        }
        Bytes bent(first.view().begin(), first.view().end());
        for (const std::size_t at : {std::size_t{0}, std::size_t{1}, bent.size() - 1}) {
            bent[at] ^= 1;
            CHECK_FALSE(key.open_chunk(header, 0, Sealed::from_disk(bent)).has_value());
            bent[at] ^= 1;
        }
        CHECK_FALSE(key.open_chunk(header, 0, Sealed::from_disk({})).has_value());
        CHECK_FALSE(key.open(row, Sealed::from_disk({})).has_value());
    }

    TEST_CASE("the row's name needs the node key; every file has a nonce of its own") {
        const auto token = filled<UploadToken>(1);
        CHECK(upload_row(filled<UploadSlotKey>(1), token) == upload_row(filled<UploadSlotKey>(1), token));
        CHECK(upload_row(filled<UploadSlotKey>(2), token) != upload_row(filled<UploadSlotKey>(1), token));
        CHECK(upload_row(filled<UploadSlotKey>(1), filled<UploadToken>(2)) != upload_row(filled<UploadSlotKey>(1), token));
        CHECK(UploadHeader::make(1, 0, "").nonce != UploadHeader::make(1, 0, "").nonce);
        CHECK(upload_place(ClassId::uploads, 7, 1025) == LogPlace{ClassId::uploads, 7, 1, 1});
    }
}
