// SPDX-License-Identifier: AGPL-3.0-or-later
// What this server answers over HTTP. A reader finds every path in resources.cpp.
#pragma once
#include "retention/ledger.h"
#include "retention/render.h"
#include "server/admin/control.h"
#include "server/core/core.h"
#include "server/http/router.h"
#include "server/stream/connections.h"

namespace lethe::http {

/// What `lethectl status` prints; an error if it cannot be had now.
using Status = std::function<admin::Reply()>;
/// `core`, `clients`, `registrations`, `ledger` and what `status` uses outlive the router.
Router resources(core::Core& core, stream::Connections& clients, stream::RegistrationLimits& registrations, const retention::Ledger& ledger, Status status);

/// For who knows just the host's name: leads to /policy, which says what this is.
Handler front_page();
/// The policy as a page, with its changes so far by what the ledger says of them: in the language that the browser prefers of those the policy names, or in `language`.
Handler policy_page(core::Core& core, const retention::Ledger& ledger, std::optional<retention::Language> language);
/// policy.toml as it is in force, byte for byte.
Handler policy_file(core::Core& core);
/// 200 and "ok", or 503 and "not ok" while the disk refuses changes; nothing about anybody.
Handler health(core::Core& core);
/// metrics.h; 404 unless the policy makes them public.
Handler metrics(core::Core& core, const retention::Ledger& ledger, Status status);
/// For the link of an invitation: /i/TOKEN; its form makes an account.
Handler invitation_page(core::Core& core, stream::RegistrationLimits& registrations);
/// The whole lines of the ledger, with ranges: who has the first N bytes asks for "bytes=N-".
Handler ledger(core::Core& core);
/// /u/TOKEN/NAME: takes a file, once, for the slot that the token stands for.
Handler upload_put(core::Core& core);
/// /f/TOKEN/NAME: a file, while it is kept, with ranges. Whatever is no such address is 404.
Handler upload_get(core::Core& core);

/// A WebSocket (RFC 6455) that speaks XMPP (RFC 7395), to be one of `clients`.
inline constexpr std::string_view websocket_path = "/xmpp-websocket";
Handler websocket(stream::Connections& clients);
/// Where that is (XEP-0156), by the address under which others reach this server. Precondition: there is one.
Handler host_meta_xml(std::string_view url);
Handler host_meta_json(std::string_view url);

}  // namespace lethe::http
