// SPDX-License-Identifier: AGPL-3.0-or-later
// Sealed logs: append-only sequences whose writer cannot read back what it wrote (crypto/README.md, "Sealed logs").
#pragma once
#include <compare>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "crypto/bytes.h"
#include "crypto/secret.h"

namespace lethe::crypto {

/// Where an entry lies. Places of one account and class are ordered as their entries were received.
struct LogPlace {
    ClassId cls = ClassId::archive;
    std::uint32_t bucket = 0;
    std::uint32_t segment = 0;
    std::uint16_t index = 0;
    friend auto operator<=>(const LogPlace&, const LogPlace&) = default;
};

/// A place and when its entry was received: enough to say what comes before and after it in another class, even once it is gone.
struct ArchivePlace {
    LogPlace place;
    std::int64_t received = 0;  ///< microseconds since the Unix epoch
    friend bool operator==(const ArchivePlace&, const ArchivePlace&) = default;
};

inline constexpr std::uint16_t segment_entries = 1024;  ///< a segment ends after this many

LogPrefix log_prefix(const BucketKey& bucket_key, const AccountId& account);

struct SealedEntry {
    LogPlace place;
    Sealed bytes;
};

/// The writing end of one segment: holds only the next chain key. The bucket key must outlive it (shared).
class SegmentWriter {
public:
    /// Opens a fresh segment: random K0, sealed to the owner in header().
    SegmentWriter(const AccountId& account, const LogPlace& first, std::shared_ptr<const BucketKey> bucket_key,
                  const VaultPublicKey& owner);
    ~SegmentWriter();
    SegmentWriter(SegmentWriter&&) noexcept;
    SegmentWriter& operator=(SegmentWriter&&) noexcept;

    const Sealed& header() const;  ///< to be stored before or with the first entry
    const LogPrefix& prefix() const;
    bool full() const;
    LogPlace next() const;  ///< place the next append() takes
    /// Seals and advances the chain: the index is used up even if the bytes are never stored. Precondition: !full().
    SealedEntry append(ByteView payload);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// The reading end, made by Vault::open_segment. Opens entries in any order; remembers the chain as far as it went.
class SegmentReader {
public:
    ~SegmentReader();
    SegmentReader(SegmentReader&&) noexcept;
    std::expected<Bytes, Unopenable> open(std::uint16_t index, ByteView sealed);

private:
    friend class Vault;
    struct Impl;
    explicit SegmentReader(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// The payload of an entry.
struct LogEntry {
    enum class Type : std::uint8_t { stanza = 1, subscription = 2, instruction = 3 };
    Type type = Type::stanza;
    std::int64_t received = 0;      ///< microseconds since the Unix epoch
    bool outgoing = false;          ///< the account's owner sent it (archive)
    bool vault_closed = false;      ///< received while the vault was closed: readers apply the blocklist
    std::string peer;               ///< the other side's JID, full or bare, as in the stanza
    std::optional<LogPlace> archived;  ///< letterbox: its place in the archive
    std::string stanza;             ///< canonical XML
};
Bytes encode(const LogEntry& entry);
std::optional<LogEntry> decode_log_entry(ByteView bytes);  ///< strict: what decodes re-encodes to the same bytes

}  // namespace lethe::crypto
