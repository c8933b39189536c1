// SPDX-License-Identifier: AGPL-3.0-or-later
#include "retention/policy_change.h"

#include <algorithm>

#include "crypto/codec.h"

namespace lethe::retention {

namespace {

constexpr std::uint8_t form = 2;
// Whoever was away for longer learns what changed since the oldest of these.
constexpr std::size_t longest_past = 16;

std::expected<Policy, std::string> read(std::string text) {
    auto policy = parse_policy(std::move(text), "stored policy");
    if (!policy) return std::unexpected(policy.error().front().to_string());
    return std::move(*policy);
}

}  // namespace

PolicyStanding PolicyStanding::first(Policy file) {
    PolicyStanding out;
    out.in_force_ = std::move(file);
    return out;
}

bool PolicyStanding::advance(Time now) {
    if (!announced_ || now < announced_->effective_at) return false;
    in_force_ = std::move(announced_->policy);
    announced_.reset();
    return true;
}

void PolicyStanding::announce(Policy file, Time now, Time effective_at, const Policy& before) {
    const auto serial = ++serial_;
    Past entry{.first = serial, .serial = serial, .effective_at = effective_at, .before = canonical_text(before), .after = canonical_text(file)};
    if (announced_ && !past_.empty()) {  // what it replaces never was in force
        entry.first = past_.back().first;
        entry.before = std::move(past_.back().before);
        past_.pop_back();
    }
    past_.push_back(std::move(entry));
    if (past_.size() > longest_past) past_.erase(past_.begin());
    announced_ = Announcement{.serial = serial_, .announced_at = now, .effective_at = effective_at, .policy = std::move(file)};
}

PolicyStanding::Outcome PolicyStanding::offer(Policy file, Time now) {
    if (announced_ && file.text == announced_->policy.text) return Outcome::nothing;
    if (!announced_ && file.text == in_force_.text) return Outcome::nothing;
    const Policy before = in_force_;
    if (!loosens(changes(in_force_, file))) {
        if (announced_ && !past_.empty()) past_.back().withdrawn = ++serial_;
        announced_.reset();
        in_force_ = std::move(file);
        return Outcome::in_force;
    }
    in_force_ = tighter_of(in_force_, file);
    if (announced_) {
        const auto further = changes(announced_->policy, file);
        if (!loosens(further)) {
            past_.back().after = canonical_text(file);
            announced_->policy = std::move(file);
            return further.empty() ? Outcome::nothing : Outcome::announced;
        }
    }
    // The notice is the one promised so far: a file cannot shorten its own.
    const Time effective_at = now + before.change_notice.micros;
    announce(std::move(file), now, effective_at, before);
    return advance(now) ? Outcome::in_force : Outcome::announced;
}

/// When the last announcement after `told` that loosened the key took effect, or will.
std::optional<Time> PolicyStanding::loosened_at(const std::string& key, std::uint32_t told) const {
    std::optional<Time> out;
    for (const Past& p : past_) {
        if (p.serial <= told || p.withdrawn != 0) continue;
        const auto before = parse_policy(p.before, "stored policy"), after = parse_policy(p.after, "stored policy");
        if (!before || !after) continue;  // decode() has seen that they can be read
        for (const KeyChange& change : changes(*before, *after))
            if (change.key == key && change.turn == Turn::looser) out = p.effective_at;
    }
    return out;
}

std::optional<PolicyStanding::News> PolicyStanding::news_since(std::uint32_t told) const {
    News news;
    for (const Past& p : past_) news.withdrawn |= told >= p.first && told < p.withdrawn;
    const auto add = [&news](const KeyChange& change, Time effective_at, bool waits) {
        if (change.turn == Turn::looser) news.changes.push_back({.change = change, .effective_at = effective_at, .waits = waits});
    };
    const auto first = std::ranges::find_if(past_, [told](const Past& p) { return p.serial > told && p.withdrawn == 0; });
    if (first != past_.end()) {
        const auto before = parse_policy(first->before, "stored policy");
        if (!before) return std::nullopt;  // decode() has seen that it can be read
        for (const KeyChange& change : changes(*before, in_force_)) add(change, loosened_at(change.key, told).value_or(first->effective_at), false);
    }
    if (announced_ && announced_->serial > told)
        for (const KeyChange& change : changes(in_force_, announced_->policy)) add(change, announced_->effective_at, true);
    if (news.changes.empty() && !news.withdrawn) return std::nullopt;
    return news;
}

std::vector<PolicyStanding::Passed> PolicyStanding::passed() const {
    std::vector<Passed> out;
    for (const Past& p : past_) {
        if (announced_ && p.serial == announced_->serial) continue;
        const auto before = parse_policy(p.before, "stored policy"), after = parse_policy(p.after, "stored policy");
        if (!before || !after) continue;  // decode() has seen that they can be read
        out.push_back({.effective_at = p.effective_at, .withdrawn = p.withdrawn != 0, .changes = changes(*before, *after)});
    }
    return out;
}

Bytes PolicyStanding::encode() const {
    crypto::Encoder out;
    out.u8(form).u32(serial_).str(in_force_.text).flag(announced_.has_value());
    if (announced_)
        out.u32(announced_->serial).i64(announced_->announced_at).i64(announced_->effective_at).str(announced_->policy.text);
    out.u32(static_cast<std::uint32_t>(past_.size()));
    for (const Past& p : past_) out.u32(p.first).u32(p.serial).u32(p.withdrawn).i64(p.effective_at).str(p.before).str(p.after);
    return out.take();
}

std::expected<PolicyStanding, std::string> PolicyStanding::decode(ByteView bytes) {
    crypto::Decoder in(bytes);
    PolicyStanding out;
    if (in.u8() != form) return std::unexpected("it is of another form");
    out.serial_ = in.u32();
    std::string in_force = in.str(), announced;
    if (in.flag()) {
        auto& a = out.announced_.emplace();
        a.serial = in.u32();
        a.announced_at = in.i64();
        a.effective_at = in.i64();
        announced = in.str();
    }
    const std::uint32_t count = in.u32();
    for (std::uint32_t i = 0; i < count && !in.bad(); ++i) {
        Past p{.first = in.u32(), .serial = in.u32(), .withdrawn = in.u32(), .effective_at = in.i64(), .before = in.str(), .after = in.str()};
        const std::uint32_t earlier = out.past_.empty() ? 0 : std::max(out.past_.back().serial, out.past_.back().withdrawn);
        if (p.first <= earlier || p.serial < p.first || p.serial > out.serial_) in.fail();
        if (p.withdrawn != 0 && (p.withdrawn <= p.serial || p.withdrawn > out.serial_)) in.fail();
        out.past_.push_back(std::move(p));
    }
    const bool standing = !out.past_.empty() && out.past_.back().withdrawn == 0;
    if (count > longest_past || (out.announced_ && (!standing || out.announced_->serial != out.past_.back().serial))) in.fail();
    if (!in.finished()) return std::unexpected("it is damaged");
    auto policy = read(std::move(in_force));
    if (!policy) return std::unexpected(policy.error());
    out.in_force_ = std::move(*policy);
    if (out.announced_) {
        auto next = read(std::move(announced));
        if (!next) return std::unexpected(next.error());
        out.announced_->policy = std::move(*next);
    }
    for (const Past& p : out.past_)
        for (const std::string& text : {p.before, p.after})
            if (const auto fine = read(text); !fine) return std::unexpected(fine.error());
    return out;
}

std::expected<Policy, std::string> policy_at_rest(const std::optional<Bytes>& stored, Policy file, Time now) {
    if (!stored) return file;
    auto standing = PolicyStanding::decode(*stored);
    if (!standing)
        return std::unexpected("the policy kept in state.mdb cannot be used (" + standing.error() + "); use the program version that wrote it");
    standing->advance(now);
    standing->offer(std::move(file), now);
    return standing->in_force();
}

}  // namespace lethe::retention
