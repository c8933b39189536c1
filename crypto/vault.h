// SPDX-License-Identifier: AGPL-3.0-or-later
// An open vault: everything of one account that only its owner's login opens.
//
// Lifetime: exists while the account has a session; destroying it wipes every derived key.
// Thread: const functions from any thread; hold a shared_ptr<const Vault> for pool jobs.
#pragma once
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/bytes.h"
#include "crypto/log.h"
#include "crypto/secret.h"
#include "server/xmpp/jid.h"

namespace lethe::crypto {

/// Which table a sealed record belongs to; part of its AD. Values are on disk.
enum class RecordTable : std::uint8_t { roster = 1, blocklist = 2, settings = 3, personal = 4 };

class Vault {
public:
    Vault(const AccountId& id, const VaultSecret& secret);
    ~Vault();
    Vault(const Vault&) = delete;

    const AccountId& account() const;
    VaultPublicKey public_key() const;
    /// The same secret again, to wrap it under a new password.
    const VaultSecret& secret() const;

    BlindKey roster_key(const xmpp::BareJid& contact) const;
    BlindKey blocklist_key(const xmpp::Jid& jid) const;
    /// Named single records: roster version, cursors.
    BlindKey settings_key(std::string_view name) const;
    /// Rows of nodes that only their owner reads (core/node_rows.h names them).
    BlindKey personal_key(std::string_view name) const;

    Sealed seal(RecordTable table, const BlindKey& key, ByteView plain) const;
    std::expected<Bytes, Unopenable> open(RecordTable table, const BlindKey& key, const Sealed& sealed) const;

    /// Opaque, authentic, deterministic (SIV): the same place and time give the same id. 48 characters of [A-Za-z0-9_-].
    std::string archive_id(const ArchivePlace& where) const;
    std::optional<ArchivePlace> place_of(std::string_view archive_id) const;

    /// Opens a segment for reading.
    std::expected<SegmentReader, Unopenable> open_segment(const LogPlace& first, const BucketKey& bucket_key,
                                                          const Sealed& header) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace lethe::crypto
