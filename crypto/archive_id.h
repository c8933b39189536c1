// SPDX-License-Identifier: AGPL-3.0-or-later
// Archive ids: a place and its time, deterministically encrypted and authenticated (SIV), as text. Inside crypto/ only.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "crypto/log.h"
#include "crypto/primitives.h"

namespace lethe::crypto {

inline constexpr std::size_t archive_iv_bytes = 17;
inline constexpr std::size_t archive_id_text =
    48;  ///< 36 bytes: base64 comes out even, so each id has one spelling

struct ArchiveIdKeys {
    using MacKey = Secret<struct ArchiveIdMacTag, key_bytes>;
    using PadKey = Secret<struct ArchiveIdPadTag, key_bytes>;
    MacKey mac;
    PadKey pad;

    std::string encode(const ArchivePlace& where) const;
    std::optional<ArchivePlace> decode(std::string_view text) const;
};

}  // namespace lethe::crypto
