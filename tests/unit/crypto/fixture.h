// SPDX-License-Identifier: AGPL-3.0-or-later
// What the crypto tests share.
#pragma once
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "crypto/account.h"
#include "crypto/bytes.h"
#include "crypto/log.h"
#include "crypto/secret.h"
#include "crypto/vault.h"
#include "tests/unit/crypto/vectors.h"

namespace lethe::crypto_test {

using namespace lethe::crypto;
using lethe::as_bytes;
using lethe::Bytes;
using lethe::ByteView;
namespace vectors = lethe::vectors;

inline Bytes unhex(std::string_view hex) {
    const auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
    Bytes out;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        out.push_back(static_cast<std::uint8_t>(digit(hex[i]) << 4 | digit(hex[i + 1])));
    return out;
}

inline std::string hex(ByteView bytes) {
    std::string out;
    for (std::uint8_t b : bytes) {
        out += "0123456789abcdef"[b >> 4];
        out += "0123456789abcdef"[b & 15];
    }
    return out;
}

template <class S>
S secret_of(std::string_view hex_text) {
    const Bytes bytes = unhex(hex_text);
    REQUIRE(bytes.size() == S::size);
    return S::make([&](auto out) { std::copy(bytes.begin(), bytes.end(), out.begin()); });
}

template <class I>
I id_of(std::string_view hex_text) {
    const Bytes bytes = unhex(hex_text);
    REQUIRE(bytes.size() == I::size);
    I id;
    std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
    return id;
}

template <class S>
std::string hex_of(const S& secret) {
    return secret.with_bytes([](auto bytes) { return hex(bytes); });
}

inline Sealed sealed_of(std::string_view hex_text) { return Sealed::from_disk(unhex(hex_text)); }

/// The accounts, keys and places of vectors.py.
struct Known {
    AccountId account = id_of<AccountId>(vectors::account_id);
    VaultSecret vault_secret = secret_of<VaultSecret>(vectors::vault_secret);
    Vault vault{account, vault_secret};
    std::shared_ptr<const BucketKey> bucket =
        std::make_shared<const BucketKey>(secret_of<BucketKey>(vectors::bucket_key));
    LogPlace first{ClassId::archive, 7, 5, 0};
};

inline AccountId another(AccountId id) {
    id.bytes[15] ^= 1;
    return id;
}

/// Calls f(changed) with each byte of `bytes` changed in turn, with the last byte missing and with one byte
/// more.
template <class F>
void each_tampering(ByteView bytes, F&& f) {
    Bytes copy(bytes.begin(), bytes.end());
    for (std::uint8_t& b : copy) {
        for (const std::uint8_t flip : {0x01, 0x80}) {
            b ^= flip;
            f(ByteView(copy));
            b ^= flip;
        }
    }
    f(ByteView(copy).first(copy.size() - 1));
    f(ByteView());
    copy.push_back(0);
    f(ByteView(copy));
}

}  // namespace lethe::crypto_test
