// SPDX-License-Identifier: AGPL-3.0-or-later
// One request, answered by the running server over its control socket, or from the data directory when none
// runs.
#pragma once
#include <expected>
#include <filesystem>
#include <optional>
#include <string>

#include "server/admin/config.h"
#include "server/admin/control.h"

namespace lethe::lethectl {

/// Reports what is wrong with the file and is empty then: exit code 2.
std::optional<admin::Config> read_config(const std::string& path);

/// As root this process goes on as the owner of the data directory, for good: files it makes must be the server's, and the node key may be.
std::expected<void, admin::Failure> become_owner_of(const std::filesystem::path& data);

struct Performed {
    admin::Reply reply;
    bool by_server = false;
};
/// As root it goes on as the owner of the data directory.
Performed perform(const admin::Config& config, std::optional<int> passphrase_fd, admin::Request request);

}  // namespace lethe::lethectl
