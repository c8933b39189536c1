// SPDX-License-Identifier: AGPL-3.0-or-later
// What a new password has to be: one rule for all who take one (XEP-0077, the form of an invitation, lethectl).
//
// Against whoever has the disk and the node key the password alone keeps a vault shut, and they can guess as fast as their computers go. NIST SP 800-63B
// (section 5.1.1.2) asks for eight characters at least, and for no digits or capitals: such rules make passwords harder to keep, not to guess.
// A login is not held to it: an account of before, or of another server, goes on with what it has.
// Thread: any.
#pragma once
#include <cstddef>

#include "server/admin/password.h"

namespace lethe::admin {

/// Characters of Unicode, after SASLprep.
inline constexpr std::size_t shortest_password = 8;

/// That this is all that check_password() (operations.h) has against it.
bool is_too_short(const Password& password);

}  // namespace lethe::admin
