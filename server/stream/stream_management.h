// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0198: what both halves of a client stream's negotiation say.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lethe::stream {

/// `<failed/>` with a stanza error condition and, for a session that has ended, how many stanzas of it were
/// handled.
std::string management_failed(std::string_view condition, std::optional<std::uint32_t> h = {});

}  // namespace lethe::stream
