// SPDX-License-Identifier: AGPL-3.0-or-later
// The page that an invitation's link leads to: what this server is, what it keeps, and how to get in.
//
// The data's way: the token in the path is looked up (admin/invitations.h), which uses nothing up; the page is made of the policy in force, the link as
//   xmpp: address, and the same as a QR code drawn in SVG; nothing of it is kept, and nobody may keep it but the browser's window. A token that is used up, too
//   late, or was never given leads to one page with 404, which says the same of all three.
// No script, no form, nothing from elsewhere, and a policy that allows the page's own style alone. Links to clients tell them nothing of where they were followed (Referrer-Policy).
#include <sodium.h>

#include <algorithm>

#include "retention/render.h"
#include "server/admin/qr_code.h"
#include "server/http/resources.h"
#include "server/xml/element.h"
#include "server/xmpp/base64.h"

namespace lethe::http {
namespace {

using retention::Language;

constexpr std::string_view style =
    "body{font:1.05rem/1.5 system-ui,sans-serif;max-width:42rem;margin:0 auto;padding:1rem;color:#1a1a1a;background:#fff}"
    "h1{font-size:1.6rem;line-height:1.25}h2{font-size:1.2rem;margin-top:2rem}a{color:#0b4f8a}"
    ".join{display:inline-block;padding:.8rem 1.2rem;border-radius:.4rem;background:#0b4f8a;color:#fff;font-weight:600;text-decoration:none}"
    ".address{overflow-wrap:anywhere;font-family:monospace}svg{display:block;width:100%;max-width:16rem;height:auto;background:#fff}"
    "a:focus-visible{outline:3px solid #b35900;outline-offset:2px}"
    "@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}a{color:#9ccbff}.join{background:#9ccbff;color:#10243a}}";

struct Client {
    std::string_view name, url, english, german;
};
constexpr Client clients[] = {
    {"Conversations", "https://conversations.im/", "Android. Tap the button above on the phone, or scan the code.", "Android. Tippen Sie auf dem Telefon oben auf den Knopf, oder scannen Sie den Code."},
    {"Monal", "https://monal-im.org/", "iPhone, iPad and Mac. Tap the button above, or scan the code.", "iPhone, iPad und Mac. Tippen Sie oben auf den Knopf, oder scannen Sie den Code."},
    {"Siskin", "https://siskin.im/", "iPhone and iPad. Tap the button above.", "iPhone und iPad. Tippen Sie oben auf den Knopf."},
    {"Dino", "https://dino.im/", "Linux. Click the button above.", "Linux. Klicken Sie oben auf den Knopf."},
    {"Gajim", "https://gajim.org/", "Windows, Linux and Mac. Click the button above.", "Windows, Linux und Mac. Klicken Sie oben auf den Knopf."},
    {"Profanity", "https://profanity-im.github.io/", "Terminal. It makes no account by invitation: use another client for that once, then log in.",
     "Terminal. Es legt kein Konto mit einer Einladung an: Nehmen Sie dafür einmal ein anderes Programm, und melden Sie sich dann an."},
};

class Page {
public:
    Page(const core::Core& core, Language language) : policy_(core.env.policy), url_(core.env.config.http.url), domain_(core.domain.domain()), language_(language) {}

    std::string invitation(const admin::Invitations::Found& found) {
        const std::string title = found.inviter ? say("You are invited to chat on ", "Sie sind eingeladen zum Chat auf ") + domain_
                                                : say("You are invited to ", "Sie sind eingeladen zu ") + domain_;
        begin(title);
        if (found.inviter)
            paragraph(say("Whoever uses this invitation becomes a contact of ", "Wer diese Einladung benutzt, wird ein Kontakt von ") + "<strong>" +
                      xml::escape(found.inviter->to_string()) + "</strong>.");
        const std::string address = xml::escape(found.uri);
        paragraph("<a class=\"join\" href=\"" + address + "\">" + say("Open the invitation", "Einladung öffnen") + "</a>");
        paragraph(say("If nothing happens, install one of the programs below first, then come back here. With this link you choose a name and a password; nobody here learns who you are.",
                      "Wenn nichts geschieht, installieren Sie zuerst eines der Programme unten und kommen dann hierher zurück. Mit diesem Link wählen Sie einen Namen und ein Passwort; "
                      "niemand erfährt hier, wer Sie sind."));
        heading(say("What this server is", "Was dieser Server ist"));
        about();
        heading(say("Programs", "Programme"));
        out_ += "<ul>";
        for (const auto& client : clients)
            out_ += "<li><a href=\"" + std::string(client.url) + "\" rel=\"noreferrer\">" + std::string(client.name) + "</a>: " + say(client.english, client.german) + "</li>";
        out_ += "</ul>\n";
        heading(say("For another device", "Für ein anderes Gerät"));
        code(found.uri);
        paragraph(say("This is the same invitation, for the camera of a phone. As text:", "Das ist dieselbe Einladung, für die Kamera eines Telefons. Als Text:"));
        out_ += "<p class=\"address\">" + address + "</p>\n";
        return end();
    }

