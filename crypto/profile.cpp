// SPDX-License-Identifier: AGPL-3.0-or-later
#include "crypto/profile.h"

#include "crypto/codec.h"
#include "crypto/labels.h"
#include "crypto/primitives.h"

namespace lethe::crypto {
namespace {

using ProfileIndexKey = Secret<struct ProfileIndexKeyTag, key_bytes>;
using ProfileRecordKey = Secret<struct ProfileRecordKeyTag, key_bytes>;

/// Needs both: see profile.h.
template <class Key>
Key both(const ProfileMasterKey& master, const AccountKey& account, std::string_view label) {
    return Key::make([&](std::span<std::uint8_t, key_bytes> out) {
        Scratch<labels::profile_record_key.size() + key_bytes> message;
        account.with_bytes([&](KeyView k) { concat(message.bytes, {as_bytes(label), k}); });
        master.with_bytes([&](KeyView k) { keyed_hash(out, k, message.bytes); });
    });
}
static_assert(labels::profile_record_key.size() == labels::profile_index_key.size());

using AssociatedData = std::array<std::uint8_t, AccountId::size + BlindKey::size>;
AssociatedData associated_data(const AccountId& account, const BlindKey& key) {
    AssociatedData ad;
    concat(ad, {account.view(), key.view()});
    return ad;
}

}  // namespace

struct ProfileKeys::Impl {
    AccountId account;
    ProfileIndexKey index;
    ProfileRecordKey record;
};

ProfileKeys::ProfileKeys(const NodeKeys& node, const AccountId& account, const AccountKey& key)
    : impl_(new Impl{account, both<ProfileIndexKey>(node.profile_key(), key, labels::profile_index_key),
                     both<ProfileRecordKey>(node.profile_key(), key, labels::profile_record_key)}) {}
ProfileKeys::~ProfileKeys() = default;
ProfileKeys::ProfileKeys(ProfileKeys&&) noexcept = default;
ProfileKeys& ProfileKeys::operator=(ProfileKeys&&) noexcept = default;

BlindKey ProfileKeys::row_key(std::string_view name) const { return identifier<BlindKey>(impl_->index, as_bytes(name)); }

ProfileKeys::Row ProfileKeys::seal(std::string_view name, ByteView plain) const {
    const auto key = row_key(name);
    const auto ad = associated_data(impl_->account, key);
    const auto named = Encoder().str(name).raw(plain).take();
    return {key, SealedAccess::make(impl_->record.with_bytes(
                     [&](KeyView k) { return crypto::seal(Form::profile_record, k, ad, named, record_minimum); }))};
}

std::expected<ProfileKeys::Opened, Unopenable> ProfileKeys::open(const BlindKey& key, const Sealed& sealed) const {
    const auto ad = associated_data(impl_->account, key);
    const auto named = impl_->record.with_bytes(
        [&](KeyView k) { return crypto::open(Form::profile_record, k, ad, sealed.view(), record_minimum); });
    if (!named) return std::unexpected(named.error());
    Decoder in(*named);
    Opened out{in.str(), {}};
    if (in.bad()) return std::unexpected(Unopenable{});
    out.plain.assign(named->begin() + static_cast<std::ptrdiff_t>(4 + out.name.size()), named->end());
    return out;
}

std::expected<ProfileKeys::Row, Unopenable> reseal(const ProfileKeys& from, const ProfileKeys& to, const BlindKey& key, const Sealed& sealed) {
    const auto opened = from.open(key, sealed);
    if (!opened) return std::unexpected(opened.error());
    return to.seal(opened->name, opened->plain);
}

}  // namespace lethe::crypto
