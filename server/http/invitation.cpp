// SPDX-License-Identifier: AGPL-3.0-or-later
// What the link of an invitation leads to: a page that says what this server is, what it keeps, and how to get in; and its form, which makes the account.
//
// The data's way: the token in the path is looked up (admin/invitations.h), which uses nothing up; the page is made of the policy in force, the link as
//   xmpp: address, and the same as a QR code drawn in SVG; nothing of it is kept, and nobody may keep it but the browser's window. What the form sends, a name
//   and a password twice, is held in memory until the account is made (stream/new_account.h), and wiped. A token that is used up, too
//   late, or was never given leads to one page with 404, which says the same of all three.
// A page of another site that sends the form here needs the token too; there is no cookie or other standing that it could use.
#include <algorithm>

#include "server/http/invitation_page.h"
#include "server/http/resources.h"

namespace lethe::http {
namespace {

using retention::Language;
using stream::NotMade;
using Why = NotMade::Why;

/// A name of 1023 octets and two passwords of as many, each octet escaped.
constexpr std::size_t longest_form = 10240;
constexpr std::string_view methods = "GET, HEAD, POST, OPTIONS";

/// As the browser prefers; else the policy's first.
Language language_for(const core::Core& core, const Request& request) {
    auto order = retention::languages_of(core.env.policy);
    for (const auto language : {Language::en, Language::de})
        if (std::ranges::find(order, language) == order.end()) order.push_back(language);
    std::vector<std::string_view> codes;
    for (const auto language : order) codes.push_back(retention::code_of(language));
    return order[choose_language(request.field("accept-language"), codes)];
}

Response page(int status, Language language, std::string body) {
    return {.status = status,
            .fields = {{"Content-Type", "text/html; charset=utf-8"}, {"Content-Language", std::string(retention::code_of(language))}, {"Vary", "Accept-Language"},
                       {"X-Robots-Tag", "noindex"}, {"Content-Security-Policy", InvitationPage::content_security_policy()}},
            .body = std::move(body)};
}

int status_of(Why why) {
    switch (why) {
        case Why::incomplete:
        case Why::bad_name:
        case Why::short_password:
        case Why::bad_password: return 422;
        case Why::taken: return 409;
        case Why::too_many: return 429;
        case Why::full: return 403;
        case Why::used_up: return 404;
        case Why::busy:
        case Why::failed:
        case Why::not_wanted: break;
    }
    return 503;
}

/// The whole body, or what to answer in its place.
asio::awaitable<std::expected<std::string, Response>> body_of(Exchange* exchange) {
    const auto& request = exchange->request;
    if (essence(request.field("content-type")) != "application/x-www-form-urlencoded") co_return std::unexpected(plain(415));
    if (!request.content_length) co_return std::unexpected(plain(411));
    if (*request.content_length > longest_form) co_return std::unexpected(plain(413));
    std::string body(static_cast<std::size_t>(*request.content_length), '\0');
    for (std::size_t have = 0; have < body.size();) {
        auto reading = exchange->body->read(std::span<char>(body).subspan(have));
        const auto got = co_await std::move(reading);
        if (!got || *got == 0) {
            crypto::detail::wipe(body.data(), have);
            co_return std::unexpected(Response{.status = 400, .close = true});
        }
        have += *got;
    }
    co_return body;
}

struct Form {
    std::string name;
    std::expected<stream::NewAccount, NotMade> account;
};

/// Nothing: it is not what the page sends.
std::optional<Form> form_in(std::string& body, const std::string& domain) {
    auto fields = FormFields::parse(body);
    crypto::detail::wipe(body.data(), body.size());
    if (!fields) return std::nullopt;
    auto *name = fields->find("username"), *password = fields->find("password"), *again = fields->find("again");
    if (!name || !password || !again) return std::nullopt;
    // Some will write the whole address.
    if (name->ends_with('@' + domain)) name->resize(name->size() - domain.size() - 1);
    if (*password != *again) return Form{*name, std::unexpected(NotMade{Why::incomplete})};
    return Form{*name, stream::new_account(*name, *password, domain)};
}

struct Service {
    core::Core& core;
    stream::RegistrationLimits& registrations;
};

using Found = std::shared_ptr<const admin::Invitations::Found>;

asio::awaitable<Response> make(Service service, Found found, Language language, Exchange* exchange) {
    auto& core = service.core;
    auto reading = body_of(exchange);
    auto body = co_await std::move(reading);
    if (!body) co_return std::move(body.error());
    auto form = form_in(*body, core.domain.domain());
    if (!form) co_return plain(400);
    std::expected<void, NotMade> done;
    if (form->account) {
        form->account->network = exchange->network;
        form->account->invitation = found->token.text();
        const auto account = std::make_shared<const stream::NewAccount>(std::move(*form->account));
        std::function<bool()> wanted = [] { return true; };
        auto making = stream::make_account(core, service.registrations, account, std::move(wanted));
        done = co_await std::move(making);
        if (done) co_return page(201, language, InvitationPage(core, language).made(account->account, found->inviter));
    } else {
        done = std::unexpected(form->account.error());
    }
    const auto& refused = done.error();
    InvitationPage shown(core, language);
    co_return page(status_of(refused.why), language, refused.why == Why::used_up ? shown.nothing() : shown.invitation(*found, refused, form->name));
}

asio::awaitable<Response> answer(Service service, Exchange exchange) {
    const auto& request = exchange.request;
    if (request.method == Method::options) co_return Response{.status = 204, .fields = {{"Allow", std::string(methods)}}};
    if (request.method != Method::get && request.method != Method::head && request.method != Method::post) co_return not_allowed(methods);
    const auto language = language_for(service.core, request);
    auto invitation = service.core.env.invitations.find(std::string_view(request.path).substr(request.path.rfind('/') + 1));
    if (!invitation || request.path != "/i/" + invitation->token.text()) co_return page(404, language, InvitationPage(service.core, language).nothing());
    const auto found = std::make_shared<const admin::Invitations::Found>(std::move(*invitation));
    if (request.method != Method::post) co_return page(200, language, InvitationPage(service.core, language).invitation(*found));
    auto making = make(service, found, language, &exchange);
    co_return co_await std::move(making);
}

}  // namespace

Handler invitation_page(core::Core& core, stream::RegistrationLimits& registrations) {
    return [service = Service{core, registrations}](Exchange exchange) { return answer(service, std::move(exchange)); };
}

}  // namespace lethe::http
