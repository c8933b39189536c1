// SPDX-License-Identifier: AGPL-3.0-or-later
// The plaintext layout of an account record (crypto/README.md, "Account record"). Inside crypto/ only.
#pragma once
#include <optional>

#include "crypto/account.h"

namespace lethe::crypto {

Bytes encode(const AccountRecord& record);
/// Strict: known mechanisms, each at most once; times of 1970 and later; what decodes re-encodes to the same bytes.
std::optional<AccountRecord> decode_account_record(ByteView bytes);

}  // namespace lethe::crypto
