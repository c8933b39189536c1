// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0401 Ad-hoc Account Invitation Generation, version 0.6.0: "Invite user". Whoever has the link makes an account here, or has one, and is a
// contact of the user (core/introduction.h). It answers at once, without a form.
//
// Each has one use and lasts a week, or as long as the policy lets invitations last. An account may make limits.invitations_per_day; the count is in memory only.
#include "server/core/tally.h"
#include "server/feature/command.h"
#include "server/xmpp/datetime.h"

namespace lethe::feature {
namespace {
using retention::Language;
using xmpp::Condition;

constexpr std::int64_t day = 86'400'000'000;

std::string title(Language language) { return in(language, "Invite user", "Jemanden einladen"); }

xmpp::Form form_of(const admin::Invitations::Made& made) {
    xmpp::Form form{.type = "result"};
    const auto add = [&form](const char* var, const char* type, std::string value) { form.fields.push_back({.var = var, .type = type, .values = {std::move(value)}}); };
    add("FORM_TYPE", "hidden", "urn:xmpp:invite#invitation");
    add("uri", "text-single", made.uri);
    if (made.link != made.uri) add("landing-url", "text-single", made.link);
    add("expire", "text-single", xmpp::format_datetime(made.until));
    return form;
}

void invite(core::Tally& made_lately, core::Request& request, const CommandRun& run) {
    auto& core = request.core;
    const auto jid = request.session->jid().bare();
    const auto most = core.env.config.limits.invitations_per_day;
    const auto now = core.env.clock.now();
    const auto key = made_lately.key({jid.to_string()});
    if (most && made_lately.level(key, now) + 1 > most)
        return request.responder.error({Condition::resource_constraint, "You have invited " + std::to_string(most) + " people lately (invitations_per_day). Try again tomorrow.", xmpp::ErrorType::wait});
    made_lately.add(key, 1, now);
    auto& invitations = core.env.invitations;
    invitations.make({.days = std::min(admin::Invitations::usual_days, invitations.most_days()), .uses = 1, .inviter = jid},
                     [run, responder = request.responder](std::expected<admin::Invitations::Made, admin::Failure> made) {
                         if (!made) return responder.error({Condition::internal_server_error, made.error().text, xmpp::ErrorType::wait});
                         responder.result(run.result(form_of(*made)));
                     });
}

}  // namespace

Command invite_command() {
    return {.node = "urn:xmpp:invite#invite",
            .name = title,
            .offered = [](const core::Request& request) { return request.core.env.invitations.allowed(); },
            .form = {},
            .complete = {},
            .at_once = [tally = std::shared_ptr<core::Tally>()](core::Request& request, const CommandRun& run) mutable {
                if (!tally) tally = std::make_shared<core::Tally>(core::Tally::Rules{4096, request.core.env.config.limits.invitations_per_day / 86400.0, day});
                invite(*tally, request, run);
            }};
}

}  // namespace lethe::feature
