// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/log_reader.h"

#include "server/core/log_source.h"

namespace lethe::core {
namespace {

/// A source and the entry of it that waits for its turn.
struct Head {
    SourceReader reader;
    const LogSource& source;
    std::size_t number;
    std::optional<LogItem> waiting = {};
    bool started = false;  ///< what `from` rules out is behind
    bool ended = false;

    /// Receipt times rise strictly within an account; the class decides where a clock did not keep that.
    auto order() const { return std::pair(waiting->entry.received, waiting->place.cls); }
};

class Scan {
public:
    Scan(const store::Store& store, const LogQuery& query) : query_(query) {
        page_.reached.resize(query.sources.size());
        heads_.reserve(query.sources.size());
        for (const auto& source : query.sources) heads_.push_back({SourceReader(store, query, source), source, heads_.size()});
    }

    LogPage run() {
        for (;;) {
            for (Head& head : heads_)
                if (!fill(head)) return std::move(page_);
            Head* const next = first();
            page_.ended = !next;
            page_.cut = next && bytes_ >= query_.max_bytes;
            if (!next || page_.items.size() >= query_.limit || page_.cut) return std::move(page_);
            page_.reached[next->number] = next->waiting->place;
            bytes_ += next->waiting->entry.stanza.size();
            page_.items.push_back(std::move(*next->waiting));
            next->waiting.reset();
        }
    }

private:
    /// False when the scan is long enough, or the disk failed.
    bool fill(Head& head) {
        while (!head.waiting && !head.ended) {
            if (scanned_ >= query_.max_scan) return false;
            const auto step = head.reader.next();
            if (step == SourceReader::Step::failed) page_.failed = true;
            if (step == SourceReader::Step::failed) return false;
            head.ended = step == SourceReader::Step::ended;
            if (head.ended) break;
            ++scanned_;
            if (step == SourceReader::Step::unreadable) ++page_.unreadable;
            else if (takes(head)) head.waiting = LogItem{head.reader.place, std::move(head.reader.entry)};
            if (!head.waiting) page_.reached[head.number] = head.reader.place;
        }
        return true;
    }

    bool takes(Head& head) const {
        const auto& entry = head.reader.entry;
        if (!head.started && query_.from && query_.from->place.cls != head.source.cls) {
            const auto at = std::pair(entry.received, head.source.cls), from = std::pair(query_.from->received, query_.from->place.cls);
            if (query_.backwards ? at >= from : at <= from) return false;
        }
        head.started = true;
        return entry.received > head.source.received_after && (!query_.wanted || query_.wanted(entry));
    }

    Head* first() {
        Head* best = nullptr;
        for (Head& head : heads_) {
            if (!head.waiting) continue;
            if (!best || (query_.backwards ? head.order() > best->order() : head.order() < best->order())) best = &head;
        }
        return best;
    }

    const LogQuery& query_;
    std::vector<Head> heads_;
    LogPage page_;
    std::size_t scanned_ = 0, bytes_ = 0;
};

}  // namespace

void LogQuery::go_on_from(const std::vector<std::optional<crypto::LogPlace>>& reached) {
    for (std::size_t i = 0; i < sources.size() && i < reached.size(); ++i)
        if (reached[i]) (backwards ? sources[i].before : sources[i].after) = reached[i];
}

LogPage read_log(const store::Store& store, const LogQuery& query) { return Scan(store, query).run(); }

}  // namespace lethe::core
