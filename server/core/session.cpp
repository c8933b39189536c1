// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/session.h"

#include <iterator>

namespace lethe::core {
namespace {

/// What one unacknowledged stanza costs; its bytes may be shared, but need not.
std::size_t cost(const Outgoing& item) { return item.bytes->size() + sizeof(Outgoing); }

}  // namespace

void Session::send(Outgoing item) {
    if (ended) return;
    if (item.delivery) ++item.delivery->pending;
    if (acknowledging_ && item.stanza) {
        item.counted = true;
        unacknowledged_.push_back(item);
        unacknowledged_bytes_ += cost(item);
        ++unrequested_;
        if (too_much_unacknowledged()) return kick(xmpp::StreamCondition::policy_violation, "Too many stanzas without acknowledgement");
    }
    // A stream that is closing takes nothing more; what must not be lost waits here for the end of the session.
    if (outbox_->closed() && !item.counted && (item.delivery || item.letterbox)) return refused_.push_back(std::move(item));
    outbox_->push(std::move(item));
    if (unacknowledged_.size() > limits_.count) request_acknowledgement();
}

bool Session::too_much_unacknowledged() {
    if (unacknowledged_bytes_ > limits_.bytes && unacknowledged_.size() > 1) return true;  // one large stanza alone is always fine
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
    }
    if (item.receipt) {
        item.receipt->lost = {};
        if (const auto answer = std::exchange(item.receipt->taken, {})) answer();
    }
    if (on_taken && (item.delivery || item.letterbox)) on_taken(item);
}

void Session::written(std::deque<Outgoing>& items) {
    for (auto& item : items)
        if (!item.counted) taken(item);
    if (outbox_->empty()) request_acknowledgement();
    made_progress();
}

void Session::request_acknowledgement() {
    if (!acknowledging_ || request_open_ || unrequested_ == 0 || ended) return;
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
    // What waits to be written and must not be lost goes back; answers and stream errors still go out.
    for (auto& item : outbox_->extract([](const Outgoing& o) { return o.delivery || o.letterbox; }))
        if (!item.counted) out.push_back(std::move(item));
    for (auto& item : std::exchange(refused_, {})) out.push_back(std::move(item));
    for (auto& item : out)
        if (item.delivery) --item.delivery->pending;
    return out;
}

void Session::release(std::uint32_t ordinal) {
    const auto it = held_.find(ordinal);
    if (it != held_.end()) held_.erase(it);
    answer_acknowledgements();
}

void Session::acknowledgement_requested() {
    owed_.push_back(inbound_);
    answer_acknowledgements();
}

void Session::answer_acknowledgements() {
    // Ordinals never wrap in practice; a session of 2^32 stanzas would need years at the rate limit.
    while (!owed_.empty() && (held_.empty() || *held_.begin() > owed_.front())) {
        outbox_->push({.bytes = make_wire("<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(owed_.front()) + "'/>"),
                       .stanza = false});
        owed_.pop_front();
    }
}

}  // namespace lethe::core
