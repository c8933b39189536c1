// SPDX-License-Identifier: AGPL-3.0-or-later
// The first of the two moments of opening: at bind, before any stanza of the session, the waiting subscription stanzas are applied to
// the roster and the cursor "applied" moves, in one transaction of the account store.
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/redirect_error.hpp>

#include "crypto/codec.h"
#include "server/core/account.h"
#include "server/core/async.h"
#include "server/core/core.h"
#include "server/core/log_reader.h"
#include "server/core/presence.h"

namespace lethe::core {
namespace {

constexpr std::string_view applied_row = "applied";
constexpr std::string_view delivered_row = "delivered";

struct Loaded {
    bool ok = false;
    Roster roster;
    Blocklist blocklist;
    Archiving archiving;
    Nodes nodes;
    std::optional<crypto::LogPlace> applied, delivered;
    std::size_t unreadable = 0;
};

std::optional<crypto::LogPlace> read_cursor(const store::Store& store, const crypto::Vault& vault, std::string_view name) {
    const auto key = vault.settings_key(name);
    const auto row = store.row(store::Table::settings, vault.account(), key);
    if (!row || !*row) return std::nullopt;
    const auto plain = vault.open(store::Table::settings, key, **row);
    if (!plain) return std::nullopt;
    crypto::Decoder d(*plain);
    crypto::LogPlace place;
    place.cls = static_cast<crypto::ClassId>(d.u8());
    place.bucket = d.u32();
    place.segment = d.u32();
    place.index = d.u16();
    return d.finished() ? std::optional(place) : std::nullopt;
}

/// What nobody can read is as if it had never been set.
Archiving read_archiving(const store::Store& store, const crypto::Vault& vault, std::size_t& unreadable) {
    const auto key = vault.settings_key(archiving_row);
    const auto row = store.row(store::Table::settings, vault.account(), key);
    if (!row || !*row) return {};
    const auto plain = vault.open(store::Table::settings, key, **row);
    auto archiving = plain ? Archiving::decode(*plain) : std::nullopt;
    if (!archiving) ++unreadable;
    return archiving.value_or(Archiving{});
}

Loaded load(const store::Store& store, const crypto::NodeKeys& keys, const std::shared_ptr<const crypto::Vault>& open_vault) {
    Loaded loaded;
    const auto& vault = *open_vault;
    const auto shelves = Shelves::of(store, keys, vault.account(), open_vault);
    auto nodes = shelves ? Nodes::load(*shelves) : std::nullopt;
    const auto contacts = store.rows(store::Table::roster, vault.account());
    const auto blocked = store.rows(store::Table::blocklist, vault.account());
    const auto version = store.row(store::Table::settings, vault.account(), vault.settings_key(roster_version_row));
    if (!contacts || !blocked || !version || !nodes) return loaded;
    loaded.unreadable = loaded.roster.load(vault, *contacts) + loaded.blocklist.load(vault, *blocked) + nodes->second;
    loaded.nodes = std::move(nodes->first);
    loaded.roster.load_version(vault, *version);
    loaded.archiving = read_archiving(store, vault, loaded.unreadable);
    loaded.applied = read_cursor(store, vault, applied_row);
    loaded.delivered = read_cursor(store, vault, delivered_row);
    loaded.ok = true;
    return loaded;
}

/// What is on disk once everything queued so far is.
asio::awaitable<Loaded> load_durable(Core& core, std::shared_ptr<const crypto::Vault> vault) {
    co_await core.barrier();
    std::function<Loaded()> job = [&store = core.env.store, &keys = core.env.keys, vault] { return load(store, keys, vault); };
    auto loading = on_pool<Loaded>(core.env.io, core.env.pool, std::move(job));
    Loaded loaded = co_await std::move(loading);
    if (loaded.unreadable) core.env.log.write(retention::Event::sealed_row_unreadable, {retention::Count{loaded.unreadable}});
    co_return loaded;
}

void push_differences(Account& account, const Roster& before) {
    std::set<xmpp::BareJid> jids;
    for (const Roster* roster : {&before, static_cast<const Roster*>(&account.roster)})
        for (const auto& [jid, item] : roster->items())
            if (item.listed) jids.insert(jid);
    for (const auto& jid : jids) {
        const auto* was = before.find(jid);
        const auto* is = account.roster.find(jid);
        if (was && is && *was == *is) continue;
        push_roster_item(account, jid, is && is->listed ? is : nullptr);
    }
}

std::uint64_t all_changes(const Account& account) {
    return account.roster.changes() + account.blocklist.changes() + account.nodes.changes();
}

asio::awaitable<void> follow_disk(Core& core, std::shared_ptr<Account> account) {
    for (;;) {
        const auto changes = all_changes(*account);
        auto loading = load_durable(core, account->vault);
        Loaded loaded = co_await std::move(loading);
        if (!loaded.ok || account->state != Account::State::open) break;
        if (all_changes(*account) != changes) continue;  // and may not be durable yet
        std::swap(account->roster, loaded.roster);
        account->blocklist = std::move(loaded.blocklist);
        account->nodes = std::move(loaded.nodes);
        account->photo.reset();
        push_differences(*account, loaded.roster);
        break;
    }
    account->rereading = false;
}

/// Applies what waits after the cursor. False if the disk failed.
asio::awaitable<bool> settle_subscriptions(Core& core, std::shared_ptr<Account> account) {
    auto position = account->applied;
    for (;;) {
        const auto appended = account->writer->usage[crypto::ClassId::subscriptions].appended;
        co_await core.barrier();
        LogQuery query;
        LogSource source{.cls = crypto::ClassId::subscriptions, .buckets = core.env.buckets.readable(crypto::ClassId::subscriptions), .after = position};
        const auto& keep = core.env.buckets.keep(crypto::ClassId::subscriptions);
        if (!keep.unlimited) source.received_after = core.env.clock.now() - keep.micros;
        query.sources.push_back(std::move(source));
        query.vault = account->vault;
        std::function<LogPage()> job = [&store = core.env.store, query] { return read_log(store, query); };
        auto reading = on_pool<LogPage>(core.env.io, core.env.pool, std::move(job));
        const LogPage page = co_await std::move(reading);
        if (page.failed) co_return false;
        if (page.unreadable) core.env.log.write(retention::Event::sealed_row_unreadable, {retention::Count{page.unreadable}});
        if (page.reached.front()) position = page.reached.front();
        if (page.items.empty()) {
            if (page.ended && account->writer->usage[crypto::ClassId::subscriptions].appended == appended) co_return true;
            continue;
        }
        Change change;
        std::vector<std::pair<xmpp::BareJid, SubscriptionType>> replies;
        for (const auto& item : page.items) {
            apply_waiting_subscription(core, *account, item.entry, change, replies);
            core.logs.erase(change, *account->writer, item.place);
        }
        account->applied = page.items.back().place;
        put_cursor(change, *account->vault, applied_row, *account->applied);
        auto failed = std::make_shared<bool>(false);
        core.write(std::move(change), [failed](store::Result r) { *failed = !r; });
        co_await core.barrier();
        // On a disk that takes no change the roster in memory is right, and the same entries are applied again at the next opening.
        if (*failed) core.env.log.write(retention::Event::storage_alarm, {retention::Word("subscriptions_not_applied")});
        for (const auto& [peer, type] : replies) send_subscription(core, account->jid, peer, type);
        if (*failed) co_return true;
    }
}

}  // namespace

void put_cursor(Change& change, const crypto::Vault& vault, std::string_view name, const crypto::LogPlace& place) {
    crypto::Encoder e;
    e.u8(static_cast<std::uint8_t>(place.cls)).u32(place.bucket).u32(place.segment).u16(place.index);
    const auto key = vault.settings_key(name);
    change.batch.put(store::Table::settings, vault.account(), key, vault.seal(store::Table::settings, key, e.take()));
}

void reread(Core& core, const std::shared_ptr<Account>& account) {
    if (std::exchange(account->rereading, true)) return;
    asio::co_spawn(core.env.io, follow_disk(core, account), asio::detached);
}

asio::awaitable<std::shared_ptr<Account>> open_account(Core& core, xmpp::BareJid jid, std::shared_ptr<const crypto::Vault> vault) {
    for (;;) {
        const auto it = core.online.find(jid);
        if (it == core.online.end()) break;
        auto existing = it->second;
        if (existing->state == Account::State::open) co_return existing;
        std::error_code ignored;
        auto token = asio::redirect_error(asio::use_awaitable, ignored);
        auto waiting = existing->opened.async_wait(token);
        co_await std::move(waiting);
    }
    auto writer = core.logs.find(jid);
    if (!writer || writer->owner != vault->public_key()) co_return nullptr;  // erased or reset since the login
    auto account = std::make_shared<Account>(core.env.io, jid, vault, std::move(writer));
    account->opened.expires_at(asio::steady_timer::time_point::max());
    core.online.emplace(jid, account);

    auto loading = load_durable(core, vault);
    Loaded loaded = co_await std::move(loading);
    bool ok = loaded.ok;
    if (ok) {
        account->roster = std::move(loaded.roster);
        account->blocklist = std::move(loaded.blocklist);
        account->archiving = std::move(loaded.archiving);
        account->nodes = std::move(loaded.nodes);
        account->applied = loaded.applied;
        account->delivered = loaded.delivered;
        auto settling = settle_subscriptions(core, account);
        ok = co_await std::move(settling);
    }
    if (!ok) core.env.log.write(retention::Event::storage_alarm, {retention::Word("account_unreadable")});
    // Erased or reset while it was opening: what was read belongs to nobody any more.
    if (account->state == Account::State::closed) ok = false;
    account->state = ok ? Account::State::open : Account::State::closed;
    account->opened.cancel();
    if (!ok) {
        core.online.erase(jid);
        co_return nullptr;
    }
    account->writer->waiting_requests.clear();
    resend_old_requests(core, *account);
    co_return account;
}

}  // namespace lethe::core
