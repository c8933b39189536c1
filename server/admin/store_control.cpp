// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/admin/store_control.h"

#include <algorithm>
#include <map>

#include "retention/policy_change.h"
#include "server/admin/uploads.h"
#include "server/xmpp/datetime.h"

namespace lethe::admin {
StoreControlHandler::StoreControlHandler(Options options) : options_(std::move(options)) {}
StoreControlHandler::~StoreControlHandler() = default;

void StoreControlHandler::account_changing(const xmpp::BareJid&, Change) {}
void StoreControlHandler::account_changed(const xmpp::BareJid&, Change) {}
void StoreControlHandler::account_unchanged(const xmpp::BareJid&, Change) {}
std::expected<void, Failure> StoreControlHandler::may_sweep() const { return {}; }
void StoreControlHandler::sweep_extra() {}
std::size_t StoreControlHandler::stuck_buckets() const { return 0; }
void StoreControlHandler::status_extra(Facts&) {}

Done StoreControlHandler::finish(const xmpp::BareJid& account, Change change, Answer answer) {
    return [this, account, change, answer = std::move(answer)](Outcome outcome) mutable {
        if (!happened(outcome)) {
            account_unchanged(account, change);
            return answer(std::unexpected(Failure{outcome.error().status, account.to_string() + ": " + outcome.error().text}));
        }
        account_changed(account, change);
        if (!outcome) return answer(std::unexpected(std::move(outcome.error())));
        answer(Facts{});
    };
}

void StoreControlHandler::with_password(std::string_view text, Password password, Answer answer,
                                        Change change) {
    auto account = parse_account(text, options_.domain);
    if (!account) return answer(std::unexpected(std::move(account.error())));
    // Shared by the two halves; the first has ended before the second begins.
    struct Job {
        Password password;
        std::expected<PreparedCredentials, Failure> credentials = std::unexpected(Failure{});
    };
    auto job = std::make_shared<Job>(Job{std::move(password)});
    options_.offload(
        [job, sha_1 = options_.scram_sha_1] { job->credentials = prepare_credentials(job->password, sha_1); },
        [this, job, account = std::move(*account), change, answer = std::move(answer)]() mutable {
            auto credentials = std::move(job->credentials);
            if (!credentials) return answer(std::unexpected(std::move(credentials.error())));
            if (change == Change::added)
                return options_.operations.add(account, std::move(*credentials),
                                               finish(account, change, std::move(answer)));
            account_changing(account, change);
            options_.operations.reset(account, std::move(*credentials),
                                      finish(account, change, std::move(answer)));
        });
}

void StoreControlHandler::change(std::string_view text, Answer answer, Change change) {
    const auto account = parse_account(text, options_.domain);
    if (!account) return answer(std::unexpected(account.error()));
    if (change != Change::unsuspended) account_changing(*account, change);
    auto done = finish(*account, change, std::move(answer));
    if (change == Change::erased)
        options_.operations.erase(*account, std::move(done));
    else
        options_.operations.set_suspended(*account, change == Change::suspended, std::move(done));
}

void StoreControlHandler::add(std::string_view account, Password password, Answer answer) {
    with_password(account, std::move(password), std::move(answer), Change::added);
}
void StoreControlHandler::reset(std::string_view account, Password password, Answer answer) {
    with_password(account, std::move(password), std::move(answer), Change::reset);
}
void StoreControlHandler::suspend(std::string_view account, Answer answer) {
    change(account, std::move(answer), Change::suspended);
}
void StoreControlHandler::unsuspend(std::string_view account, Answer answer) {
    change(account, std::move(answer), Change::unsuspended);
}
void StoreControlHandler::erase(std::string_view account, Answer answer) {
    change(account, std::move(answer), Change::erased);
}

void StoreControlHandler::count(Answer answer) {
    answer(Facts{{"accounts", static_cast<std::int64_t>(options_.operations.count())}});
}

void StoreControlHandler::remove_upload(std::string_view url, Answer answer) {
    const auto token = token_in(url);
    if (!token)
        return answer(std::unexpected(Failure{Status::usage, "this is not the address of a file here; it looks like https://HOST/f/ and 43 characters, then a name"}));
    const auto& keys = options_.operations.keys();
    std::vector<UploadPlace> places;
    for (const auto& bucket : options_.store.buckets())
        if (bucket.id.cls == crypto::ClassId::uploads)
            if (auto key = options_.store.bucket_key(bucket.id)) places.push_back({bucket.id, std::make_shared<const crypto::BucketKey>(std::move(*key))});
    const auto found = find_upload(options_.store, places, crypto::upload_row(keys.upload_slot_key(), *token), *token);
    const bool damaged = std::ranges::any_of(options_.store.quarantined(), [](const auto& id) { return id.cls == crypto::ClassId::uploads; });
    if (!found && (damaged || found.error() == NoUpload::unreadable))
        return answer(std::unexpected(Failure{Status::system, "the file was not found, and not all buckets of the class uploads can be read, so it may be in one of these; look at lethectl status and at the disk"}));
    if (!found) return answer(std::unexpected(Failure{Status::refused, "there is no file at this address, or not any more"}));
    erase_upload(options_.store, found->place.bucket, found->row, found->header.chunks(), [answer = std::move(answer)](store::Result result) mutable {
        if (result) return answer(Facts{});
        answer(std::unexpected(Failure{Status::system, "the disk refused to remove the file; look at the disk and try again"}));
    });
}

void StoreControlHandler::sweep(Answer answer) {
    if (const auto may = may_sweep(); !may) return answer(std::unexpected(may.error()));
    if (!options_.buckets)
        return answer(
            std::unexpected(Failure{Status::system, "there is nothing to sweep with; start the server"}));
    sweep_extra();
    if (options_.invitations) options_.invitations->sweep([](std::size_t) {});  // in the store's queue before the buckets
    auto shared = std::make_shared<Answer>(std::move(answer));  // the sweep's callback is a copyable one
    options_.buckets->sweep([this, shared](std::size_t destroyed) {
        const std::size_t left = overdue() + stuck_buckets();
        if (left > 0)
            return (*shared)(std::unexpected(
                Failure{Status::system,
                        std::to_string(left) +
                            " of the buckets that are due could not be destroyed; look at the log and at the "
                            "disk, the sweep is tried again"}));
        (*shared)(Facts{{"destroyed", static_cast<std::int64_t>(destroyed)}});
    });
}

void StoreControlHandler::invite(std::optional<unsigned> days, std::optional<unsigned> uses, Answer answer) {
    if (!options_.invitations) return answer(std::unexpected(Failure{Status::system, "there is nothing to make invitations with; start the server"}));
    auto& invitations = *options_.invitations;
    const Invitations::Wanted wanted{.days = days.value_or(std::min(Invitations::usual_days, invitations.most_days())), .uses = uses.value_or(1)};
    invitations.make(wanted, [uses = wanted.uses, answer = std::move(answer)](std::expected<Invitations::Made, Failure> made) mutable {
        if (!made) return answer(std::unexpected(std::move(made.error())));
        answer(Facts{{"link", made->link}, {"uri", made->uri}, {"until", xmpp::format_datetime(made->until)}, {"uses", static_cast<std::int64_t>(uses)}});
    });
}

std::size_t StoreControlHandler::overdue() const {
    const auto now = options_.clock.now();
    return static_cast<std::size_t>(std::ranges::count_if(
        options_.store.buckets(), [&](const auto& bucket) { return bucket.span.deadline <= now; }));
}

void StoreControlHandler::status(Answer answer) {
    Facts facts{{"accounts", static_cast<std::int64_t>(options_.operations.count())}};
    std::map<crypto::ClassId, std::int64_t> per_class{
        {crypto::ClassId::archive, 0}, {crypto::ClassId::letterbox, 0}, {crypto::ClassId::subscriptions, 0},
        {crypto::ClassId::uploads, 0}};
    std::int64_t next = store::no_deadline;
    for (const auto& bucket : options_.store.buckets()) {
        ++per_class[bucket.id.cls];
        next = std::min(next, bucket.span.deadline);
    }
    for (const auto& [cls, buckets] : per_class)
        facts.emplace_back("buckets_" + crypto::class_name(cls), buckets);
    facts.emplace_back("next_deadline",
                       next == store::no_deadline ? std::string("none") : xmpp::format_datetime(next));
    facts.emplace_back("overdue", static_cast<std::int64_t>(overdue() + stuck_buckets()));
    facts.emplace_back("quarantined", static_cast<std::int64_t>(options_.store.quarantined().size()));
    status_extra(facts);
    answer(std::move(facts));
}

void StoreControlHandler::policy(Answer answer) {
    const auto refuse = [&](std::string text) { answer(std::unexpected(Failure{Status::refused, std::move(text)})); };
    const auto row = options_.store.policy_standing();
    if (!row) return answer(std::unexpected(Failure{Status::system, "the policy kept in state.mdb cannot be read; check the disk"}));
    if (!*row) return refuse("no server has run with this data directory yet, so no policy is in force; start it, or look at the file itself");
    auto standing = retention::PolicyStanding::decode(**row);
    if (!standing)
        return refuse("the policy kept in state.mdb cannot be used (" + standing.error() + "); use the program version that wrote it");
    standing->advance(options_.clock.now());
    const auto& text = standing->in_force().text;
    Facts facts{{"in_force", text}, {"in_force_hash", retention::policy_hash(text)}};
    if (const auto& next = standing->announced()) {
        facts.emplace_back("announced", next->policy.text);
        facts.emplace_back("announced_hash", retention::policy_hash(next->policy.text));
        facts.emplace_back("announced_at", xmpp::format_datetime(next->announced_at));
        facts.emplace_back("effective_at", xmpp::format_datetime(next->effective_at));
    }
    facts.emplace_back("serial", static_cast<std::int64_t>(standing->serial()));
    answer(std::move(facts));
}

}  // namespace lethe::admin
