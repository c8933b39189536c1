// SPDX-License-Identifier: AGPL-3.0-or-later
// The page: complete, in every language of the policy, and nothing in a policy can break out of it.
#include <doctest/doctest.h>

#include <algorithm>

#include "retention/catalogue.h"
#include "retention/render.h"

using namespace lethe::retention;

namespace {

Policy parsed(const std::string& text) {
    auto policy = parse_policy(text, "policy.toml");
    if (!policy)
        for (const auto& e : policy.error()) FAIL_CHECK(e.to_string());
    REQUIRE(policy.has_value());
    return std::move(*policy);
}

std::string text(const std::string& languages = "[\"en\", \"de\"]", const std::string& name = "Chat example") {
    return "[service]\nname = \"" + name + "\"\noperator = \"Ann & Bob\"\ncontact = [\"xmpp:admin@chat.example\", \"mailto:admin@chat.example\"]\nlanguages = " + languages +
           "\n[archive]\nkeep = \"7d\"\nchoices = [\"1d\", \"0\"]\n[letterbox]\nkeep = \"14d\"\n[log]\nkeep = \"1h\"\n[log.login_failed]\nkeep = \"20s\"\naddress = "
           "\"network\"\n[change]\nnotice = \"14d\"\n";
}

constexpr PageFormat formats[] = {PageFormat::text, PageFormat::markdown, PageFormat::html};

std::string page(const std::string& policy, PageFormat format) {
    const Policy parsed_policy = parsed(policy);
    return render({.policy = parsed_policy}, format);
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }
std::size_t count(const std::string& text, std::string_view part) {
    std::size_t n = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++n;
    return n;
}

}  // namespace

