// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/core.h"

#include <algorithm>

#include "server/core/async.h"
#include "server/core/letterbox.h"
#include "server/core/presence.h"
#include "server/core/router.h"
#include "server/xmpp/ns.h"

namespace lethe::core {

Core::Core(Environment environment, FeatureTable table)
    : env(environment),
      features(std::move(table)),
      domain(*xmpp::BareJid::parse(env.config.domain)),
      logs(env.store, env.keys, env.buckets, env.clock),
      password_changes(std::make_shared<Turns>(env.io, 100)) {}

std::shared_ptr<Account> Core::open_vault(const xmpp::BareJid& jid) const {
    const auto it = online.find(jid);
    return it != online.end() && it->second->state == Account::State::open ? it->second : nullptr;
}

void Core::handle(const std::shared_ptr<Session>& session, xml::Document document) {
    if (session->ended || session->account().leaving) return;
    auto stanza = document.root();
    session->count_inbound();
    stanza.set_attr("from", session->jid().to_string());
    handling_ = session;
    if (stanza.name() == "message") route_message(*this, session, stanza);
    else if (stanza.name() == "presence") handle_presence(*this, session, stanza);
    else route_iq(*this, session, stanza);
    handling_.reset();
}

void Core::write(Change change, std::function<void(store::Result)> done) {
    auto session = handling_;
    const auto ordinal = session ? session->hold() : 0;
    env.store.write(std::move(change.batch),
                    [this, session = std::move(session), ordinal, done = std::move(done),
                     headers = std::move(change.headers)](store::Result result) {
                        if (result)
                            for (const auto& confirmed : headers) *confirmed = true;
                        else
                            env.log.write(retention::Event::storage_alarm,
                                          {retention::Count{static_cast<std::uint64_t>(result.error().code)}});
                        if (done) done(result);
                        if (session) session->release(ordinal);
                    });
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
    account->sessions.insert_or_assign(session->jid().resource(), session);
}

void Core::end_session(const std::shared_ptr<Session>& session) {
    if (session->ended) return;
    auto account = session->account_ptr();
    session_unavailable(*this, *session);
    session->ended = true;
    // A session that took over the resource keeps its place.
    if (account->session(session->jid().resource()) == session.get()) account->sessions.erase(session->jid().resource());
    if (!account->leaving) return_undelivered(*account, session->take_unconfirmed());
    env.log.write(retention::Event::session_closed, {retention::Account{account->jid}});
    close_if_unused(account);
}

void Core::reclaim(const std::shared_ptr<Session>& session) {
    if (!session->ended || session->account().leaving) return;
    auto items = session->take_unconfirmed();
    const auto now = open_vault(session->account().jid);
    if (!now || now == session->account_ptr()) return return_undelivered(session->account(), std::move(items));
    // Closed and opened again meanwhile: what lies in the letterbox has been found there.
    std::erase_if(items, [](const Outgoing& item) { return item.letterbox.has_value(); });
    if (!now->leaving) return_undelivered(*now, std::move(items));
}

void Core::close_if_unused(const std::shared_ptr<Account>& account) {
    if (!account->sessions.empty()) return;
    account->state = Account::State::closed;
    const auto it = online.find(account->jid);
    if (it != online.end() && it->second == account) online.erase(it);
}

void Core::return_undelivered(Account& account, std::deque<Outgoing> items) {
    for (auto& item : items) {
        if (item.letterbox) {
            // It still lies in the letterbox; another session that takes messages gets it now, a later one by opening it.
            account.in_flight.erase(*item.letterbox);
            const auto other = std::find_if(account.sessions.begin(), account.sessions.end(),
                                            [](const auto& entry) { return entry.second->takes_messages(); });
            if (other != account.sessions.end()) {
                account.in_flight.insert(*item.letterbox);
                other->second->send(Outgoing{.bytes = item.bytes, .letterbox = item.letterbox});
            } else {
                account.returned.insert(*item.letterbox);
                account.start_over = true;
            }
        } else if (item.delivery && !item.delivery->taken && item.delivery->pending == 0) {
            redeliver(*this, account, item.delivery);
        }
    }
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

std::size_t Core::session_count() const {
    std::size_t count = 0;
    for (const auto& [_, account] : online) count += account->sessions.size();
    return count;
}

}  // namespace lethe::core
