// SPDX-License-Identifier: AGPL-3.0-or-later
#include "crypto/invitation.h"

#include <sodium.h>

#include "crypto/codec.h"
#include "crypto/labels.h"
#include "crypto/primitives.h"

namespace lethe::crypto {
namespace {

using InvitationRecordKey = Secret<struct InvitationRecordKeyTag, key_bytes>;

template <std::size_t N>
void hash(std::array<std::uint8_t, N>& out, const NodeKeys& keys, std::string_view label, const InvitationToken& token) {
    Scratch<labels::invitation_record_key.size() + 16> message;
    concat(message.bytes, {as_bytes(label), token.view()});
    keys.invitation_key().with_bytes([&](KeyView k) { keyed_hash(out, k, message.bytes); });
}
static_assert(labels::invitation_record_key.size() == labels::invitation_index_key.size());

InvitationRecordKey record_key(const NodeKeys& keys, const InvitationToken& token) {
    Scratch<key_bytes> key;
    hash(key.bytes, keys, labels::invitation_record_key, token);
    return InvitationRecordKey::take(key.bytes);
}

Bytes associated_data(const InvitationId& id, std::int64_t deadline) { return Encoder().raw(id.view()).i64(deadline).take(); }

Bytes encode(const Invitation& invitation) {
    Encoder out;
    out.i64(invitation.until).u32(invitation.uses).flag(invitation.inviter.has_value());
    if (invitation.inviter) out.str(invitation.inviter->local).raw(invitation.inviter->vault.view());
    return out.take();
}

std::optional<Invitation> decode(ByteView bytes) {
    Decoder in(bytes);
    Invitation out;
    out.until = in.i64();
    out.uses = in.u32();
    if (in.flag()) {
        Inviter inviter{in.str(), {}};
        in.raw(inviter.vault.bytes);
        out.inviter = std::move(inviter);
    }
    return in.finished() ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace

InvitationToken InvitationToken::generate() {
    InvitationToken token;
    random_bytes(token.bytes_);
    return token;
}

// By libsodium, whose time does not tell the digits.
std::optional<InvitationToken> InvitationToken::parse(std::string_view text) {
    InvitationToken token;
    std::size_t size = 0;
    const char* end = nullptr;
    if (text.size() != 2 * token.bytes_.size() ||
        sodium_hex2bin(token.bytes_.data(), token.bytes_.size(), text.data(), text.size(), nullptr, &size, &end) != 0 ||
        size != token.bytes_.size() || end != text.data() + text.size() || token.text() != text)
        return std::nullopt;
    return token;
}

std::string InvitationToken::text() const {
    std::string out(2 * bytes_.size() + 1, '\0');
    sodium_bin2hex(out.data(), out.size(), bytes_.data(), bytes_.size());
    out.pop_back();
    return out;
}

InvitationId invitation_id(const NodeKeys& keys, const InvitationToken& token) {
    InvitationId id;
    hash(id.bytes, keys, labels::invitation_index_key, token);
    return id;
}

Sealed seal_invitation(const NodeKeys& keys, const InvitationToken& token, std::int64_t deadline, const Invitation& invitation) {
    const auto ad = associated_data(invitation_id(keys, token), deadline);
    auto plain = encode(invitation);
    auto sealed = record_key(keys, token).with_bytes([&](KeyView k) { return seal(Form::invitation, k, ad, plain, invitation_minimum); });
    detail::wipe(plain.data(), plain.size());
    return SealedAccess::make(std::move(sealed));
}

std::expected<Invitation, Unopenable> open_invitation(const NodeKeys& keys, const InvitationToken& token, std::int64_t deadline, const Sealed& sealed) {
    const auto ad = associated_data(invitation_id(keys, token), deadline);
    auto plain = record_key(keys, token).with_bytes([&](KeyView k) { return open(Form::invitation, k, ad, sealed.view(), invitation_minimum); });
    if (!plain) return std::unexpected(plain.error());
    auto invitation = decode(*plain);
    detail::wipe(plain->data(), plain->size());
    if (!invitation) return std::unexpected(Unopenable{});
    return std::move(*invitation);
}

}  // namespace lethe::crypto
