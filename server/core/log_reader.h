// SPDX-License-Identifier: AGPL-3.0-or-later
// Reading an account's sealed log with its open vault. Runs on the pool; touches only what the query owns or shares.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "crypto/log.h"
#include "crypto/vault.h"
#include "retention/buckets.h"
#include "store/store.h"

namespace lethe::core {

struct LogQuery {
    std::vector<std::shared_ptr<const retention::Buckets::Open>> buckets;  ///< of one class, oldest first
    std::shared_ptr<const crypto::Vault> vault;
    std::optional<crypto::LogPlace> after, before;  ///< both exclusive
    bool backwards = false;
    std::size_t limit = 250;
    std::size_t max_scan = 50000;
    std::size_t max_bytes = std::size_t{4} << 20;  ///< of stanzas; the one that passes it is the last
    std::int64_t received_after = INT64_MIN;  ///< older entries are past their time, whatever their bucket
    std::function<bool(const crypto::LogEntry&)> wanted = {};
};

struct LogItem {
    crypto::LogPlace place;
    crypto::LogEntry entry;
};

struct LogPage {
    std::vector<LogItem> items;  ///< in reading order
    bool ended = false;          ///< nothing is left in this direction
    std::optional<crypto::LogPlace> reached;  ///< last place looked at; a further job goes on from here
    bool cut = false;            ///< ended by max_bytes
    std::size_t unreadable = 0;  ///< sealed entries that do not open or decode: skipped
    bool failed = false;         ///< the disk could not be read
};

LogPage read_log(const store::Store& store, const LogQuery& query);

}  // namespace lethe::core
