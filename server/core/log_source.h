// SPDX-License-Identifier: AGPL-3.0-or-later
// One class of an account's sealed logs, entry by entry. Inside log_reader only. Thread: one, the pool's.
#pragma once
#include <deque>
#include <optional>
#include <vector>

#include "server/core/log_reader.h"

namespace lethe::core {

class SourceReader {
public:
    /// All three outlive it.
    SourceReader(const store::Store& store, const LogQuery& query, const LogSource& source);

    enum class Step {
        entry,       ///< `place` and `entry` hold the next one
        unreadable,  ///< `place` holds one that does not open or decode
        ended,
        failed,      ///< the disk could not be read
    };
    Step next();
    crypto::LogPlace place;
    crypto::LogEntry entry;

private:
    enum class Found { yes, nothing, failed };
    Found next_bucket();
    Found next_segment();
    Found next_entries();
    Found refill();
    bool before_the_start(const retention::Buckets::Open& bucket) const;

    const store::Store& store_;
    const LogQuery& query_;
    const LogSource& source_;
    std::size_t buckets_done_ = 0;
    const retention::Buckets::Open* bucket_ = nullptr;
    crypto::LogPrefix prefix_;
    std::deque<store::Store::Header> headers_;  ///< in reading order, not yet read
    std::optional<store::Store::Header> header_;
    crypto::LogPlace first_;                    ///< of the segment
    unsigned from_ = 0, to_ = 0;                ///< indices still to be read in it
    std::deque<store::Store::Entry> entries_;   ///< in reading order, not yet handed out
    std::optional<crypto::SegmentReader> segment_;
    bool sealed_ = false;                       ///< the segment's header does not open
};

}  // namespace lethe::core
