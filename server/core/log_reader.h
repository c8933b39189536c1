// SPDX-License-Identifier: AGPL-3.0-or-later
// Reading an account's sealed logs with its open vault. Runs on the pool; touches only what the query owns or shares.
//
// A query reads one class (letterbox, subscriptions), or several at once (the archive of an owner who chose another retention at some
// time): entries then come in order of receipt across them.
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

/// One class of an account.
struct LogSource {
    crypto::ClassId cls = crypto::ClassId::archive;
    std::vector<std::shared_ptr<const retention::Buckets::Open>> buckets = {};  ///< of this class, oldest first
    std::optional<crypto::LogPlace> after = {}, before = {};                    ///< both exclusive
    std::int64_t received_after = INT64_MIN;  ///< older entries are past their time, whatever their bucket
};

struct LogQuery {
    std::vector<LogSource> sources = {};  ///< of different classes
    std::shared_ptr<const crypto::Vault> vault = {};
    /// Where to begin, exclusive: for the sources of other classes than its place's, which know its time only.
    std::optional<crypto::ArchivePlace> from = {};
    bool backwards = false;
    std::size_t limit = 250;
    std::size_t max_scan = 50000;
    std::size_t max_bytes = std::size_t{4} << 20;  ///< of stanzas; the one that passes it is the last
    std::function<bool(const crypto::LogEntry&)> wanted = {};

    /// A further job goes on from there: one place for each source (LogPage::reached).
    void go_on_from(const std::vector<std::optional<crypto::LogPlace>>& reached);
};

struct LogItem {
    crypto::LogPlace place;
    crypto::LogEntry entry;
};

struct LogPage {
    std::vector<LogItem> items;  ///< in reading order
    bool ended = false;          ///< nothing is left in this direction
    std::vector<std::optional<crypto::LogPlace>> reached;  ///< of each source, the last place that is done with
    bool cut = false;            ///< ended by max_bytes
    std::size_t unreadable = 0;  ///< sealed entries that do not open or decode: skipped
    bool failed = false;         ///< the disk could not be read
};

LogPage read_log(const store::Store& store, const LogQuery& query);

}  // namespace lethe::core
