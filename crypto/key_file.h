// SPDX-License-Identifier: AGPL-3.0-or-later
// Small secret files: read without leaving copies, written so that they exist whole or not at all. Inside
// crypto/ only.
#pragma once
#include <sys/types.h>

#include <expected>
#include <span>
#include <string>

#include "crypto/bytes.h"
#include "crypto/regular_file.h"

namespace lethe::crypto::key_file {

/// A regular file of this user's or root's that has none of the mode bits `forbidden`. Errors name the path
/// and the remedy.
std::expected<RegularFile, std::string> open_private(const std::string& path, mode_t forbidden);
inline constexpr mode_t nobody_else = 0177;
inline constexpr mode_t group_may_read = 0137;
std::expected<void, std::string> read_all(const RegularFile& file, std::span<std::uint8_t> out,
                                          const std::string& path);
/// Mode 0600, fails if it exists; file and directory are synced. Leaves no file behind when it fails.
std::expected<void, std::string> create(const std::string& path, ByteView bytes);

}  // namespace lethe::crypto::key_file
