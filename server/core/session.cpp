// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/session.h"

#include <iterator>

namespace lethe::core {
namespace {

/// What one unacknowledged stanza costs; its bytes may be shared, but need not.
std::size_t cost(const Outgoing& item) { return item.bytes->size() + sizeof(Outgoing); }

bool must_not_be_lost(const Outgoing& item) { return item.delivery || item.letterbox; }

}  // namespace

void Session::send(Outgoing item) {
    if (ended) return;
    if (item.delivery) ++item.delivery->pending;
    if (item.delivery && hibernating_) ++item.delivery->asleep;
    if (acknowledging_ && item.stanza) {
        item.counted = true;
        unacknowledged_.push_back(item);
        unacknowledged_bytes_ += cost(item);
        ++unrequested_;
        if (too_much_unacknowledged()) return kick(xmpp::StreamCondition::policy_violation, "Too many stanzas without acknowledgement");
    }
    if (hibernating_) return;
    // A stream that is closing takes nothing more; what must not be lost waits here for the end of the session.
    if (outbox_->closed() && !item.counted && must_not_be_lost(item)) return refused_.push_back(std::move(item));
    outbox_->push(std::move(item));
    if (unacknowledged_.size() > limits_.count) request_acknowledgement();
}

bool Session::too_much_unacknowledged() {
    const auto bytes = unacknowledged_bytes_ + deferred_.bytes();
    if (bytes > limits_.bytes && unacknowledged_.size() + deferred_.size() > 1) return true;  // one large stanza alone is always fine
    if (hibernating_) return unacknowledged_.size() + deferred_.size() > limits_.count;       // nobody is there to be patient with
    if (unacknowledged_.size() <= limits_.count) {
        over_since_.reset();
        return false;
    }
    if (!over_since_) over_since_ = limits_.now();
    return limits_.now() - *over_since_ > limits_.patience;
}

void Session::made_progress() {
    for (const auto& callback : std::exchange(progress_waiters_, {})) callback();
}

void Session::end() {
    ended = true;
    made_progress();
}

void Session::taken(Outgoing& item) {
    if (item.delivery) {
        item.delivery->taken = true;
        --item.delivery->pending;
        if (hibernating_) --item.delivery->asleep;
    }
    if (item.receipt) {
        item.receipt->lost = {};
        if (const auto answer = std::exchange(item.receipt->taken, {})) answer();
    }
    if (on_taken && must_not_be_lost(item)) on_taken(item);
}

void Session::written(std::deque<Outgoing>& items) {
    for (auto& item : items)
        if (!item.counted) taken(item);
    if (outbox_->empty()) request_acknowledgement();
    made_progress();
}

void Session::request_acknowledgement() {
    if (!acknowledging_ || request_open_ || unrequested_ == 0 || ended || hibernating_) return;
    request_open_ = true;
    unrequested_ = 0;
    outbox_->push({.bytes = make_wire("<r xmlns='urn:xmpp:sm:3'/>"), .stanza = false});
}

bool Session::acknowledged(std::uint32_t h) {
    const std::uint32_t fresh = h - acknowledged_;
    if (fresh > unacknowledged_.size()) return false;
    acknowledged_ = h;
    if (fresh > 0) over_since_.reset();
    request_open_ = false;
    std::deque<Outgoing> done(std::make_move_iterator(unacknowledged_.begin()),
                              std::make_move_iterator(unacknowledged_.begin() + fresh));
    unacknowledged_.erase(unacknowledged_.begin(), unacknowledged_.begin() + fresh);
    for (auto& item : done) {
        unacknowledged_bytes_ -= cost(item);
        taken(item);
    }
    if (outbox_->empty()) request_acknowledgement();
    if (fresh > 0) made_progress();
    return true;
}

std::deque<Outgoing> Session::take_unconfirmed() {
    auto out = std::exchange(unacknowledged_, {});
    unacknowledged_bytes_ = 0;
    deferred_.take_all();
    // What waits to be written and must not be lost goes back; answers and stream errors still go out.
    for (auto& item : outbox_->extract(must_not_be_lost))
        if (!item.counted) out.push_back(std::move(item));
    for (auto& item : std::exchange(refused_, {})) out.push_back(std::move(item));
    for (auto& item : out) {
        if (!item.delivery) continue;
        --item.delivery->pending;
        if (hibernating_) --item.delivery->asleep;
    }
    return out;
}

void Session::left_behind(Outbox& outbox) {
    for (auto& item : outbox.extract([](const Outgoing& o) { return !o.counted && must_not_be_lost(o); })) {
        // Another connection goes on: its client has seen <enabled/>, and so what came before.
        if (&outbox != outbox_.get()) {
            taken(item);
            continue;
        }
        if (item.delivery && hibernating_) ++item.delivery->asleep;
        refused_.push_back(std::move(item));
    }
}

void Session::release(std::uint64_t ordinal) {
    const auto it = held_.find(ordinal);
    if (it != held_.end()) held_.erase(it);
    answer_acknowledgements();
}

void Session::acknowledgement_requested() {
    owed_.push_back(inbound_);
    answer_acknowledgements();
}

void Session::answer_acknowledgements() {
    while (!owed_.empty() && (held_.empty() || *held_.begin() > owed_.front())) {
        const auto h = std::to_string(static_cast<std::uint32_t>(owed_.front()));
        outbox_->push({.bytes = make_wire("<a xmlns='urn:xmpp:sm:3' h='" + h + "'/>"), .stanza = false});
        owed_.pop_front();
    }
}

void Session::send_deferrable(Wire stanza, const xmpp::Jid& from, DeferredKind kind) {
    if (ended) return;
    if (!inactive_ && !hibernating_) return send(std::move(stanza));
    deferred_.put(from, kind, std::move(stanza));
    bound_deferred();
}

void Session::bound_deferred() {
    if (hibernating_ && too_much_unacknowledged()) return kick(xmpp::StreamCondition::policy_violation);
    if (!hibernating_ && (deferred_.size() > limits_.count || deferred_.bytes() > limits_.bytes / 4)) send_deferred();
}

void Session::send_message(Outgoing item, const xmpp::Jid& peer, ChatState state, DeferredKind kind) {
    if (state == ChatState::told) return send_deferrable(std::move(item.bytes), peer, kind);
    if (!deferred_.empty()) {
        if (state == ChatState::over) deferred_.drop(peer, kind);
        for (auto& stanza : deferred_.take(peer.bare())) send(std::move(stanza));
    }
    send(std::move(item));
}

void Session::send_deferred() {
    for (auto& stanza : deferred_.take_all()) send(std::move(stanza));
}

void Session::set_inactive(bool inactive) {
    inactive_ = inactive;
    if (!inactive) send_deferred();
}

void Session::hibernate(std::function<void(xmpp::StreamCondition, std::string)> on_too_much) {
    left_behind(*outbox_);
    hibernating_ = true;
    on_kick = std::move(on_too_much);
    owed_.clear();  // the answer is in <resumed/>
    for (auto* items : {&unacknowledged_, &refused_})
        for (const auto& item : *items)
            if (item.delivery) ++item.delivery->asleep;
    if (too_much_unacknowledged()) kick(xmpp::StreamCondition::policy_violation);
    made_progress();
}

void Session::continue_on(std::shared_ptr<Outbox> outbox) {
    for (auto& item : std::exchange(refused_, {})) taken(item);  // see left_behind()
    for (const auto& item : unacknowledged_)
        if (item.delivery) --item.delivery->asleep;
    hibernating_ = inactive_ = request_open_ = false;
    over_since_.reset();
    outbox_ = std::move(outbox);
    expiry.reset();
}

void Session::resend() {
    unrequested_ = unacknowledged_.size();
    for (const auto& item : unacknowledged_) outbox_->push(item);
    send_deferred();
    made_progress();
}

std::vector<std::shared_ptr<Delivery>> Session::unconfirmed_deliveries() const {
    std::vector<std::shared_ptr<Delivery>> out;
    for (const auto* items : {&refused_, &unacknowledged_})
        for (const auto& item : *items)
            if (item.delivery && !item.delivery->taken) out.push_back(item.delivery);
    return out;
}

}  // namespace lethe::core
