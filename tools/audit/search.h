// SPDX-License-Identifier: AGPL-3.0-or-later
// Readable text anywhere in a file, whatever the file's own structure says of the place: free pages and the
// unused ends of pages keep what once stood there. Reads and never writes; for the confined child.
#pragma once
#include <cstdint>

#include "crypto/bytes.h"

namespace lethe::audit {

/// Which texts may be there.
enum class Texts : std::uint8_t {
    none,
    policies  ///< lines of policy files, which are public: those in force, and what older ones left in pages
              ///< that are free now
};

/// Whether the file holds a run of printable characters (even.h) that may not be there. Holes are skipped.
bool text_in_file(int fd, std::uint64_t size, Texts allowed);

/// Whether a run that begins at `at` of these bytes belongs to a policy file: its line begins as such a
/// file's lines do, or within a text over several lines. `page`: where in its page the first of the bytes
/// stands. What older values left may have lost its beginning at the edge of a page, and is taken for a
/// policy's.
bool may_be_policy(ByteView bytes, std::size_t at, std::uint64_t page);

}  // namespace lethe::audit
