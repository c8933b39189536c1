// SPDX-License-Identifier: AGPL-3.0-or-later
// Byte containers and the fixed-size public identifiers.
#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
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
/// Keyed hash of a domain under the node key (NodeKeys::domain_mark).
using DomainMark = Id<struct DomainMarkTag, 16>;
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
    uploads = 4,
    // 5 room, 6 log: reserved by the design
    // 16.. archive choices, see choice_class()
};

/// An archive that some accounts chose to be kept shorter is a class of its own, a fixed function of its time: 16..74 are 1..59 seconds, 75..133
/// 1..59 minutes, 134..156 1..23 hours, 157..255 1..99 days. Empty for times that have no such class ("0", "unlimited", 90 seconds).
std::optional<ClassId> choice_class(std::int64_t micros);
/// The inverse; empty for a class that is no choice.
std::optional<std::int64_t> choice_micros(ClassId cls);
/// Its directory below buckets/ and its name in text: "archive", "letterbox", "subscriptions", "uploads", "archive-1d".
std::string class_name(ClassId cls);
/// The class of that name; strict, so that each class has one.
std::optional<ClassId> class_named(std::string_view name);
/// Every class there can be, by number.
std::span<const ClassId> all_classes();
/// `archive` and the choices.
inline bool is_archive(ClassId cls) { return cls == ClassId::archive || static_cast<std::uint8_t>(cls) >= 16; }

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
