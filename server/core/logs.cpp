// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/logs.h"

#include <algorithm>

namespace lethe::core {

std::shared_ptr<LogWriter> Logs::find(const xmpp::BareJid& jid) {
    if (const auto it = writers_.find(jid); it != writers_.end()) {
        ages_.splice(ages_.end(), ages_, it->second.age);
        return it->second.writer;
    }
    const auto id = keys_.account_id(jid);
    const auto row = store_.account(id);
    if (!row || !*row) return nullptr;
    const auto record = keys_.open_record(id, (*row)->key, (*row)->record);
    if (!record) return nullptr;

    auto writer = std::make_shared<LogWriter>();
    writer->id = id;
    writer->period = ++periods_;
    writer->owner = record->vault_public;
    writer->archive_choice = record->archive_choice;
    writer->archive_floor = record->archive_floor;
    // Writers in use elsewhere (an online account) survive being dropped here only by being found again, so those are kept.
    for (auto old = ages_.begin(); writers_.size() >= cached_writers && old != ages_.end();) {
        const auto candidate = old++;
        const auto entry = writers_.find(*candidate);
        if (entry->second.writer.use_count() > 1) continue;
        writers_.erase(entry);
        ages_.erase(candidate);
    }
    ages_.push_back(jid);
    writers_.emplace(jid, Cached{writer, std::prev(ages_.end())});
    return writer;
}

void Logs::forget(const xmpp::BareJid& jid) {
    const auto it = writers_.find(jid);
    if (it == writers_.end()) return;
    ages_.erase(it->second.age);
    writers_.erase(it);
}

void Logs::choice_changed(const xmpp::BareJid& jid) {
    const auto it = writers_.find(jid);
    if (it == writers_.end()) return;  // read when it is needed
    auto& writer = *it->second.writer;
    const auto row = store_.account(writer.id);
    const auto record = row && *row ? keys_.open_record(writer.id, (*row)->key, (*row)->record) : std::unexpected(crypto::Unopenable{});
    if (!record) return;
    writer.archive_choice = record->archive_choice;
    writer.archive_floor = record->archive_floor;
}

void Logs::drop_dead_chains() {
    for (auto& [_, cached] : writers_)
        std::erase_if(cached.writer->chains, [&](const auto& chain) { return !buckets_.find(chain.second.bucket->id); });
    std::erase_if(segments_, [&](const auto& entry) { return !buckets_.find(entry.first); });
}

retention::Time Logs::stamp(LogWriter& writer) {
    writer.last_received = std::max(clock_.now(), writer.last_received + 1);
    return writer.last_received;
}

LogWriter::Chain* Logs::open_chain(LogWriter& writer, crypto::ClassId cls) {
    auto bucket = buckets_.current(cls);
    if (!bucket) return nullptr;
    auto& chain = writer.chains[cls];
    if (chain.segment && chain.bucket->id == bucket->id && !chain.segment->full()) return &chain;

    std::erase_if(segments_, [&](const auto& entry) { return entry.first.cls == cls && entry.first != bucket->id; });
    auto& used = segments_[bucket->id];
    const auto [it, first_use] = used.try_emplace(writer.id, 0);
    if (!first_use) ++it->second;
    const crypto::LogPlace first{cls, bucket->id.number, it->second, 0};
    chain.segment.emplace(writer.id, first, bucket->key, writer.owner);
    chain.bucket = std::move(bucket);
    chain.header_confirmed = std::make_shared<bool>(false);
    return &chain;
}

std::optional<crypto::LogPlace> Logs::append(Change& change, LogWriter& writer, crypto::ClassId cls,
                                             const crypto::LogEntry& entry) {
    auto* chain = open_chain(writer, cls);
    if (!chain) return std::nullopt;
    if (!*chain->header_confirmed) {
        change.batch.put_header(chain->bucket->id, chain->segment->prefix(), chain->segment->next().segment,
                                chain->segment->header());
        change.headers.push_back(chain->header_confirmed);
    }
    auto sealed = chain->segment->append(crypto::encode(entry));
    const auto place = sealed.place;
    auto& usage = writer.usage[cls];
    ++usage.entries;
    ++usage.appended;
    usage.bytes += sealed.bytes.size();
    change.batch.append(chain->segment->prefix(), std::move(sealed));
    return place;
}

std::optional<crypto::LogPlace> Logs::archive(Change& change, LogWriter& writer, const crypto::LogEntry& entry) {
    const auto cls = buckets_.archive_class(writer.archive_choice);
    return cls ? append(change, writer, *cls, entry) : std::nullopt;
}

void Logs::erase(Change& change, LogWriter& writer, const crypto::LogPlace& place) {
    writer.usage[place.cls].counted = false;
    writer.period = ++periods_;
    const auto bucket = buckets_.find({place.cls, place.bucket});
    if (bucket) change.batch.erase_entry(crypto::log_prefix(*bucket->key, writer.id), place);
}

}  // namespace lethe::core
