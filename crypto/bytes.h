// SPDX-License-Identifier: AGPL-3.0-or-later
// Byte containers and the fixed-size public identifiers.
#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace lethe {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView as_bytes(std::string_view s) { return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()}; }
inline std::string_view as_text(ByteView b) { return {reinterpret_cast<const char*>(b.data()), b.size()}; }

namespace crypto {

/// A public fixed-size identifier. Distinct tags do not convert into each other or compare.
template <class Tag, std::size_t N> struct Id {
    std::array<std::uint8_t, N> bytes{};
    static constexpr std::size_t size = N;
    ByteView view() const { return bytes; }
    friend bool operator==(const Id&, const Id&) = default;
    friend auto operator<=>(const Id&, const Id&) = default;
    struct Hash {
        std::size_t operator()(const Id& id) const noexcept {
            std::size_t h;  // keyed hashes already: any eight bytes are as good as a hash of them
            std::memcpy(&h, id.bytes.data(), sizeof h);
            return h;
        }
    };
};

/// Keyed hash of a bare JID under the node key (NodeKeys::account_id is the only source besides the disk).
using AccountId = Id<struct AccountIdTag, 16>;
/// Keyed hash that names a row inside an account (Vault is the only source besides the disk).
using BlindKey = Id<struct BlindKeyTag, 16>;
/// BLAKE2b-128(bucket key, AccountId): names an account's rows inside one bucket only.
using LogPrefix = Id<struct LogPrefixTag, 16>;
using VaultPublicKey = Id<struct VaultPublicKeyTag, 32>;

/// Kinds of bucketed data. Values are on disk: never reuse one.
enum class ClassId : std::uint8_t {
    archive = 1,
    letterbox = 2,
    subscriptions = 3,
    // 4 upload, 5 room, 6 log, 16.. archive choices: reserved by the design
};

/// An encrypted, padded byte string as it lies on disk. Made by sealing, or read back from the store.
class Sealed {
public:
    static Sealed from_disk(ByteView bytes) { return Sealed(Bytes(bytes.begin(), bytes.end())); }
    ByteView view() const { return bytes_; }
    std::size_t size() const { return bytes_.size(); }

private:
    friend struct SealedAccess;  // crypto/ only
    explicit Sealed(Bytes bytes) : bytes_(std::move(bytes)) {}
    Bytes bytes_;
};

/// A sealed thing that does not open: wrong key, damaged, or moved to another place. Says no more on purpose.
struct Unopenable {};

}  // namespace crypto
}  // namespace lethe
