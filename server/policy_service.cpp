// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/policy_service.h"

#include <algorithm>

namespace lethe::server {

using retention::PolicyStanding;

std::expected<std::unique_ptr<PolicyService>, std::string> PolicyService::open(Parts parts, retention::Policy file) {
    const auto row = parts.store.policy_standing();
    if (!row) return std::unexpected("the policy kept in state.mdb cannot be read; check the disk");
    const auto now = parts.clock.now();
    bool announced = false, fresh = !*row;
    auto standing = PolicyStanding::first(file);
    PolicyStanding next = standing;
    if (*row) {
        auto read = PolicyStanding::decode(**row);
        if (!read)
            return std::unexpected("the policy kept in state.mdb cannot be used (" + read.error() + "); use the program version that wrote it");
        standing = std::move(*read);
        next = standing;
        if (parts.trusted()) next.advance(now);
        const auto serial = next.serial();
        next.offer(std::move(file), now);
        announced = next.serial() != serial;
    }
    std::unique_ptr<PolicyService> service(new PolicyService(std::move(parts), std::move(standing)));
    service->obeyed_ = next.in_force();
    if (fresh || next.encode() != service->standing_.encode()) service->pending_ = Pending{std::move(next), announced};
    return service;
}

PolicyService::PolicyService(Parts parts, PolicyStanding standing)
    : parts_(std::move(parts)), standing_(std::move(standing)), obeyed_(standing_.in_force()), timer_(parts_.io) {}

PolicyService::~PolicyService() = default;

void PolicyService::start(Hooks hooks) {
    hooks_ = std::move(hooks);
    if (pending_) {
        auto [next, announced] = std::move(*pending_);
        settle(std::move(next), announced);
    } else {
        hooks_.kept();
    }
    schedule();
}

void PolicyService::stop() {
    stopped_ = true;
    timer_.cancel();
}

void PolicyService::reload() {
    if (writing_) {
        again_ = true;
        return;
    }
    auto file = retention::load_policy(parts_.file);
    if (!file) return hooks_.trouble();
    const auto now = parts_.clock.now();
    auto next = standing_;
    if (parts_.trusted()) next.advance(now);
    const auto serial = next.serial();
    next.offer(std::move(*file), now);
    const bool announced = next.serial() != serial;
    retry_ = false;
    if (next.encode() != standing_.encode()) settle(std::move(next), announced);
    schedule();
}

/// To the disk first; what is tighter does not wait for it.
void PolicyService::settle(PolicyStanding next, bool announced) {
    obey(tighter_of(obeyed_, next.in_force()));
    writing_ = true;
    auto bytes = next.encode();
    pending_ = Pending{std::move(next), announced};
    parts_.store.put_policy_standing(std::move(bytes), [this, alive = std::weak_ptr(alive_)](store::Result result) {
        if (alive.lock()) stored(std::move(result));
    });
}

void PolicyService::stored(store::Result result) {
    writing_ = false;
    auto [next, announced] = std::move(*pending_);
    pending_.reset();
    if (!result) {
        retry_ = true;
        hooks_.trouble();
    } else {
        retry_ = false;
        standing_ = std::move(next);
        obey(standing_.in_force());
        if (announced) {
            if (const auto& waits = standing_.announced()) hooks_.announced(*waits);
            hooks_.news();
        }
        hooks_.published();
        hooks_.kept();
    }
    if (std::exchange(again_, false)) return reload();
    schedule();
}

void PolicyService::obey(const retention::Policy& policy) {
    if (policy.text == obeyed_.text) return;
    const bool same = changes(obeyed_, policy).empty();
    obeyed_ = policy;
    if (!same) hooks_.in_force(obeyed_);
    hooks_.published();
}

void PolicyService::schedule() {
    constexpr std::int64_t second = 1'000'000;
    if (stopped_ || writing_ || (!standing_.announced() && !retry_)) return;
    // The clock may be set while we wait: look again every second at the latest.
    std::int64_t wait = retry_ ? 60 * second : std::clamp<std::int64_t>(standing_.announced()->effective_at - parts_.clock.now(), 1'000, second);
    timer_.expires_after(std::chrono::microseconds(wait));
    timer_.async_wait([this](std::error_code error) {
        if (error || stopped_ || writing_) return;
        if (retry_) return reload();
        auto next = standing_;
        if (parts_.trusted() && next.advance(parts_.clock.now())) settle(std::move(next), false);
        schedule();
    });
}

}  // namespace lethe::server