    std::string nothing() {
        begin(say("This invitation cannot be used", "Diese Einladung kann nicht benutzt werden"));
        paragraph(say("It was used up, its time is over, or it never was one. Ask whoever gave it to you for another.",
                      "Sie ist aufgebraucht, ihre Zeit ist um, oder es war nie eine. Bitten Sie den, von dem Sie sie haben, um eine andere."));
        heading(say("What this server is", "Was dieser Server ist"));
        about();
        return end();
    }

private:
    std::string say(std::string_view english, std::string_view german) const { return std::string(language_ == Language::de ? german : english); }
    void paragraph(const std::string& html) { out_ += "<p>" + html + "</p>\n"; }
    void heading(const std::string& text) { out_ += "<h2>" + text + "</h2>\n"; }

    void begin(const std::string& title) {
        out_ = "<!DOCTYPE html>\n<html lang=\"" + std::string(retention::code_of(language_)) +
               "\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"robots\" content=\"noindex\">\n<title>" +
               xml::escape(title) + "</title>\n<style>" + std::string(style) + "</style>\n</head>\n<body>\n<main>\n<h1>" + xml::escape(title) + "</h1>\n";
    }
    std::string end() { return std::move(out_) + "</main>\n</body>\n</html>\n"; }

    /// The policy in three sentences.
    void about() {
        const auto kept = [&](const retention::Keep& keep) { return xml::escape(retention::spoken(keep, language_)); };
        paragraph("<strong>" + xml::escape(policy_.service.name) + "</strong> " + say("is run by ", "wird betrieben von ") + xml::escape(policy_.service.operator_name) + ". " +
                  say("It is part of XMPP, for which there are many programs, and it is made to forget.", "Er gehört zu XMPP, wofür es viele Programme gibt, und er ist gemacht, um zu vergessen."));
        paragraph(say("Messages that your devices can fetch again: ", "Nachrichten, die Ihre Geräte nachladen können: ") + kept(policy_.archive) +
                  say("; messages that wait while you are away: ", "; Nachrichten, die warten, während Sie abwesend sind: ") + kept(policy_.letterbox) + ". " +
                  say("What is stored of them and of your contacts opens with your login alone. ", "Was davon und von Ihren Kontakten gespeichert ist, öffnet nur Ihre Anmeldung. ") +
                  say("Log of the server: ", "Protokoll des Servers: ") + kept(policy_.log.keep) + ".");
        paragraph("<a href=\"" + xml::escape(url_) + "/policy\">" + say("Everything that is kept, for how long, and who can read it", "Alles, was aufbewahrt wird, wie lange, und wer es lesen kann") + "</a>");
    }

    void code(const std::string& uri) {
        const auto made = admin::qr_code(uri);
        if (!made) return;
        const auto side = std::to_string(made->width + 2 * admin::QrCode::margin);
        out_ += "<svg viewBox=\"0 0 " + side + ' ' + side + "\" role=\"img\" aria-labelledby=\"code\" shape-rendering=\"crispEdges\"><title id=\"code\">" +
                say("QR code of this invitation", "QR-Code dieser Einladung") + "</title><rect width=\"" + side + "\" height=\"" + side +
                "\" fill=\"#fff\"/><path fill=\"#000\" d=\"" + admin::qr_path(*made) + "\"/></svg>\n";
    }

    const retention::Policy& policy_;
    const std::string& url_;
    const std::string domain_;
    const Language language_;
    std::string out_;
};

/// As the browser prefers; else the policy's first.
Language language_for(const core::Core& core, const Request& request) {
    auto order = retention::languages_of(core.env.policy);
    for (const auto language : {Language::en, Language::de})
        if (std::ranges::find(order, language) == order.end()) order.push_back(language);
    std::vector<std::string_view> codes;
    for (const auto language : order) codes.push_back(retention::code_of(language));
    return order[choose_language(request.field("accept-language"), codes)];
}

/// What a browser may do with it: this style, and nothing else.
const std::string& content_security_policy() {
    static const std::string text = [] {
        Bytes hash(crypto_hash_sha256_BYTES);
        const auto bytes = as_bytes(style);
        crypto_hash_sha256(hash.data(), bytes.data(), bytes.size());
        return "default-src 'none'; style-src 'sha256-" + xmpp::base64::encode(hash) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    }();
    return text;
}

asio::awaitable<Response> page(core::Core* core, Exchange exchange) {
    const auto& path = exchange.request.path;
    const auto language = language_for(*core, exchange.request);
    const auto found = core->env.invitations.find(std::string_view(path).substr(path.rfind('/') + 1));
    const bool whole = found && path == "/i/" + found->token.text();
    Page made(*core, language);
    Response answer{.status = whole ? 200 : 404, .body = whole ? made.invitation(*found) : made.nothing()};
    answer.fields = {{"Content-Type", "text/html; charset=utf-8"}, {"Content-Language", std::string(retention::code_of(language))}, {"Vary", "Accept-Language"},
                     {"X-Robots-Tag", "noindex"}, {"Content-Security-Policy", content_security_policy()}};
    co_return answer;
}

}  // namespace

Handler invitation_page(core::Core& core) {
    return [&core](Exchange exchange) { return page(&core, std::move(exchange)); };
}

}  // namespace lethe::http
