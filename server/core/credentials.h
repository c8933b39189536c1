// SPDX-License-Identifier: AGPL-3.0-or-later
// The slow half of a new password (admin/operations.h): on the pool, one at a time, so that logins find it free.
//
// Whoever asks for one sees first that Core::password_changes is not full. Thread: core.
#pragma once
#include <asio/awaitable.hpp>
#include <expected>
#include <memory>

#include "server/core/core.h"

namespace lethe::core {

/// Shared, because a job of the pool has to be copyable and credentials are not; nobody else has it.
using Prepared = std::shared_ptr<std::expected<admin::PreparedCredentials, admin::Failure>>;
asio::awaitable<Prepared> prepare_credentials(Core& core, std::shared_ptr<const admin::Password> password);

}  // namespace lethe::core
