// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/core.h"

#include <algorithm>

#include "retention/log_words.h"
#include "server/core/async.h"
#include "server/core/letterbox.h"
#include "server/core/message.h"
#include "server/core/presence.h"
#include "server/core/router.h"
#include "server/xmpp/ns.h"

namespace lethe::core {

Core::Core(Environment environment, FeatureTable table)
    : env(environment),
      features(std::move(table)),
      domain(*xmpp::BareJid::parse(env.config.domain)),
      logs(env.store, env.keys, env.buckets, env.clock),
      intake({env.config.limits.stored_per_minute, env.config.limits.letterbox_percent_per_sender}, domain.domain()),
      invitation_uses(std::make_shared<Turns>(env.io, 1000)),
      password_changes(std::make_shared<Turns>(env.io, 100)) {}

std::shared_ptr<Account> Core::open_vault(const xmpp::BareJid& jid) const {
    const auto it = online.find(jid);
    return it != online.end() && it->second->state == Account::State::open ? it->second : nullptr;
}

void Core::handle(const std::shared_ptr<Session>& session, xml::Document document) {
    if (session->ended) return;
    auto stanza = document.root();
    if (session->account().leaving) return postpone(session, stanza);
    session->count_inbound();
    stanza.set_attr("from", session->jid().to_string());
    if (stanza.name() != "iq") remove_forged(stanza, domain.domain());
    handling_ = session;
    if (stanza.name() == "message") route_message(*this, session, stanza);
    else if (stanza.name() == "presence") handle_presence(*this, session, stanza);
    else route_iq(*this, session, stanza);
    handling_.reset();
    if (stanza.name() != "iq") veil(session, stanza);
}

/// Whether something had to be stored, and where, shows in how long `<a/>` takes: to somebody who is not shown the other's presence it would
/// tell who is online. Such a stanza is acknowledged after a fixed time, within which a disk is done.
void Core::veil(const std::shared_ptr<Session>& session, const xml::Element& stanza) {
    constexpr auto fixed = std::chrono::milliseconds(100);
    const auto to = xmpp::Jid::parse(stanza.attr("to"));
    if (!session->acknowledging() || !to || to->local().empty() || to->bare() == session->jid().bare()) return;
    if (session->account().roster.subscription(to->bare()).to) return;
    const auto ordinal = session->hold();
    const auto timer = std::make_shared<asio::steady_timer>(env.io, fixed);
    timer->async_wait([session, ordinal, timer](std::error_code) { session->release(ordinal); });
}

void Core::write(Change change, std::function<void(store::Result)> done) {
    auto session = handling_;
    const auto ordinal = session ? session->hold() : 0;
    env.store.write(std::move(change.batch),
                    [this, session = std::move(session), ordinal, done = std::move(done),
                     headers = std::move(change.headers)](store::Result result) {
                        note_disk(result);
                        if (result)
                            for (const auto& confirmed : headers) *confirmed = true;
                        else
                            env.log.write(retention::Event::storage_alarm,
                                          {retention::word(result.error().kind), retention::Count{static_cast<std::uint64_t>(result.error().code)}});
                        if (done) done(result);
                        if (session) session->release(ordinal);
                    });
}

/// A bucket that ended meanwhile, or a store that is being closed, says nothing of the disk.
void Core::note_disk(const store::Result& result) {
    using enum store::ErrorKind;
    if (result)
        write_trouble.reset();
    else if (const auto kind = result.error().kind; kind == full || kind == io || kind == damaged)
        write_trouble = kind;
}

std::function<void(store::Result)> Core::failure_reply(const xml::Element& stanza) const {
    if (!handling_) return {};
    std::string skeleton = "<" + std::string(stanza.name());
    for (const char* name : {"id", "type", "from", "to"})
        if (stanza.has_attr(name))
            skeleton.append(" ").append(name).append("='").append(xml::escape(stanza.attr(name))).append("'");
    skeleton += "/>";
    return [session = handling_, skeleton = std::move(skeleton)](store::Result result) {
        if (result) return;
        const auto doc = xml::parse(skeleton);
        session->send(xmpp::error_reply(doc.root(), {xmpp::Condition::resource_constraint, "The server cannot store this now."}).root());
    };
}

asio::awaitable<void> Core::barrier() {
    std::function<void(std::function<void()>)> start = [this](std::function<void()> done) {
        env.store.barrier([done = std::move(done)](store::Result) { done(); });
    };
    auto waiting = wait_for(env.io, std::move(start));
    co_await std::move(waiting);
}

void Core::begin_session(const std::shared_ptr<Session>& session) {
    auto account = session->account_ptr();
    session->on_taken = [this, weak = std::weak_ptr(account)](const Outgoing& item) {
        if (const auto owner = weak.lock()) letterbox_taken(*this, *owner, item);
    };
    constexpr retention::Time hour = 3'600 * retention::Time{1'000'000};
    const auto now = env.clock.now();
    session->since = now - now % hour;
    account->sessions.insert_or_assign(session->jid().resource(), session);
}

void Core::end_session(const std::shared_ptr<Session>& session) {
    if (session->ended) return;
    auto account = session->account_ptr();
    session->expiry.reset();
    session_unavailable(*this, *session);
    session->end();
    if (session->resumption) departed.remember(account->jid, session->resumption->id, session->handled());
    // A session that took over the resource keeps its place.
    if (account->session(session->jid().resource()) == session.get()) account->sessions.erase(session->jid().resource());
    put_back(account, session->take_unconfirmed());
    env.log.write(retention::Event::session_closed, {retention::Account{account->jid}});
    close_if_unused(account);
}

void Core::reclaim(const std::shared_ptr<Session>& session, Outbox& outbox) {
    session->left_behind(outbox);
    if (session->ended) put_back(session->account_ptr(), session->take_unconfirmed());
    else if (session->hibernating()) keep_what_only_sleepers_have(*this, session->account(), session->unconfirmed_deliveries());
}

void Core::put_back(const std::shared_ptr<Account>& was, std::deque<Outgoing> items) {
    const auto open = open_vault(was->jid);
    auto& now = open ? *open : *was;
    // Closed and opened again meanwhile: what lies in the letterbox has been found there.
    if (&now != was.get())
        std::erase_if(items, [](const Outgoing& item) { return item.letterbox || (item.delivery && item.delivery->kept); });
    if (!now.leaving) return return_undelivered(now, std::move(items));
    std::move(items.begin(), items.end(), std::back_inserter(now.kept_back));
}

/// The answer to a removal of the account is a commit away.
void Core::postpone(const std::shared_ptr<Session>& session, const xml::Element& stanza) {
    auto& account = session->account();
    auto bytes = xml::serialize(stanza);
    account.postponed_bytes += bytes.size();
    if (account.postponed_bytes > env.config.limits.queue_bytes)
        return session->kick(xmpp::StreamCondition::resource_constraint, "The account is being removed");
    account.postponed.emplace_back(session, std::move(bytes));
}

void Core::stay(const std::shared_ptr<Account>& account) {
    account->leaving = false;
    for (const auto& item : std::exchange(account->taken_late, {})) letterbox_taken(*this, *account, item);
    put_back(account, std::exchange(account->kept_back, {}));
    account->postponed_bytes = 0;
    for (auto& [from, bytes] : std::exchange(account->postponed, {}))
        if (const auto session = from.lock()) handle(session, xml::parse(bytes));
}

void Core::close_if_unused(const std::shared_ptr<Account>& account) {
    if (!account->sessions.empty()) return;
    account->state = Account::State::closed;
    const auto it = online.find(account->jid);
    if (it != online.end() && it->second == account) online.erase(it);
}

namespace {

/// Its owner may have blocked the sender since it was sent.
bool sender_is_blocked(const Account& account, const std::string& stanza) {
    const auto document = xml::parse(stanza);
    const auto from = document.root() ? xmpp::Jid::parse(document.root().attr("from")) : std::nullopt;
    return !from || account.blocks(*from);
}

}  // namespace

void Core::return_undelivered(Account& account, std::deque<Outgoing> items) {
    std::vector<std::shared_ptr<Delivery>> asleep;
    for (auto& item : items) {
        if (item.letterbox) return_to_letterbox(account, item);
        else if (!item.delivery) refuse_unanswered(item);
        else if (item.delivery->only_asleep()) asleep.push_back(item.delivery);
        else if (!item.delivery->taken && item.delivery->pending == 0) redeliver(*this, account, item.delivery);
    }
    keep_what_only_sleepers_have(*this, account, asleep);
}

/// It still lies in the letterbox; another session that takes messages gets it now, a later one by opening it. Opening also removes what
/// is blocked by then.
void Core::return_to_letterbox(Account& account, const Outgoing& item) {
    account.in_flight.erase(*item.letterbox);
    const auto others = account.takers();
    const bool blocked = sender_is_blocked(account, *item.bytes);
    if (!others.empty() && !blocked) {
        account.in_flight.insert(*item.letterbox);
        others.front()->send(Outgoing{.bytes = item.bytes, .letterbox = item.letterbox});
    } else {
        account.returned.insert(*item.letterbox);
        account.start_over = true;
        if (!blocked) waits_again(*this, account, *item.bytes);
    }
}

/// RFC 6120 8.2.3: a request is answered, also when who should have answered it is gone.
void Core::refuse_unanswered(const Outgoing& item) {
    if (!item.bytes->starts_with("<iq")) return;
    const auto document = xml::parse(*item.bytes);
    const auto iq = document.root();
    if (!iq || (iq.attr("type") != "get" && iq.attr("type") != "set")) return;
    const auto from = xmpp::Jid::parse(iq.attr("from"));
    if (!from || !is_local(*from) || from->is_bare()) return;
    const auto asking = open_vault(from->bare());
    auto* session = asking ? asking->session(from->resource()) : nullptr;
    if (session) session->send(xmpp::error_reply(iq, {xmpp::Condition::service_unavailable}).root());
}

void Core::end_sessions(const xmpp::BareJid& jid, xmpp::StreamCondition condition, std::string text, const Session* except) {
    const auto it = online.find(jid);
    if (it == online.end()) return;
    const auto account = it->second;
    if (account->state == Account::State::opening && !except) account->state = Account::State::closed;
    const auto sessions = account->sessions;
    for (const auto& [_, session] : sessions) {
        if (session.get() == except) continue;
        session->kick(condition, text);
        end_session(session);
    }
}

std::size_t Core::hibernating_count() const {
    std::size_t count = 0;
    for (const auto& [_, account] : online)
        count += static_cast<std::size_t>(
            std::count_if(account->sessions.begin(), account->sessions.end(), [](const auto& entry) { return entry.second->hibernating(); }));
    return count;
}

std::size_t Core::session_count() const {
    std::size_t count = 0;
    for (const auto& [_, account] : online) count += account->sessions.size();
    return count;
}

}  // namespace lethe::core
