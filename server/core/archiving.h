// SPDX-License-Identifier: AGPL-3.0-or-later
// Which messages the owner of an account wants archived (XEP-0441 version 0.2.0). Sealed in the vault, so a closed one cannot ask it: what
// arrives meanwhile is archived, marked, held against it whenever the archive is read, and removed when the letterbox gives the message out.
// A value; any thread.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "crypto/bytes.h"
#include "server/xmpp/jid.h"

namespace lethe::core {

inline constexpr std::string_view archiving_row = "archiving";  ///< its name among the vault's settings

struct Archiving {
    enum class Default : std::uint8_t { always, never, roster };
    static constexpr std::size_t most = 1000;  ///< JIDs in both lists together

    Default by_default = Default::always;
    std::vector<xmpp::Jid> always, never;  ///< a bare JID stands for all its resources; `never` wins

    bool wants(const xmpp::Jid& peer, bool is_contact) const;
    Bytes encode() const;
    static std::optional<Archiving> decode(ByteView plain);
};

}  // namespace lethe::core
