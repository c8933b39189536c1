// SPDX-License-Identifier: AGPL-3.0-or-later
// What the node key yields, and the account record (3-crypto: "One sealed record").
#pragma once
#include <expected>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/login_token.h"
#include "crypto/node_key.h"  // where the NodeKey below comes from
#include "crypto/secret.h"
#include "server/xmpp/jid.h"

namespace lethe::crypto {

/// SCRAM mechanisms by the hash they use. Values are on disk and equal xmpp::scram::Hash.
enum class Mechanism : std::uint8_t { scram_sha_1 = 1, scram_sha_256 = 2 };

/// One mechanism of an account: what checks a login, and what the login opens.
struct Credential {
    Mechanism mechanism = Mechanism::scram_sha_256;
    std::uint32_t iterations = 0;
    Bytes salt, stored_key, server_key;
    Bytes wrap;  ///< the vault secret under this mechanism's ClientKey (wrap_vault)
};

struct AccountRecord {
    bool suspended = false;
    VaultPublicKey vault_public;
    /// How long the owner wants the archive kept, in microseconds: 0 is not at all, none is the policy's archive.keep.
    std::optional<std::int64_t> archive_choice = {};
    /// Archive entries received up to then are not served any more: what an earlier choice had ruled out stays so. 0: there never was a choice.
    std::int64_t archive_floor = 0;
    std::uint32_t told = 0;  ///< serial number of the last announcement of a policy that the owner was told of
    std::vector<Credential> credentials;
    std::vector<LoginToken> tokens = {};  ///< at most most_login_tokens, as they were issued
    const Credential* find(Mechanism m) const;
};

using InvitationMasterKey = Secret<struct InvitationMasterKeyTag, 32>;

/// All sub-keys of the node key. Immutable after construction; any thread may use it.
class NodeKeys {
public:
    explicit NodeKeys(const NodeKey& node_key);
    ~NodeKeys();
    NodeKeys(NodeKeys&&) noexcept;

    AccountId account_id(const xmpp::BareJid& jid) const;
    /// What a data directory keeps to know its domain again: tells nothing without the node key. It is the
    /// account id that the domain itself would have; accounts have a localpart, so it is never one of theirs.
    DomainMark domain_mark(const xmpp::BareJid& domain) const;
    /// Under (credential key, account key), AD = account id: one without the other opens nothing.
    Sealed seal_record(const AccountId& id, const AccountKey& key, const AccountRecord& record) const;
    std::expected<AccountRecord, Unopenable> open_record(const AccountId& id, const AccountKey& key, const Sealed& sealed) const;
    const KeyringKey& keyring_key() const;
    const ProfileMasterKey& profile_key() const;  ///< for ProfileKeys
    const UploadSlotKey& upload_slot_key() const;  ///< for UploadKeys
    const InvitationMasterKey& invitation_key() const;  ///< for crypto/invitation.h
    /// The salt an unknown account's login is answered with; stable for a JID, like a real one.
    std::array<std::uint8_t, 16> fake_salt(const xmpp::BareJid& jid, Mechanism mechanism) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// wrap[m] = AEAD(key = BLAKE2b-256(key = ClientKey[m], label ‖ m ‖ AccountId), vault secret). client_key is 20 or 32 bytes.
Bytes wrap_vault(ByteView client_key, Mechanism mechanism, const AccountId& id, const VaultSecret& secret);
std::expected<VaultSecret, Unopenable> unwrap_vault(ByteView client_key, Mechanism mechanism, const AccountId& id, ByteView wrap);

/// Random bytes for salts, nonces of the protocol, stream ids. Not for keys: those are Secrets.
void random_bytes(std::span<std::uint8_t> out);

}  // namespace lethe::crypto
