// SPDX-License-Identifier: AGPL-3.0-or-later
// DATA/run/control, the asking end. Blocking: for lethectl, never for the server.
#pragma once
#include <filesystem>
#include <string>

#include "server/admin/control.h"

namespace lethe::admin {

std::filesystem::path control_socket(const std::filesystem::path& data);

/// Sends one request and waits for its reply, a minute at most. A server that cannot be reached is a Failure
/// like any other.
Reply ask(const std::filesystem::path& data, const Request& request);

}  // namespace lethe::admin
