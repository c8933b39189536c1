// SPDX-License-Identifier: AGPL-3.0-or-later
// Before the first Secret, so also before any test.
#include <cstdio>
#include <cstdlib>

#include "crypto/secret.h"

namespace {
const bool ready = [] {
    const auto done = lethe::crypto::initialise();
    if (!done) {
        std::fprintf(stderr, "%s\n", done.error().c_str());
        std::exit(1);
    }
    return true;
}();
}  // namespace
