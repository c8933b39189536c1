// SPDX-License-Identifier: AGPL-3.0-or-later
// The policy page and the policy file, and the way there.
//
// The data's way: what is in force, and what is announced, comes from the standing that the whole server obeys; the page is rendered when it is
//   first asked for and kept (one text per language) until either changes or the ledger has one more line about a policy; its entity tag is a
//   hash of its bytes, so a browser that has it is told so in one line. Nothing of who asks is kept.
#include <sodium.h>

#include <algorithm>
#include <array>
#include <map>

#include "crypto/hex.h"
#include "server/http/resources.h"

namespace lethe::http {
namespace {

using retention::Language;

std::string tag_of(std::string_view text) {
    std::array<unsigned char, 16> hash{};
    crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(text.data()), text.size(), nullptr, 0);
    return '"' + crypto::to_hex(hash) + '"';
}

/// A page of one language, as long as it is the right one.
struct Page {
    std::string in_force, announced;
    std::optional<retention::Time> effective_at;
    std::vector<retention::PolicyDate> dates;
    std::string html, tag;
};

struct Pages {
    const retention::Ledger& ledger;
    std::map<Language, Page> of = {};

    const Page& get(const core::Core& core, Language language) {
        const auto& standing = core.env.standing;
        const auto* next = standing.announced() ? &*standing.announced() : nullptr;
        const std::string announced = next ? next->policy.text : "";
        const auto effective_at = next ? std::optional(next->effective_at) : std::nullopt;
        auto dates = ledger.policies();
        Page& page = of[language];
        if (page.html.empty() || page.in_force != core.env.policy.text || page.announced != announced || page.effective_at != effective_at || page.dates != dates) {
            page = {.in_force = core.env.policy.text, .announced = announced, .effective_at = effective_at, .dates = std::move(dates), .html = {}, .tag = {}};
            const std::string key = crypto::to_string(ledger.public_key());
            page.html = retention::render_html({.page = {core.env.policy, next},
                                                .language = language,
                                                .url = core.env.config.http.url,
                                                .ledger_key = key,
                                                .passed = standing.passed(),
                                                .dates = page.dates});
            page.tag = tag_of(page.html);
        }
        return page;
    }
};

/// 304 if the peer has it already, 412 if it wants another one.
Response tagged(const Request& request, std::string body, std::string tag, std::vector<Field> fields) {
    fields.push_back({"ETag", tag});
    fields.push_back({"Cache-Control", "no-cache"});
    const auto unmet = precondition(request, tag);
    if (unmet == 412) return plain(412);
    if (unmet) return {.status = *unmet, .fields = std::move(fields)};
    return {.status = 200, .fields = std::move(fields), .body = std::move(body)};
}

Language language_for(const Request& request, const std::vector<Language>& languages) {
    std::vector<std::string_view> codes;
    for (const Language language : languages) codes.push_back(retention::code_of(language));
    return languages[choose_language(request.field("accept-language"), codes)];
}

asio::awaitable<Response> front(Exchange) {
    Response out = plain(303);
    // Relative: right under every name, and behind a proxy that puts a path before ours.
    out.fields.push_back({"Location", "policy"});
    co_return out;
}

asio::awaitable<Response> page(core::Core* core, std::shared_ptr<Pages> pages, std::optional<Language> asked, Exchange exchange) {
    const auto languages = retention::languages_of(core->env.policy);
    if (asked && std::ranges::find(languages, *asked) == languages.end()) co_return plain(404);
    const Language language = asked ? *asked : language_for(exchange.request, languages);
    const Page& text = pages->get(*core, language);
    std::vector<Field> fields{{"Content-Type", "text/html; charset=utf-8"},
                              {"Content-Language", std::string(retention::code_of(language))},
                              // The page brings its style with it and loads nothing.
                              {"Content-Security-Policy", retention::page_sources() + "; frame-ancestors 'none'"}};
    if (!asked) fields.push_back({"Vary", "Accept-Language"});
    co_return tagged(exchange.request, text.html, text.tag, std::move(fields));
}

asio::awaitable<Response> file(core::Core* core, Exchange exchange) {
    const std::string text = core->env.policy.text;
    co_return tagged(exchange.request, text, tag_of(text), {{"Content-Type", "text/plain; charset=utf-8"}});
}

}  // namespace

Handler front_page() {
    return [](Exchange exchange) { return front(std::move(exchange)); };
}

Handler policy_page(core::Core& core, const retention::Ledger& ledger, std::optional<Language> language) {
    return [&core, language, pages = std::make_shared<Pages>(Pages{.ledger = ledger})](Exchange exchange) { return page(&core, pages, language, std::move(exchange)); };
}

Handler policy_file(core::Core& core) {
    return [&core](Exchange exchange) { return file(&core, std::move(exchange)); };
}

}  // namespace lethe::http
