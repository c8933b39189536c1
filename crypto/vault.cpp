// SPDX-License-Identifier: AGPL-3.0-or-later
#include "crypto/vault.h"

#include <sodium.h>

#include "crypto/archive_id.h"
#include "crypto/labels.h"
#include "crypto/primitives.h"
#include "crypto/segment.h"

namespace lethe::crypto {
namespace {

using RosterIndexKey = Secret<struct RosterIndexKeyTag, key_bytes>;
using BlocklistIndexKey = Secret<struct BlocklistIndexKeyTag, key_bytes>;
using SettingsIndexKey = Secret<struct SettingsIndexKeyTag, key_bytes>;
using PersonalIndexKey = Secret<struct PersonalIndexKeyTag, key_bytes>;
using RecordKey = Secret<struct RecordKeyTag, key_bytes>;
using ExchangeKey = Secret<struct ExchangeKeyTag, crypto_box_SECRETKEYBYTES>;

constexpr std::size_t record_ad_bytes = AccountId::size + 1 + BlindKey::size;

std::array<std::uint8_t, record_ad_bytes> record_ad(const AccountId& account, RecordTable table,
                                                    const BlindKey& key) {
    const auto t = static_cast<std::uint8_t>(table);
    std::array<std::uint8_t, record_ad_bytes> ad;
    concat(ad, {account.view(), {&t, 1}, key.view()});
    return ad;
}

VaultPublicKey public_half(const ExchangeKey& key) {
    VaultPublicKey out;
    key.with_bytes([&](KeyView k) { crypto_scalarmult_base(out.bytes.data(), k.data()); });
    return out;
}

}  // namespace

struct Vault::Impl {
    AccountId account;
    VaultSecret secret;
    RosterIndexKey roster;
    BlocklistIndexKey blocklist;
    SettingsIndexKey settings;
    PersonalIndexKey personal;
    RecordKey record;
    ArchiveIdKeys archive_ids;
    ExchangeKey exchange;
    VaultPublicKey public_key;
};

Vault::Vault(const AccountId& id, const VaultSecret& secret) {
    auto exchange = subkey<ExchangeKey>(secret, labels::vault_exchange);
    const VaultPublicKey public_key = public_half(exchange);
    impl_.reset(new Impl{id,
                         secret.duplicate(),
                         subkey<RosterIndexKey>(secret, labels::vault_roster_index),
                         subkey<BlocklistIndexKey>(secret, labels::vault_blocklist_index),
                         subkey<SettingsIndexKey>(secret, labels::vault_settings_index),
                         subkey<PersonalIndexKey>(secret, labels::vault_personal_index),
                         subkey<RecordKey>(secret, labels::vault_record),
                         {subkey<ArchiveIdKeys::MacKey>(secret, labels::vault_archive_id_mac),
                          subkey<ArchiveIdKeys::PadKey>(secret, labels::vault_archive_id_pad)},
                         std::move(exchange),
                         public_key});
}
Vault::~Vault() = default;

const AccountId& Vault::account() const { return impl_->account; }
VaultPublicKey Vault::public_key() const { return impl_->public_key; }
const VaultSecret& Vault::secret() const { return impl_->secret; }

BlindKey Vault::roster_key(const xmpp::BareJid& contact) const {
    return identifier<BlindKey>(impl_->roster, as_bytes(contact.to_string()));
}
BlindKey Vault::blocklist_key(const xmpp::Jid& jid) const {
    return identifier<BlindKey>(impl_->blocklist, as_bytes(jid.to_string()));
}
BlindKey Vault::settings_key(std::string_view name) const {
    return identifier<BlindKey>(impl_->settings, as_bytes(name));
}
BlindKey Vault::personal_key(std::string_view name) const {
    return identifier<BlindKey>(impl_->personal, as_bytes(name));
}

Sealed Vault::seal(RecordTable table, const BlindKey& key, ByteView plain) const {
    const auto ad = record_ad(impl_->account, table, key);
    return SealedAccess::make(impl_->record.with_bytes(
        [&](KeyView k) { return crypto::seal(Form::record, k, ad, plain, record_minimum); }));
}

std::expected<Bytes, Unopenable> Vault::open(RecordTable table, const BlindKey& key,
                                             const Sealed& sealed) const {
    const auto ad = record_ad(impl_->account, table, key);
    return impl_->record.with_bytes(
        [&](KeyView k) { return crypto::open(Form::record, k, ad, sealed.view(), record_minimum); });
}

std::string Vault::archive_id(const ArchivePlace& where) const { return impl_->archive_ids.encode(where); }
std::optional<ArchivePlace> Vault::place_of(std::string_view archive_id) const {
    return impl_->archive_ids.decode(archive_id);
}

std::expected<SegmentReader, Unopenable> Vault::open_segment(const LogPlace& first,
                                                             const BucketKey& bucket_key,
                                                             const Sealed& header) const {
    if (!looks_like(Form::segment_header, header.view())) return std::unexpected(Unopenable{});
    const ByteView box = header.view().subspan(1);
    Scratch<header_plain_bytes> plain;
    const bool opened = impl_->exchange.with_bytes([&](KeyView k) {
        return crypto_box_seal_open(plain.bytes.data(), box.data(), box.size(),
                                    impl_->public_key.bytes.data(), k.data()) == 0;
    });
    if (!opened) return std::unexpected(Unopenable{});
    // A header that was moved opens, but says where it belongs.
    LogPlace start = first;
    start.index = 0;
    std::array<std::uint8_t, AccountId::size + segment_place_bytes> expected;
    const auto place = to_bytes(start);
    concat(expected, {impl_->account.view(), ByteView(place).first(segment_place_bytes)});
    if (std::memcmp(plain.bytes.data() + key_bytes, expected.data(), expected.size()) != 0)
        return std::unexpected(Unopenable{});
    return SegmentReader(std::make_unique<SegmentReader::Impl>(
        impl_->account, start, bucket_key.duplicate(),
        ChainKey::take(std::span<std::uint8_t, key_bytes>(plain.bytes.data(), key_bytes))));
}

}  // namespace lethe::crypto
