// SPDX-License-Identifier: AGPL-3.0-or-later
// What must be served while its owner is away: rows of one account under the node's profile key and the account key together.
//
// The node key alone opens nothing of an account whose key is overwritten, a stolen disk opens nothing at all. With both, whoever runs the
// server can read these rows: they are for strangers to ask for. A new account key takes every row with it (reseal).
// Lifetime: a few requests; it may be made again at any time. Thread: const functions from any thread.
#pragma once
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "crypto/account.h"

namespace lethe::crypto {

class ProfileKeys {
public:
    ProfileKeys(const NodeKeys& node, const AccountId& account, const AccountKey& key);
    ~ProfileKeys();
    ProfileKeys(ProfileKeys&&) noexcept;
    ProfileKeys& operator=(ProfileKeys&&) noexcept;

    /// Names a row; told apart from every other name's only by whoever has both keys.
    BlindKey row_key(std::string_view name) const;
    struct Row {
        BlindKey key;
        Sealed value;
    };
    Row seal(std::string_view name, ByteView plain) const;
    struct Opened {
        std::string name;
        Bytes plain;
    };
    /// A row that lies where another belongs does not open.
    std::expected<Opened, Unopenable> open(const BlindKey& key, const Sealed& sealed) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// The same row under the keys that follow.
std::expected<ProfileKeys::Row, Unopenable> reseal(const ProfileKeys& from, const ProfileKeys& to, const BlindKey& key, const Sealed& sealed);

}  // namespace lethe::crypto
