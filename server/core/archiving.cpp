// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/archiving.h"

#include <algorithm>

#include "crypto/codec.h"

namespace lethe::core {
namespace {

bool lists(const std::vector<xmpp::Jid>& list, const xmpp::Jid& peer) {
    return std::ranges::any_of(list, [&](const auto& one) { return one.is_bare() ? one.bare() == peer.bare() : one == peer; });
}

}  // namespace

bool Archiving::wants(const xmpp::Jid& peer, bool is_contact) const {
    if (lists(never, peer)) return false;
    if (lists(always, peer)) return true;
    return by_default == Default::always || (by_default == Default::roster && is_contact);
}

Bytes Archiving::encode() const {
    crypto::Encoder e;
    e.u8(static_cast<std::uint8_t>(by_default));
    for (const auto* list : {&always, &never}) {
        e.u32(static_cast<std::uint32_t>(list->size()));
        for (const auto& jid : *list) e.str(jid.to_string());
    }
    return e.take();
}

std::optional<Archiving> Archiving::decode(ByteView plain) {
    crypto::Decoder d(plain);
    Archiving out;
    const auto value = d.u8();
    if (value > static_cast<std::uint8_t>(Default::roster)) return std::nullopt;
    out.by_default = static_cast<Default>(value);
    for (auto* list : {&out.always, &out.never}) {
        const auto count = d.u32();
        for (std::uint32_t i = 0; i < count && !d.bad(); ++i) {
            auto jid = xmpp::Jid::parse(d.str());
            if (!jid) return std::nullopt;
            list->push_back(std::move(*jid));
        }
    }
    return d.finished() ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace lethe::core
