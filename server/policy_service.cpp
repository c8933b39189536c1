// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/policy_service.h"

#include <algorithm>

namespace lethe::server {

using retention::PolicyStanding;

namespace {

bool same(const std::optional<retention::Announcement>& before, const retention::Announcement& now) {
    return before && before->policy.text == now.policy.text && before->effective_at == now.effective_at;
}

}  // namespace

std::expected<std::unique_ptr<PolicyService>, std::string> PolicyService::open(Parts parts, retention::Policy file) {
    const auto row = parts.store.policy_standing();
    if (!row) return std::unexpected("the policy kept in state.mdb cannot be read; check the disk");
    const auto now = parts.clock.now();
    const bool fresh = !*row;
    auto standing = PolicyStanding::first(file);
    PolicyStanding next = standing;
    if (*row) {
        auto read = PolicyStanding::decode(**row);
        if (!read)
            return std::unexpected("the policy kept in state.mdb cannot be used (" + read.error() + "); use the program version that wrote it");
        standing = std::move(*read);
        next = standing;
        if (parts.trusted()) next.advance(now);
        next.offer(std::move(file), now);
    }
    std::unique_ptr<PolicyService> service(new PolicyService(std::move(parts), std::move(standing)));
    service->obeyed_ = next.in_force();
    if (fresh || next.encode() != service->standing_.encode()) service->pending_ = std::move(next);
    return service;
}

PolicyService::PolicyService(Parts parts, PolicyStanding standing)
    : parts_(std::move(parts)), standing_(std::move(standing)), obeyed_(standing_.in_force()), timer_(parts_.io) {}

PolicyService::~PolicyService() = default;

void PolicyService::start(Hooks hooks) {
    hooks_ = std::move(hooks);
    if (pending_) {
        settle(std::move(*pending_));
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
    if (!file) {
        trouble_ = Trouble::file;
        return hooks_.trouble();
    }
    const auto now = parts_.clock.now();
    auto next = standing_;
    if (parts_.trusted()) next.advance(now);
    next.offer(std::move(*file), now);
    retry_ = false;
    const bool changed = next.encode() != standing_.encode();
    if (!changed || trouble_ == Trouble::file) trouble_ = Trouble::none;
    if (changed) settle(std::move(next));
    schedule();
}

/// To the disk first; what is tighter does not wait for it.
void PolicyService::settle(PolicyStanding next) {
    obey(tighter_of(obeyed_, next.in_force()));
    writing_ = true;
    auto bytes = next.encode();
    pending_ = std::move(next);
    parts_.store.put_policy_standing(std::move(bytes), [this, alive = std::weak_ptr(alive_)](store::Result result) {
        if (alive.lock()) stored(std::move(result));
    });
}

void PolicyService::stored(store::Result result) {
    writing_ = false;
    auto next = std::move(*pending_);
    pending_.reset();
    if (!result) {
        retry_ = true;
        trouble_ = Trouble::disk;
        hooks_.trouble();
    } else {
        retry_ = false;
        trouble_ = Trouble::none;
        const auto before = std::exchange(standing_, std::move(next));
        obey(standing_.in_force());
        if (const auto& waits = standing_.announced(); waits && !same(before.announced(), *waits)) hooks_.announced(*waits);
        if (standing_.serial() != before.serial()) hooks_.news();
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
        if (parts_.trusted() && next.advance(parts_.clock.now())) settle(std::move(next));
        schedule();
    });
}

}  // namespace lethe::server
