// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/uploads.h"

#include <algorithm>

namespace lethe::core {
namespace {
constexpr std::chrono::hours day{24};
}

Uploads::Slot Uploads::take(std::unordered_map<std::string, Slot>::iterator slot) {
    if (const auto used = used_.find(slot->second.account); used != used_.end() && used->second.slots > 0) --used->second.slots;
    Slot out = std::move(slot->second);
    slots_.erase(slot);
    return out;
}

void Uploads::forget_old(Clock::time_point now) {
    for (; !run_out_.empty() && run_out_.front().first <= now; run_out_.pop_front())
        if (const auto slot = slots_.find(run_out_.front().second); slot != slots_.end()) take(slot);
    if (now - forgotten_ < slot_time) return;
    forgotten_ = now;
    std::erase_if(used_, [&](const auto& entry) { return entry.second.slots == 0 && now - entry.second.since >= day; });
}

std::expected<Uploads::Tokens, Uploads::Refused> Uploads::issue(const xmpp::BareJid& account, std::uint64_t size, std::string type, const Limits& limits, Clock::time_point now) {
    if (size > limits.max_size) return std::unexpected(Refused{.why = Refusal::too_large});
    forget_old(now);
    Used& used = used_.try_emplace(account, Used{.since = now}).first->second;
    if (now - used.since >= day) used = {.bytes = 0, .slots = used.slots, .since = now};
    const std::uint64_t charge = std::max(size, std::min(least_charge, limits.quota_per_day));
    if (used.bytes > limits.quota_per_day || limits.quota_per_day - used.bytes < charge)
        return std::unexpected(Refused{.why = Refusal::quota, .retry_in = used.since + day - now});
    if (used.slots >= most_slots_per_account || slots_.size() >= most_slots) return std::unexpected(Refused{.why = Refusal::too_many, .retry_in = slot_time});
    used.bytes += charge;
    ++used.slots;
    auto token = crypto::UploadToken::generate();
    Tokens out{.put = to_text(crypto::UploadToken::generate()), .get = to_text(token)};
    slots_.emplace(out.put, Slot{std::move(token), size, std::move(type), now + slot_time, account});
    run_out_.emplace_back(now + slot_time, out.put);
    return out;
}

const Uploads::Slot* Uploads::find(const std::string& put, Clock::time_point now) {
    const auto found = slots_.find(put);
    return found == slots_.end() || found->second.until <= now ? nullptr : &found->second;
}

Uploads::Slot Uploads::take(const std::string& put) { return take(slots_.find(put)); }

void Uploads::forget(const xmpp::BareJid& account) {
    if (used_.erase(account) == 0) return;
    std::erase_if(slots_, [&](const auto& entry) { return entry.second.account == account; });
}

}  // namespace lethe::core
