// SPDX-License-Identifier: AGPL-3.0-or-later
// Where an account wants to be notified (XEP-0357), and the one row of the table profile that holds it
// (store/FORMAT.md).
//
// Thread: values; any thread.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/bytes.h"
#include "server/xmpp/jid.h"

namespace lethe::core {

struct PushRegistration {
    xmpp::Jid service;    ///< the app server
    std::string node;     ///< there; may be empty
    std::string options;  ///< the form that goes with every notification, serialised; may be empty
    friend bool operator==(const PushRegistration&, const PushRegistration&) = default;
};

/// Among the rows of nodes and items, none of which has this name (core/node_rows.h).
inline constexpr std::string_view push_row = "p";

Bytes encode(const std::vector<PushRegistration>& registrations);
/// Strict: what decodes encodes to the same bytes.
std::optional<std::vector<PushRegistration>> decode_push(ByteView bytes);

}  // namespace lethe::core
