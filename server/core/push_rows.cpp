// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/push_rows.h"

#include "crypto/codec.h"

namespace lethe::core {
namespace {

constexpr std::uint8_t push_form = 3;

}  // namespace

Bytes encode(const std::vector<PushRegistration>& registrations) {
    crypto::Encoder out;
    out.u8(push_form).u32(static_cast<std::uint32_t>(registrations.size()));
    for (const auto& one : registrations) out.str(one.service.to_string()).str(one.node).str(one.options);
    return out.take();
}

std::optional<std::vector<PushRegistration>> decode_push(ByteView bytes) {
    crypto::Decoder in(bytes);
    if (in.u8() != push_form) return std::nullopt;
    std::vector<PushRegistration> out;
    const auto count = in.u32();
    for (std::uint32_t i = 0; i < count && !in.bad(); ++i) {
        const auto text = in.str();
        const auto service = xmpp::Jid::parse(text);
        if (!service || service->to_string() != text) return std::nullopt;
        auto node = in.str();
        auto options = in.str();
        out.push_back({*service, std::move(node), std::move(options)});
    }
    if (!in.finished()) return std::nullopt;
    return out;
}

}  // namespace lethe::core