TEST_SUITE("retention/render") {
    TEST_CASE("what the catalogue and the log's events say exists in German") {
        const Policy policy = parsed(text());
        for (const auto& row : catalogue(policy))
            for (const std::string_view english : {row.name, row.fields, row.erased_by, to_string(row.reader)}) CHECK_MESSAGE(!german(english).empty(), english);
        for (const auto& event : event_table()) CHECK_MESSAGE(!german(event.meaning).empty(), event.meaning);
    }

    TEST_CASE("every key has words in both languages") {
        for (const auto& key : policy_key_names())
            for (const Language language : {Language::en, Language::de}) CHECK_MESSAGE(spoken_key(key, language) != key, key);
    }

    TEST_CASE("every class, its time and who can read it stand on the page, in each language that the policy names") {
        for (const PageFormat format : formats) {
            const std::string both = page(text(), format), english = page(text("[\"en\"]"), format), deutsch = page(text("[\"de\"]"), format);
            for (const auto* part : {"7 days", "14 days", "1 hour", "20 seconds", "90 days"}) CHECK_MESSAGE(has(english, part), part);
            for (const auto* part : {"7 Tage", "14 Tage", "1 Stunde", "20 Sekunden", "90 Tage"}) CHECK_MESSAGE(has(deutsch, part), part);
            CHECK(has(english, "anyone with the disk"));
            CHECK(has(deutsch, "jeder, der die Platte hat"));
            CHECK_FALSE(has(english, "Tage"));
            CHECK_FALSE(has(deutsch, " days"));
            CHECK(has(both, "7 days"));
            CHECK(has(both, "7 Tage"));
            CHECK(both.find("7 days") < both.find("7 Tage"));
            CHECK(count(both, "login") > 0);
        }
        const std::string html = page(text(), PageFormat::html);
        for (const auto& row : catalogue(parsed(text()))) CHECK_MESSAGE(has(html, row.where), row.where);
    }

    TEST_CASE("only events that are logged are listed, with what each of their fields becomes") {
        const std::string shown = page(text("[\"en\"]"), PageFormat::markdown);
        CHECK(has(shown, "| login\\_failed |"));
        CHECK(has(shown, "| 20 seconds | the network | nothing | – |"));
        std::string silent = text("[\"en\"]");
        silent.replace(silent.find("[log]"), silent.find("[change]") - silent.find("[log]"), "[log]\nkeep = \"0\"\n");
        CHECK(has(page(silent, PageFormat::text), "there is no log"));
        CHECK_FALSE(has(page(silent, PageFormat::text), "Events of the log"));
    }

    TEST_CASE("lifetimes of the catalogue are spoken, those that users choose too") {
        const std::string deutsch = page(text("[\"de\"]"), PageFormat::text);
        CHECK(has(deutsch, "Archiv: 7 Tage oder wie vom Besitzer gewählt: 1 Tag, nicht gespeichert; Briefkasten: 14 Tage; Kontaktanfragen: 90 Tage"));
        CHECK(has(page(text("[\"en\"]"), PageFormat::text), "1 hour; login_failed: 20 seconds"));
    }

    TEST_CASE("an announced policy is shown with what it changes and from when on") {
        const Policy now = parsed(text("[\"en\"]"));
        std::string later = text("[\"en\"]");
        later.replace(later.find("\"7d\""), 4, "\"30d\"");
        const Announcement announced{.serial = 1, .announced_at = 0, .effective_at = 1'796'580'000'000'000, .policy = parsed(later)};
        for (const PageFormat format : formats) {
            const std::string shown = render({.policy = now, .announced = &announced}, format);
            CHECK(has(shown, format == PageFormat::markdown ? "2026\\-12\\-06 at 18:00 UTC" : "2026-12-06 at 18:00 UTC"));
            CHECK(has(shown, "30 days"));
            CHECK_FALSE(has(render({.policy = now}, format), "30 days"));
        }
    }

    TEST_CASE("nothing of a policy becomes markup") {
        const std::string evil = text("[\"en\"]", "<script>alert(1)</script> & `code` | [x](https://evil.example/)");
        const std::string html = page(evil, PageFormat::html);
        CHECK_FALSE(has(html, "<script"));
        CHECK(has(html, "&lt;script&gt;"));
        CHECK(has(html, "Ann &amp; Bob"));
        const std::string markdown = page(evil, PageFormat::markdown);
        const std::string above = markdown.substr(0, markdown.find("    [service]"));  // below stands the file, as code
        CHECK_FALSE(has(above, "](https"));
        CHECK(has(above, "\\<script\\>"));
    }

    TEST_CASE("the HTML page loads nothing and says which language is which") {
        const std::string html = page(text(), PageFormat::html);
        for (const auto* part : {"src=", "<link", "<script", "@import", "url(", "http-equiv=\"refresh"}) CHECK_MESSAGE(!has(html, part), part);
        CHECK(html.starts_with("<!DOCTYPE html>"));
        CHECK(has(html, "<html lang=\"en\">"));
        CHECK(has(html, "<section id=\"de\" lang=\"de\">"));
        CHECK(has(html, "default-src &#39;none&#39;; style-src &#39;sha256-"));
        CHECK_FALSE(has(html, " style="));  // which the policy of the page would not let act
        CHECK(has(html, "href=\"mailto:admin@chat.example\""));
        CHECK(has(html, "role=\"img\" aria-labelledby"));
        for (const auto* tag : {"section", "table", "tr", "th", "td", "svg", "main", "h1", "h2", "p", "dl", "pre", "caption"}) {
            const std::string name(tag);
            CHECK_MESSAGE(count(html, "<" + name + ">") + count(html, "<" + name + " ") == count(html, "</" + name + ">"), name);
        }
    }

    TEST_CASE("the picture has a bar for every time that the policy names") {
        const std::string html = page(text("[\"en\"]"), PageFormat::html);
        CHECK(count(html, "class=\"track\"") == 6);  // archive, its choice of a day, letterbox, requests, log, and one event
        CHECK(count(html, "class=\"bar\"") == 4);
        CHECK(count(html, "class=\"bar open\"") == 2);  // whoever has the disk reads a log
        CHECK(has(html, "messages that your devices can fetch again: 7 days, only the owner&#39;s login; "));
        CHECK(has(html, "log of the server: login_failed: 20 seconds, anyone with the disk"));
        for (const auto* mark : {">1 s<", ">1 min<", ">1 h<", ">1 day<", ">1 year<"}) CHECK_MESSAGE(has(html, mark), mark);
        const std::string none = "[service]\nname = \"n\"\noperator = \"o\"\ncontact = [\"xmpp:a@b.example\"]\nlanguages = [\"en\"]\n[archive]\nkeep = \"0\"\n"
                                 "[letterbox]\nkeep = \"unlimited\"\n[subscriptions]\nkeep = \"1s\"\n[log]\nkeep = \"0\"\n[change]\nnotice = \"0\"\n";
        const std::string odd = page(none, PageFormat::html);
        CHECK(count(odd, "class=\"track none\"") == 2);
        CHECK(count(odd, "<path class=\"bar\"") == 1);
        CHECK(has(odd, "can fetch again: not stored; "));
    }

    TEST_CASE("the served page says how the policy changed so far") {
        const Policy first = parsed(text("[\"en\"]"));
        std::string looser = text("[\"en\"]");
        looser.replace(looser.find("\"7d\""), 4, "\"30d\"");
        constexpr Time hour = 3'600'000'000, day = 24 * hour;
        PolicyStanding standing = PolicyStanding::first(first);
        standing.offer(parsed(looser), day);
        CHECK(standing.passed().empty());  // it waits
        CHECK(standing.advance(16 * day));
        REQUIRE(standing.passed().size() == 1);
        CHECK(standing.passed().front().effective_at == 15 * day);
        const auto digest = digest_of(first.text);
        const auto shown = [&](Language language) {
            return render_html({.page = {standing.in_force()},
                                .language = language,
                                .url = "https://chat.example",
                                .ledger_key = "KEY",
                                .passed = standing.passed(),
                                .dates = {{.time = hour, .policy = digest, .effective = std::nullopt},
                                          {.time = 2 * hour, .policy = digest, .effective = std::nullopt},  // a start, which says it again
                                          {.time = day, .policy = digest_of(looser), .effective = 15 * day}}});
        };
        const std::string english = shown(Language::en);
        CHECK(has(english, ">1970-01-16 at 00:00 UTC</th><td role=\"cell\" data-label=\"what\">how long messages can be fetched again (archive.keep)<"));
        CHECK(has(english, ">7 days</td>"));
        CHECK(count(english, "in force from then on") == 1);
        CHECK(has(english, "1970-01-01 at 01:00 UTC"));
        CHECK_FALSE(has(english, "1970-01-01 at 02:00 UTC"));
        CHECK(has(english, "announced, to be in force from 1970-01-16 at 00:00 UTC"));
        CHECK(has(english, "lethectl ledger watch https://chat.example --key KEY --every 1h\n"));
        CHECK(has(english, to_hex(digest_of(standing.in_force().text))));
        CHECK(has(shown(Language::de), "angekündigt, in Kraft ab 16.01.1970 um 00:00 UTC"));
    }

    TEST_CASE("the file itself stands at the end of the page") {
        const std::string shown = page(text("[\"en\"]"), PageFormat::text);
        CHECK(has(shown, "    [archive]\n    keep = \"7d\"\n    choices = [\"1d\", \"0\"]\n"));
    }

    TEST_CASE("values are spoken as people say them") {
        CHECK(spoken_value("\"1h\"", Language::en) == "1 hour");
        CHECK(spoken_value("\"2h\"", Language::de) == "2 Stunden");
        CHECK(spoken_value("\"0\"", Language::en) == "not stored");
        CHECK(spoken_value("\"unlimited\"", Language::de) == "unbegrenzt");
        CHECK(spoken_value("[\"1d\", \"0\"]", Language::en) == "1 day, not stored");
        CHECK(spoken_value("1000", Language::en) == "1000");
        CHECK(spoken_value("", Language::de) == "nicht festgelegt");
        CHECK(spoken_value("\"a \\\"b\\\" \\\\\"", Language::en) == "a \"b\" \\");
        CHECK(spoken_value("\"network\"", Language::de) == "das Netz");
    }
}
