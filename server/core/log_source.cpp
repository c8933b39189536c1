// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/log_source.h"

#include <algorithm>

namespace lethe::core {
namespace {

constexpr unsigned slice = 64;
/// Receipt times may run a moment ahead of the clock (they rise strictly), so past their bucket's end.
constexpr std::int64_t slack = 1'000'000;

/// A bucket that reached its deadline meanwhile is simply over.
bool gone(const store::Error& error) {
    return error.kind == store::ErrorKind::not_found || error.kind == store::ErrorKind::closed;
}

}  // namespace

SourceReader::SourceReader(const store::Store& store, const LogQuery& query, const LogSource& source)
    : store_(store), query_(query), source_(source) {}

SourceReader::Step SourceReader::next() {
    if (entries_.empty()) {
        const Found found = refill();
        if (found == Found::failed) return Step::failed;
        if (found == Found::nothing) return Step::ended;
    }
    const store::Store::Entry sealed = std::move(entries_.front());
    entries_.pop_front();
    place = first_;
    place.index = sealed.index;
    if (!segment_ && !sealed_) {
        auto opened = query_.vault->open_segment(first_, *bucket_->key, header_->bytes);
        if (opened) segment_.emplace(std::move(*opened));
        sealed_ = !segment_;
    }
    const auto plain = segment_ ? segment_->open(sealed.index, sealed.bytes.view()) : std::unexpected(crypto::Unopenable{});
    auto decoded = plain ? crypto::decode_log_entry(*plain) : std::nullopt;
    if (!decoded) return Step::unreadable;
    entry = std::move(*decoded);
    return Step::entry;
}

/// Until there are entries, or all buckets are done.
SourceReader::Found SourceReader::refill() {
    for (;;) {
        if (header_) {
            if (const Found found = next_entries(); found != Found::nothing) return found;
            header_.reset();
        }
        if (next_segment() == Found::yes) continue;
        if (const Found found = next_bucket(); found != Found::yes) return found;
    }
}

bool SourceReader::before_the_start(const retention::Buckets::Open& bucket) const {
    if (source_.after && bucket.id.number < source_.after->bucket) return true;
    if (source_.before && bucket.id.number > source_.before->bucket) return true;
    if (!query_.from || query_.from->place.cls == source_.cls) return false;
    return query_.backwards ? bucket.span.start - slack > query_.from->received : bucket.span.end + slack < query_.from->received;
}

SourceReader::Found SourceReader::next_bucket() {
    const auto& all = source_.buckets;
    while (buckets_done_ < all.size()) {
        bucket_ = (query_.backwards ? all[all.size() - 1 - buckets_done_] : all[buckets_done_]).get();
        ++buckets_done_;
        if (before_the_start(*bucket_)) continue;
        prefix_ = crypto::log_prefix(*bucket_->key, query_.vault->account());
        auto headers = store_.headers(bucket_->id, prefix_);
        if (!headers) {
            if (gone(headers.error())) continue;
            return Found::failed;
        }
        if (query_.backwards) std::ranges::reverse(*headers);
        headers_.assign(std::make_move_iterator(headers->begin()), std::make_move_iterator(headers->end()));
        return Found::yes;
    }
    return Found::nothing;
}

SourceReader::Found SourceReader::next_segment() {
    while (!headers_.empty()) {
        header_ = std::move(headers_.front());
        headers_.pop_front();
        first_ = {bucket_->id.cls, bucket_->id.number, header_->segment, 0};
        auto past = first_;
        past.index = crypto::segment_entries;
        if ((source_.after && past <= *source_.after) || (source_.before && first_ >= *source_.before)) continue;
        from_ = source_.after && *source_.after >= first_ ? source_.after->index + 1u : 0u;
        to_ = source_.before && *source_.before < past ? source_.before->index : crypto::segment_entries;
        segment_.reset();
        sealed_ = false;
        return Found::yes;
    }
    header_.reset();
    return Found::nothing;
}

/// A few at a time: a segment of the largest stanzas would fill memory.
SourceReader::Found SourceReader::next_entries() {
    while (from_ < to_) {
        const unsigned start = query_.backwards ? std::max(from_, to_ - std::min(to_, slice)) : from_;
        auto read = store_.entries(bucket_->id, prefix_, header_->segment, static_cast<std::uint16_t>(start), slice);
        if (!read) return gone(read.error()) ? Found::nothing : Found::failed;
        std::erase_if(*read, [&](const auto& one) { return one.index >= to_; });
        if (read->empty() && !query_.backwards) return Found::nothing;
        if (query_.backwards) to_ = start;
        else from_ = read->back().index + 1u;
        if (read->empty()) continue;
        if (query_.backwards) std::ranges::reverse(*read);
        entries_.assign(std::make_move_iterator(read->begin()), std::make_move_iterator(read->end()));
        return Found::yes;
    }
    return Found::nothing;
}

}  // namespace lethe::core
