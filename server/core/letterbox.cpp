// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/letterbox.h"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/redirect_error.hpp>

#include "server/core/async.h"
#include "server/core/core.h"
#include "server/core/log_reader.h"
#include "server/core/message.h"

namespace lethe::core {
namespace {

using crypto::ClassId;

/// Counts what lies on disk of a closed account. While it runs the quota knows of this process's entries only.
asio::awaitable<void> count_usage(Core& core, std::shared_ptr<LogWriter> writer) {
    auto& usage = writer->usage[ClassId::letterbox];
    // What is appended from here on may be counted twice, never missed: a quota errs on the side of the promise.
    const auto entries_before = usage.appended;
    co_await core.barrier();
    const auto buckets = core.env.buckets.readable(ClassId::letterbox);
    std::function<store::LogUsage()> job = [&store = core.env.store, buckets, id = writer->id] {
        store::LogUsage sum;
        for (const auto& bucket : buckets) {
            const auto part = store.usage(bucket->id, crypto::log_prefix(*bucket->key, id));
            if (!part) continue;
            sum.entries += part->entries;
            sum.bytes += part->bytes;
        }
        return sum;
    };
    auto counting = on_pool<store::LogUsage>(core.env.io, core.env.pool, std::move(job));
    const auto sum = co_await std::move(counting);
    const auto since = usage.appended - entries_before;
    const auto average = sum.entries ? sum.bytes / sum.entries : 0;
    usage.entries = sum.entries + since;
    usage.bytes = sum.bytes + since * average;
}

LogQuery next_page(Core& core, Account& account) {
    LogQuery query;
    LogSource source{.cls = ClassId::letterbox, .buckets = core.env.buckets.readable(ClassId::letterbox)};
    const auto& keep = core.env.buckets.keep(ClassId::letterbox);
    if (!keep.unlimited) source.received_after = core.env.clock.now() - keep.micros;
    query.sources.push_back(std::move(source));
    query.vault = account.vault;
    return query;
}

bool has_room(const Core& core, const Session& session) {
    return session.queued_bytes() <= core.env.config.limits.queue_bytes / 4 && !session.should_wait_for_acknowledgement();
}

/// The session that drains: any that could take messages but for the letterbox. One that hibernates goes on when it is resumed.
std::shared_ptr<Session> waiting_session(const Account& account) {
    for (const auto& [_, session] : account.sessions)
        if (session->presence && session->presence->priority >= 0 && !session->ended && !session->hibernating()) return session;
    return nullptr;
}

void drop_blocked(Core& core, Account& account, Change& change, const LogItem& item) {
    core.logs.erase(change, *account.writer, item.place);
    if (item.entry.archived) core.logs.erase(change, *account.writer, *item.entry.archived);
}

/// The owner finds it there, now and for some time to come.
bool in_archive(const Core& core, const Account& account, const crypto::LogEntry& entry) {
    constexpr std::int64_t enough = 600'000'000;  // microseconds, to read it in
    const auto& buckets = core.env.buckets;
    if (!entry.archived || !buckets.archive_class(account.writer->archive_choice)) return false;
    const auto& keep = buckets.keep(entry.archived->cls);
    const auto oldest = std::max(account.writer->archive_floor, buckets.archive_horizon(account.writer->archive_choice));
    return entry.received > oldest + (oldest > INT64_MIN + enough ? enough : 0) &&
           (keep.unlimited || entry.received > core.env.clock.now() - keep.micros + enough) && buckets.find({entry.archived->cls, entry.archived->bucket});
}

/// Sends one entry, or drops it if its sender is blocked.
void send_entry(Core& core, Account& account, Session& session, const LogItem& item) {
    if (account.in_flight.contains(item.place) || account.taken.contains(item.place)) return;
    const auto peer = xmpp::Jid::parse(item.entry.peer);
    if (!peer || account.blocks(*peer)) {
        Change change;
        drop_blocked(core, account, change, item);
        core.write(std::move(change), {});
        return;
    }
    auto entry = item.entry;
    if (entry.archived && entry.vault_closed && !account.archives(*peer)) {
        Change change;
        core.logs.erase(change, *account.writer, *entry.archived);
        core.write(std::move(change), {});
        entry.archived.reset();
    }
    Outgoing out{deliverable(account, entry, entry.stanza, true, core.domain.domain())};
    out.letterbox = item.place;
    account.in_flight.insert(item.place);
    account.returned.erase(item.place);
    if (entry.received <= session.archive_covers && in_archive(core, account, entry)) return letterbox_taken(core, account, out);
    session.send(std::move(out));
}

/// One page after `position`, read on the pool. Nothing of the query, bucket keys above all, outlives it.
asio::awaitable<LogPage> read_page(Core& core, std::shared_ptr<Account> account, std::optional<crypto::LogPlace> position) {
    auto query = next_page(core, *account);
    query.sources.front().after = position;
    std::function<LogPage()> job = [&store = core.env.store, query = std::move(query)] { return read_log(store, query); };
    auto reading = on_pool<LogPage>(core.env.io, core.env.pool, std::move(job));
    LogPage page = co_await std::move(reading);
    if (page.unreadable) core.env.log.write(retention::Event::sealed_row_unreadable, {retention::Count{page.unreadable}});
    if (page.failed) core.env.log.write(retention::Event::storage_alarm, {retention::Word("letterbox_unreadable")});
    co_return page;
}

asio::awaitable<void> wait_for_progress(Core& core, std::shared_ptr<Session> session) {
    // Shared with the callback, which may come after this coroutine has gone on.
    const auto timer = std::make_shared<asio::steady_timer>(core.env.io);
    if (session->hibernating()) timer->expires_at(asio::steady_timer::time_point::max());
    else timer->expires_after(std::chrono::seconds(core.env.config.limits.stall_seconds));
    session->on_progress([timer] { timer->cancel(); });
    std::error_code woken;
    auto token = asio::redirect_error(asio::use_awaitable, woken);
    auto waiting = timer->async_wait(token);
    co_await std::move(waiting);
    if (woken || session->ended || has_room(core, *session)) co_return;
    // A session that takes nothing for so long is given up: the account's others wait for it.
    session->kick(xmpp::StreamCondition::connection_timeout, "Nothing was read or acknowledged for too long");
}

/// If the session ends or loses its connection in the middle, the letterbox is read again for the rest.
asio::awaitable<void> send_entries(Core& core, std::shared_ptr<Account> account, std::shared_ptr<Session> receiver, std::vector<LogItem> items) {
    for (const auto& item : items) {
        if (receiver->ended || receiver->hibernating()) {
            account->start_over = true;
            co_return;
        }
        send_entry(core, *account, *receiver, item);
        if (has_room(core, *receiver)) continue;
        receiver->request_acknowledgement();
        while (!receiver->ended && !receiver->hibernating() && !has_room(core, *receiver)) {
            auto waiting = wait_for_progress(core, receiver);
            co_await std::move(waiting);
        }
    }
    receiver->request_acknowledgement();
}

asio::awaitable<void> drain(Core& core, std::shared_ptr<Account> account) {
    auto position = account->delivered;
    account->start_over = false;
    bool emptied = false;
    while (waiting_session(*account)) {
        const auto appended = account->writer->usage[ClassId::letterbox].appended;
        account->taken.clear();
        co_await core.barrier();
        auto reading = read_page(core, account, position);
        LogPage page = co_await std::move(reading);
        if (page.failed) {
            emptied = true;  // of what can be read
            break;
        }
        // Entries that a session was not sent after all come again.
        if (std::exchange(account->start_over, false)) {
            position = account->delivered;
            continue;
        }
        if (page.items.empty() && page.ended && account->writer->usage[ClassId::letterbox].appended == appended) {
            account->returned.clear();  // what was not found again is past its time
            emptied = true;
            break;
        }
        if (page.reached.front()) position = page.reached.front();
        auto receiver = waiting_session(*account);
        if (page.items.empty() || !receiver) continue;
        auto sending = send_entries(core, account, std::move(receiver), std::move(page.items));
        co_await std::move(sending);
    }
    account->draining = false;
    account->taken.clear();
    const auto sessions = account->sessions;
    for (const auto& [_, session] : sessions) {
        if (session->presence && session->presence->priority >= 0 && (emptied || !session->hibernating())) session->live = true;
        if (std::exchange(session->opening, false) && session->on_opened) session->on_opened();
    }
}

bool letterbox_has_room(Core& core, const std::shared_ptr<LogWriter>& writer) {
    auto& usage = writer->usage[ClassId::letterbox];
    if (!usage.counted) {
        usage.counted = true;
        usage.entries = usage.bytes = 0;
        asio::co_spawn(core.env.io, count_usage(core, writer), asio::detached);
    }
    return usage.entries < core.env.policy.letterbox_max_messages && usage.bytes < core.env.policy.letterbox_max_bytes;
}

Intake::Quota quota_of(const Core& core, const LogWriter& writer) {
    return {writer.id, writer.period, core.env.policy.letterbox_max_messages, core.env.policy.letterbox_max_bytes};
}

}  // namespace

asio::awaitable<void> wait_for_room(Core& core, std::shared_ptr<Session> session) {
    while (!session->ended && (session->hibernating() || !has_room(core, *session))) {
        auto waiting = wait_for_progress(core, session);
        co_await std::move(waiting);
    }
}

bool may_wait(Core& core, const std::shared_ptr<LogWriter>& writer, const xmpp::BareJid& sender) {
    return letterbox_has_room(core, writer) && core.intake.has_share(sender, quota_of(core, *writer), core.env.clock.now());
}

std::optional<crypto::LogPlace> keep_waiting(Core& core, Change& change, LogWriter& writer, const xmpp::BareJid& sender, const crypto::LogEntry& entry) {
    const auto before = writer.usage[ClassId::letterbox].bytes;
    const auto place = core.logs.append(change, writer, ClassId::letterbox, entry);
    core.intake.kept(sender, quota_of(core, writer), writer.usage[ClassId::letterbox].bytes - before, core.env.clock.now());
    return place;
}

void open_letterbox(Core& core, const std::shared_ptr<Session>& session) {
    auto account = session->account_ptr();
    if (account->takes_messages() || !core.logs.stores(ClassId::letterbox)) {  // somebody emptied it already, or there is none
        session->live = true;
        return;
    }
    session->opening = true;
    if (account->draining) return;
    account->draining = true;
    asio::co_spawn(core.env.io, drain(core, account), asio::detached);
}

void letterbox_taken(Core& core, Account& account, const Outgoing& item) {
    const auto place = item.delivery && item.delivery->kept ? item.delivery->kept : item.letterbox;
    if (!place) return;
    account.in_flight.erase(*place);
    if (account.draining) account.taken.insert(*place);
    if (account.leaving) return account.taken_late.push_back(item);
    if (item.delivery) item.delivery->kept.reset();
    Change change;
    core.logs.erase(change, *account.writer, *place);
    // The cursor passes nothing that another session was sent and may yet lose.
    const auto waits = [&](const std::set<crypto::LogPlace>& places) { return !places.empty() && *places.begin() < *place; };
    const bool first = !waits(account.in_flight) && !waits(account.returned);
    if (first && (!account.delivered || *account.delivered < *place)) {
        account.delivered = place;
        put_cursor(change, *account.vault, "delivered", *place);
    }
    core.write(std::move(change), {});
}

Wire deliverable(const Account& account, const crypto::LogEntry& entry, const std::string& base, bool delayed, std::string_view server) {
    std::string extra;
    if (entry.archived) extra += stanza_id_element(account.jid, account.vault->archive_id({*entry.archived, entry.received}));
    if (delayed) extra += delay_element(server, entry.received);
    return make_wire(extra.empty() ? base : with_children(base, extra));
}

}  // namespace lethe::core
