// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/log_reader.h"

#include <algorithm>

namespace lethe::core {
namespace {

constexpr unsigned slice = 64;

class Scan {
public:
    Scan(const store::Store& store, const LogQuery& query) : store_(store), query_(query) {}

    LogPage run() {
        auto buckets = query_.buckets;
        if (query_.backwards) std::reverse(buckets.begin(), buckets.end());
        for (const auto& bucket : buckets)
            if (!read_bucket(*bucket)) return std::move(page_);
        page_.ended = true;
        return std::move(page_);
    }

private:
    /// False when the page is full, the scan is long enough, or the disk failed.
    bool read_bucket(const retention::Buckets::Open& bucket) {
        if (query_.after && bucket.id.number < query_.after->bucket) return true;
        if (query_.before && bucket.id.number > query_.before->bucket) return true;
        const auto prefix = crypto::log_prefix(*bucket.key, query_.vault->account());
        auto headers = store_.headers(bucket.id, prefix);
        if (!headers) {
            // A bucket that reached its deadline meanwhile is simply over.
            const auto kind = headers.error().kind;
            if (kind == store::ErrorKind::not_found || kind == store::ErrorKind::closed) return true;
            page_.failed = true;
            return false;
        }
        if (query_.backwards) std::reverse(headers->begin(), headers->end());
        for (const auto& header : *headers)
            if (!read_segment(bucket, prefix, header)) return false;
        return true;
    }

    bool read_segment(const retention::Buckets::Open& bucket, const crypto::LogPrefix& prefix, const store::Store::Header& header) {
        const crypto::LogPlace first{bucket.id.cls, bucket.id.number, header.segment, 0};
        crypto::LogPlace past = first;
        past.index = crypto::segment_entries;
        if (query_.after && past <= *query_.after) return true;
        if (query_.before && first >= *query_.before) return true;
        const auto limit = crypto::segment_entries;
        unsigned from = query_.after && *query_.after >= first ? query_.after->index + 1u : 0u;
        unsigned to = query_.before && *query_.before < past ? query_.before->index : limit;
        std::optional<crypto::SegmentReader> reader;
        // A few entries at a time: a segment of the largest stanzas would fill memory.
        while (from < to) {
            const unsigned start = query_.backwards ? std::max(from, to - std::min(to, slice)) : from;
            auto entries = store_.entries(bucket.id, prefix, header.segment, static_cast<std::uint16_t>(start), slice);
            if (!entries) {
                const auto kind = entries.error().kind;
                if (kind == store::ErrorKind::not_found || kind == store::ErrorKind::closed) return true;
                page_.failed = true;
                return false;
            }
            std::erase_if(*entries, [&](const auto& entry) { return entry.index >= to; });
            if (entries->empty() && !query_.backwards) return true;
            if (query_.backwards) to = start;
            else from = entries->back().index + 1u;
            if (entries->empty()) continue;
            if (!reader) {
                auto opened = query_.vault->open_segment(first, *bucket.key, header.bytes);
                if (!opened) {
                    page_.unreadable += entries->size();
                    return true;
                }
                reader.emplace(std::move(*opened));
            }
            if (query_.backwards) std::reverse(entries->begin(), entries->end());
            for (const auto& entry : *entries) {
                auto place = first;
                place.index = entry.index;
                if (!take(*reader, place, entry.bytes)) return false;
            }
        }
        return true;
    }

    bool take(crypto::SegmentReader& reader, const crypto::LogPlace& place, const crypto::Sealed& sealed) {
        page_.cut = bytes_ >= query_.max_bytes;
        if (page_.items.size() >= query_.limit || scanned_ >= query_.max_scan || page_.cut) return false;
        ++scanned_;
        page_.reached = place;
        const auto plain = reader.open(place.index, sealed.view());
        auto entry = plain ? crypto::decode_log_entry(*plain) : std::nullopt;
        if (!entry) {
            ++page_.unreadable;
            return true;
        }
        if (entry->received <= query_.received_after) return true;
        if (query_.wanted && !query_.wanted(*entry)) return true;
        bytes_ += entry->stanza.size();
        page_.items.push_back({place, std::move(*entry)});
        return true;
    }

    const store::Store& store_;
    const LogQuery& query_;
    LogPage page_;
    std::size_t scanned_ = 0, bytes_ = 0;
};

}  // namespace

LogPage read_log(const store::Store& store, const LogQuery& query) { return Scan(store, query).run(); }

}  // namespace lethe::core
