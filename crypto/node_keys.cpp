// SPDX-License-Identifier: AGPL-3.0-or-later
#include "crypto/account.h"
#include "crypto/account_record.h"
#include "crypto/labels.h"
#include "crypto/primitives.h"

namespace lethe::crypto {
namespace {

using AccountIdKey = Secret<struct AccountIdKeyTag, key_bytes>;
using CredentialKey = Secret<struct CredentialKeyTag, key_bytes>;
using FakeSaltKey = Secret<struct FakeSaltKeyTag, key_bytes>;
using RecordSealKey = Secret<struct RecordSealKeyTag, key_bytes>;

/// Needs both: the node key alone opens no record of an account whose key is erased, a stolen disk opens none
/// at all.
RecordSealKey record_key(const CredentialKey& credential, const AccountKey& account) {
    return RecordSealKey::make([&](std::span<std::uint8_t, key_bytes> out) {
        Scratch<labels::account_record_key.size() + key_bytes> message;
        account.with_bytes([&](KeyView k) {
            concat(message.bytes, {as_bytes(labels::account_record_key), k});
        });
        credential.with_bytes([&](KeyView k) { keyed_hash(out, k, message.bytes); });
    });
}

}  // namespace

struct NodeKeys::Impl {
    AccountIdKey account_id;
    CredentialKey credential;
    KeyringKey keyring;
    FakeSaltKey fake_salt;
    ProfileMasterKey profile;
    UploadSlotKey upload_slot;
    InvitationMasterKey invitation;
};

NodeKeys::NodeKeys(const NodeKey& node_key)
    : impl_(new Impl{subkey<AccountIdKey>(node_key, labels::node_account_id),
                     subkey<CredentialKey>(node_key, labels::node_credential),
                     subkey<KeyringKey>(node_key, labels::node_keyring),
                     subkey<FakeSaltKey>(node_key, labels::node_fake_salt),
                     subkey<ProfileMasterKey>(node_key, labels::node_profile),
                     subkey<UploadSlotKey>(node_key, labels::node_upload_slot),
                     subkey<InvitationMasterKey>(node_key, labels::node_invitation)}) {}
NodeKeys::~NodeKeys() = default;
NodeKeys::NodeKeys(NodeKeys&&) noexcept = default;

AccountId NodeKeys::account_id(const xmpp::BareJid& jid) const {
    return identifier<AccountId>(impl_->account_id, as_bytes(jid.to_string()));
}

DomainMark NodeKeys::domain_mark(const xmpp::BareJid& domain) const {
    return identifier<DomainMark>(impl_->account_id, as_bytes(domain.to_string()));
}

Sealed NodeKeys::seal_record(const AccountId& id, const AccountKey& key, const AccountRecord& record) const {
    Bytes plain = encode(record);
    Bytes sealed = record_key(impl_->credential, key).with_bytes([&](KeyView k) {
        return seal(Form::account_record, k, id.view(), plain, account_record_minimum);
    });
    detail::wipe(plain.data(), plain.size());
    return SealedAccess::make(std::move(sealed));
}

std::expected<AccountRecord, Unopenable> NodeKeys::open_record(const AccountId& id, const AccountKey& key,
                                                               const Sealed& sealed) const {
    auto plain = record_key(impl_->credential, key).with_bytes([&](KeyView k) {
        return open(Form::account_record, k, id.view(), sealed.view(), account_record_minimum);
    });
    if (!plain) return std::unexpected(plain.error());
    auto record = decode_account_record(*plain);
    detail::wipe(plain->data(), plain->size());
    if (!record) return std::unexpected(Unopenable{});
    return std::move(*record);
}

const KeyringKey& NodeKeys::keyring_key() const { return impl_->keyring; }
const ProfileMasterKey& NodeKeys::profile_key() const { return impl_->profile; }
const UploadSlotKey& NodeKeys::upload_slot_key() const { return impl_->upload_slot; }
const InvitationMasterKey& NodeKeys::invitation_key() const { return impl_->invitation; }

std::array<std::uint8_t, 16> NodeKeys::fake_salt(const xmpp::BareJid& jid, Mechanism mechanism) const {
    Bytes message{static_cast<std::uint8_t>(mechanism)};
    const std::string name = jid.to_string();
    message.insert(message.end(), name.begin(), name.end());
    std::array<std::uint8_t, 16> salt;
    impl_->fake_salt.with_bytes([&](KeyView k) { keyed_hash(salt, k, message); });
    return salt;
}

}  // namespace lethe::crypto
