// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/session.h"

#include <iterator>

namespace lethe::core {

void Session::send(Outgoing item) {
    if (ended) return;
    if (item.delivery) ++item.delivery->pending;
    if (acknowledging_ && item.stanza) {
        item.counted = true;
        unacknowledged_.push_back(item);
        ++unrequested_;
        if (unacknowledged_.size() > max_unacknowledged_) {
            kick(xmpp::StreamCondition::policy_violation, "Too many stanzas without acknowledgement");
            return;
        }
    }
    // A stream that is closing takes nothing more; what must not be lost waits here for the end of the session.
    if (outbox_->closed() && !item.counted && (item.delivery || item.letterbox)) return refused_.push_back(std::move(item));
    outbox_->push(std::move(item));
}

void Session::taken(Outgoing& item) {
    if (item.delivery) {
        item.delivery->taken = true;
        --item.delivery->pending;
    }
    if (on_taken && (item.delivery || item.letterbox)) on_taken(item);
}

void Session::written(std::deque<Outgoing>& items) {
    ++progress_;
    for (auto& item : items)
        if (!item.counted) taken(item);
    if (outbox_->empty()) request_acknowledgement();
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
    if (fresh > 0) ++progress_;
    request_open_ = false;
    std::deque<Outgoing> done(std::make_move_iterator(unacknowledged_.begin()),
                              std::make_move_iterator(unacknowledged_.begin() + fresh));
    unacknowledged_.erase(unacknowledged_.begin(), unacknowledged_.begin() + fresh);
    for (auto& item : done) taken(item);
    if (outbox_->empty()) request_acknowledgement();
    return true;
}

std::deque<Outgoing> Session::take_unconfirmed() {
    auto out = std::exchange(unacknowledged_, {});
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
