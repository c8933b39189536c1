// SPDX-License-Identifier: AGPL-3.0-or-later
// What `ledger verify` and `ledger watch` share.
#pragma once
#include <expected>
#include <string>
#include <string_view>

#include "crypto/ledger_key.h"
#include "server/admin/operations.h"

namespace lethe::lethectl {

bool is_web_address(std::string_view text);
std::expected<std::string, admin::Failure> read_ledger(const std::string& file);
/// The one given, or the one that the ledger itself names, which is said.
std::expected<crypto::LedgerPublicKey, admin::Failure> choose_key(const std::string& given, std::string_view text);
/// "1 line", "2 lines".
std::string plural(std::uint64_t count, std::string_view word);

}  // namespace lethe::lethectl
