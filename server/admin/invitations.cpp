// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/admin/invitations.h"

#include <algorithm>

#include "crypto/hex.h"

namespace lethe::admin {
namespace {

using retention::Time;

constexpr Time second = 1'000'000, minute = 60 * second, hour = 60 * minute, day = 24 * hour;
/// Longer than anybody may take to fill in the form (stream/registration.cpp).
constexpr Time room_to_end = 10 * minute;
constexpr Time retry_after = minute;

/// When the row goes: on the hour, because it stands in clear and is not to tell when somebody was invited.
Time deadline_of(Time now, Time span) { return span >= day ? (now + span) / hour * hour : now + span; }

/// RFC 5122: what an address may hold and a URI may not.
std::string in_uri(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || std::string_view("-._~@").contains(c);
        if (plain) out += c;
        else out.append("%").append(crypto::hex_digits(static_cast<std::uint8_t>(c)));
    }
    return out;
}

}  // namespace

Invitations::Invitations(Options options, const retention::Policy& policy) : options_(std::move(options)) { follow_policy(policy); }
Invitations::~Invitations() = default;

void Invitations::follow_policy(const retention::Policy& policy) {
    allowed_ = policy.registration != "closed";
    keep_ = policy.invitations;
    look();
}

unsigned Invitations::most_days() const { return static_cast<unsigned>(std::clamp<Time>(keep_.micros / day, 1, 36500)); }

bool Invitations::due(Time deadline) const {
    const Time now = options_.clock.now();
    return !allowed_ || deadline <= now || deadline > now + keep_.micros;
}

/// What was made under a looser policy is due at once.
void Invitations::look() {
    next_ = store::no_deadline;
    const auto all = options_.store.invitations();
    if (!all) {
        next_ = options_.clock.now() + retry_after;
        return;
    }
    for (const auto& [id, deadline] : *all) next_ = std::min(next_, due(deadline) ? options_.clock.now() : deadline);
}

std::string Invitations::uri_of(const std::optional<xmpp::BareJid>& inviter, const std::string& token) const {
    if (!inviter) return "xmpp:" + in_uri(options_.domain) + "?register;preauth=" + token;
    return "xmpp:" + in_uri(inviter->to_string()) + "?roster;preauth=" + token + ";ibr=y";
}

void Invitations::make(const Wanted& wanted, std::move_only_function<void(std::expected<Made, Failure>)> done) {
    const auto refuse = [&done](Status status, std::string text) { done(std::unexpected(Failure{status, std::move(text)})); };
    if (!allowed_)
        return refuse(Status::refused, "the policy in force knows no invitations (registration = \"closed\"); publish one with registration = \"invite\" or \"open\"");
    if (wanted.uses < 1 || wanted.uses > most_uses) return refuse(Status::usage, "an invitation has 1 to " + std::to_string(most_uses) + " uses");
    if (wanted.days < 1 || wanted.days > most_days())
        return refuse(Status::usage, "the policy in force keeps invitations for " + retention::to_string(keep_) + "; choose 1 to " + std::to_string(most_days()) + " days");
    crypto::Invitation invitation{.uses = wanted.uses};
    if (wanted.inviter) {
        const auto id = options_.keys.account_id(*wanted.inviter);
        const auto row = options_.store.account(id);
        const auto record = row && *row ? options_.keys.open_record(id, (*row)->key, (*row)->record) : std::unexpected(crypto::Unopenable{});
        if (!record || record->suspended) return refuse(Status::refused, "there is no such account");
        invitation.inviter = crypto::Inviter{wanted.inviter->local(), record->vault_public};
    }
    const Time now = options_.clock.now(), span = std::min<Time>(wanted.days * day, keep_.micros);
    const Time deadline = deadline_of(now, span);
    invitation.until = deadline - std::min(room_to_end, span / 10);
    const auto token = crypto::InvitationToken::generate();
    store::Batch batch;
    batch.put_invitation(crypto::invitation_id(options_.keys, token), {deadline, crypto::seal_invitation(options_.keys, token, deadline, invitation)});
    Made made{.token = token.text(), .until = invitation.until};
    made.uri = uri_of(wanted.inviter, made.token);
    made.link = options_.url.empty() ? made.uri : options_.url + "/i/" + made.token;
    options_.store.write(std::move(batch), [this, alive = std::weak_ptr(alive_), deadline, made = std::move(made), done = std::move(done)](store::Result result) mutable {
        if (!result) return done(std::unexpected(Failure{Status::system, "the invitation could not be stored; look at the disk"}));
        if (alive.lock()) next_ = std::min(next_, deadline);
        done(std::move(made));
    });
}

std::optional<Invitations::Found> Invitations::find(std::string_view text, When when) const {
    const auto token = crypto::InvitationToken::parse(text);
    if (!token || !allowed_) return std::nullopt;
    const auto id = crypto::invitation_id(options_.keys, *token);
    const auto row = options_.store.invitation(id);
    if (!row || !*row || due((*row)->deadline)) return std::nullopt;
    auto invitation = crypto::open_invitation(options_.keys, *token, (*row)->deadline, (*row)->value);
    if (!invitation || invitation->uses == 0 || (when == When::now && invitation->until <= options_.clock.now())) return std::nullopt;
    Found found{*token, id, std::move(**row), std::move(*invitation), {}, {}};
    if (const auto& inviter = found.invitation.inviter) {
        found.inviter = xmpp::BareJid::parse(inviter->local + "@" + options_.domain);
        if (!found.inviter) return std::nullopt;
        const auto account = options_.keys.account_id(*found.inviter);
        const auto kept = options_.store.account(account);
        const auto record = kept && *kept ? options_.keys.open_record(account, (*kept)->key, (*kept)->record) : std::unexpected(crypto::Unopenable{});
        if (!record || record->suspended || record->vault_public != inviter->vault) return std::nullopt;
    }
    found.uri = uri_of(found.inviter, token->text());
    return found;
}

void Invitations::use(store::Batch& batch, const Found& found) const {
    auto less = found.invitation;
    --less.uses;
    std::optional<store::InvitationRow> now;
    if (less.uses > 0) now = store::InvitationRow{found.row.deadline, crypto::seal_invitation(options_.keys, found.token, found.row.deadline, less)};
    batch.change_invitation(found.id, found.row, now);
}

void Invitations::sweep(std::move_only_function<void(std::size_t)> done) {
    const auto all = options_.store.invitations();
    store::Batch batch;
    std::size_t erased = 0;
    if (all)
        for (const auto& [id, deadline] : *all) {
            if (!due(deadline)) continue;
            batch.erase_invitation(id);
            ++erased;
        }
    look();
    if (erased == 0) return done(0);
    next_ = std::max(next_, options_.clock.now() + retry_after);  // until it is known that they are gone
    options_.store.write(std::move(batch), [this, alive = std::weak_ptr(alive_), erased, done = std::move(done)](store::Result result) mutable {
        if (alive.lock() && result) look();
        done(result ? erased : 0);
    });
}

}  // namespace lethe::admin
