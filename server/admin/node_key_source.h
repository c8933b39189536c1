// SPDX-License-Identifier: AGPL-3.0-or-later
// The node key, from where lethe.toml says it is: a file, a file under a passphrase, a systemd credential.
//
// Thread: any; blocks while a passphrase is typed and for about a second while it is stretched (256 MiB for
// that moment).
#pragma once
#include <expected>
#include <optional>

#include "crypto/secret.h"
#include "server/admin/config.h"
#include "server/admin/operations.h"

namespace lethe::admin {

/// `passphrase_fd`: where the passphrase can be read, one line; without it the terminal is asked. It is closed.
/// Precondition: crypto::initialise().
std::expected<crypto::NodeKey, Failure> load_node_key(const Config& config, std::optional<int> passphrase_fd);
/// Refuses --passphrase-fd where the configuration has no use for it.
Outcome check_passphrase_fd(const Config& config, std::optional<int> passphrase_fd);
/// For a node key about to be made: asked twice on the terminal, or read from the descriptor.
std::expected<Password, Failure> new_passphrase(std::optional<int> passphrase_fd);

}  // namespace lethe::admin
