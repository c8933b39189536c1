// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/http/invitation_page.h"

#include <sodium.h>

#include "server/admin/password_rule.h"
#include "server/admin/qr_code.h"
#include "server/xml/element.h"
#include "server/xmpp/base64.h"

namespace lethe::http {
namespace {

using retention::Language;
using Why = stream::NotMade::Why;

constexpr std::string_view style =
    "body{font:1.05rem/1.5 system-ui,sans-serif;max-width:42rem;margin:0 auto;padding:1rem;color:#1a1a1a;background:#fff}"
    "h1{font-size:1.6rem;line-height:1.25;overflow-wrap:anywhere}h2{font-size:1.2rem;margin-top:2rem}a{color:#0b4f8a}"
    ".join,button{display:inline-block;padding:.8rem 1.2rem;border:0;border-radius:.4rem;background:#0b4f8a;color:#fff;font:inherit;font-weight:600;text-decoration:none}"
    "label{display:block;margin-top:.8rem;font-weight:600}.hint{margin:.2rem 0 0}button{margin-top:1.2rem}"
    "input{display:block;box-sizing:border-box;width:100%;max-width:24rem;padding:.6rem;border:1px solid #6b6b6b;border-radius:.3rem;color:inherit;background:transparent;font:inherit}"
    ".wrong{padding:.6rem .8rem;border-left:.4rem solid #a3201a;background:#fbe9e7}"
    ".address{overflow-wrap:anywhere;font-family:monospace}svg{display:block;width:100%;max-width:16rem;height:auto;background:#fff}"
    "a:focus-visible,button:focus-visible,input:focus-visible{outline:3px solid #b35900;outline-offset:2px}"
    "@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}a{color:#9ccbff}.join,button{background:#9ccbff;color:#10243a}input{border-color:#9a9a9a}"
    ".wrong{background:#4a1512;border-color:#ff8a80}}";

const std::string shortest = std::to_string(admin::shortest_password);

struct Client {
    std::string_view name, url, english, german;  ///< how it opens the link
};
constexpr Client programs[] = {
    {"Conversations", "https://conversations.im/", "Android. Tap the button above on the phone, or scan the code.", "Android. Tippen Sie auf dem Telefon oben auf den Knopf, oder scannen Sie den Code."},
    {"Monal", "https://monal-im.org/", "iPhone, iPad and Mac. Tap the button above, or scan the code.", "iPhone, iPad und Mac. Tippen Sie oben auf den Knopf, oder scannen Sie den Code."},
    {"Siskin", "https://siskin.im/", "iPhone and iPad. Tap the button above.", "iPhone und iPad. Tippen Sie oben auf den Knopf."},
    {"Dino", "https://dino.im/", "Linux. Click the button above.", "Linux. Klicken Sie oben auf den Knopf."},
    {"Gajim", "https://gajim.org/", "Windows, Linux and Mac. Click the button above.", "Windows, Linux und Mac. Klicken Sie oben auf den Knopf."},
    {"Profanity", "https://profanity-im.github.io/", "Terminal. Make the account with the form above, then log in.", "Terminal. Legen Sie das Konto mit dem Formular oben an, und melden Sie sich dann an."},
};

}  // namespace

InvitationPage::InvitationPage(const core::Core& core, Language language)
    : policy_(core.env.policy), url_(core.env.config.http.url), web_client_(core.env.config.http.web_client), domain_(core.domain.domain()), language_(language) {}

std::string InvitationPage::invitation(const admin::Invitations::Found& found, const std::optional<stream::NotMade>& refused, std::string_view name) {
    const std::string title = found.inviter ? say("You are invited to chat on ", "Sie sind eingeladen zum Chat auf ") + domain_ : say("You are invited to ", "Sie sind eingeladen zu ") + domain_;
    begin(title);
    if (found.inviter)
        paragraph(say("Whoever uses this invitation becomes a contact of ", "Wer diese Einladung benutzt, wird ein Kontakt von ") + "<strong>" + xml::escape(found.inviter->to_string()) +
                  "</strong>.");
    const std::string address = xml::escape(found.uri);
    heading(say("With a chat app", "Mit einer Chat-App"));
    paragraph("<a class=\"join\" href=\"" + address + "\">" + say("Open the invitation", "Einladung öffnen") + "</a>");
    paragraph(say("If nothing happens, install one of the apps below first, then come back here. With this link you choose a name and a password; nobody here learns who you are.",
                  "Wenn nichts geschieht, installieren Sie zuerst eine der Apps unten und kommen dann hierher zurück. Mit diesem Link wählen Sie einen Namen und ein Passwort; "
                  "niemand erfährt hier, wer Sie sind."));
    heading(say("Or here, without an app", "Oder hier, ohne App"));
    form(refused, name);
    heading(say("What this server is", "Was dieser Server ist"));
    about();
    heading("Apps");
    clients(true);
    heading(say("For another device", "Für ein anderes Gerät"));
    code(found.uri);
    paragraph(say("This is the same invitation, for the camera of a phone. As text:", "Das ist dieselbe Einladung, für die Kamera eines Telefons. Als Text:"));
    out_ += "<p class=\"address\">" + address + "</p>\n";
    return end();
}

std::string InvitationPage::made(const xmpp::BareJid& account, const std::optional<xmpp::BareJid>& inviter) {
    begin(say("Your account is ready", "Ihr Konto ist bereit"));
    paragraph(say("Your address is ", "Ihre Adresse ist ") + "<strong class=\"address\">" + xml::escape(account.to_string()) + "</strong>.");
    if (inviter)
        paragraph("<strong class=\"address\">" + xml::escape(inviter->to_string()) + "</strong> " + say("is in your contact list already.", "steht schon in Ihrer Kontaktliste."));
    paragraph(say("Keep the password well: nobody can give you back what it opens.", "Bewahren Sie das Passwort gut auf: Niemand kann Ihnen zurückgeben, was es öffnet."));
    if (!web_client_.empty())
        paragraph("<a class=\"join\" href=\"" + xml::escape(web_client_) + "\">" + say("Log in with this browser", "Mit diesem Browser anmelden") + "</a>");
    heading("Apps");
    paragraph(say("In each of them: add an account that you have already, with this address and your password.",
                  "In jeder davon: ein schon bestehendes Konto hinzufügen, mit dieser Adresse und Ihrem Passwort."));
    clients(false);
    return end();
}

std::string InvitationPage::nothing() {
    begin(say("This invitation cannot be used", "Diese Einladung kann nicht benutzt werden"));
    paragraph(say("It was used up, its time is over, or it never was one. Ask whoever gave it to you for another. If you have just made an account with it, that account is ready: log in.",
                  "Sie ist aufgebraucht, ihre Zeit ist um, oder es war nie eine. Bitten Sie den, von dem Sie sie haben, um eine andere. Wenn Sie eben damit ein Konto angelegt haben, "
                  "ist es bereit: Melden Sie sich an."));
    heading(say("What this server is", "Was dieser Server ist"));
    about();
    return end();
}

void InvitationPage::begin(const std::string& title) {
    out_ = "<!DOCTYPE html>\n<html lang=\"" + std::string(retention::code_of(language_)) +
           "\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"robots\" content=\"noindex\">\n<title>" +
           xml::escape(title) + "</title>\n<style>" + std::string(style) + "</style>\n</head>\n<body>\n<main>\n<h1>" + xml::escape(title) + "</h1>\n";
}

void InvitationPage::form(const std::optional<stream::NotMade>& refused, std::string_view name) {
    if (refused) out_ += "<p class=\"wrong\" role=\"alert\" id=\"wrong\">" + reason(*refused) + "</p>\n";
    const auto field = [&](std::string_view id, const std::string& label, std::string_view more) {
        out_ += "<label for=\"" + std::string(id) + "\">" + label + "</label>\n<input id=\"" + std::string(id) + "\" name=\"" + std::string(id) + "\" required " + std::string(more) + ">\n";
    };
    out_ += "<form method=\"post\" action=\"#wrong\" accept-charset=\"utf-8\">\n";
    field("username", say("Name", "Name"),
          "aria-describedby=\"whole\" autocomplete=\"username\" autocapitalize=\"none\" spellcheck=\"false\" maxlength=\"1023\" value=\"" + xml::escape(std::string(name)) + "\"");
    out_ += "<p class=\"hint\" id=\"whole\">" + say("Your address becomes: the name, then ", "Ihre Adresse wird: der Name, dahinter ") + "<strong>@" + xml::escape(domain_) + "</strong></p>\n";
    field("password", say("Password", "Passwort"), "type=\"password\" aria-describedby=\"lost\" autocomplete=\"new-password\" maxlength=\"1023\" minlength=\"" + shortest + "\"");
    out_ += "<p class=\"hint\" id=\"lost\">" + say("At least " + shortest + " characters; some words in a row are good. Nobody can give you back what a forgotten password opened.",
                                                   "Mindestens " + shortest + " Zeichen; einige Wörter hintereinander sind gut. Niemand kann Ihnen zurückgeben, was ein vergessenes Passwort öffnete.") + "</p>\n";
    field("again", say("Password again", "Passwort noch einmal"), "type=\"password\" autocomplete=\"new-password\" maxlength=\"1023\"");
    out_ += "<button>" + say("Make the account", "Konto anlegen") + "</button>\n</form>\n";
}

std::string InvitationPage::reason(const stream::NotMade& refused) const {
    switch (refused.why) {
        case Why::incomplete: return say("A name and a password are needed, and the password twice alike.", "Es braucht einen Namen und ein Passwort, und das Passwort zweimal gleich.");
        case Why::bad_name: return say("This cannot be the name of an account; choose another one.", "So kann ein Konto nicht heißen; wählen Sie einen anderen Namen.");
        case Why::short_password: return say("This password is too short: it needs at least " + shortest + " characters.", "Dieses Passwort ist zu kurz: Es braucht mindestens " + shortest + " Zeichen.");
        case Why::bad_password: return say("This cannot be a password; choose another one.", "Das kann kein Passwort sein; wählen Sie ein anderes.");
        case Why::too_many: return say("Too many accounts were wanted from your network, or from everywhere, lately. Try again in an hour.",
                                       "Aus Ihrem Netz, oder von überall, wurden in letzter Zeit zu viele Konten gewünscht. Versuchen Sie es in einer Stunde wieder.");
        case Why::taken: return say("This name is taken; choose another one. If you have just made this account yourself, it is ready: log in.",
                                    "Dieser Name ist vergeben; wählen Sie einen anderen. Wenn Sie selbst dieses Konto eben angelegt haben, ist es bereit: Melden Sie sich an.");
        case Why::busy: return say("Too many accounts are being made just now. Try again in a minute.", "Gerade werden zu viele Konten angelegt. Versuchen Sie es in einer Minute wieder.");
        case Why::full: return say("This server takes no more accounts.", "Dieser Server nimmt keine weiteren Konten auf.");
        case Why::used_up:
        case Why::failed:
        case Why::not_wanted: break;
    }
    return say("The account could not be stored. Try again later.", "Das Konto konnte nicht gespeichert werden. Versuchen Sie es später wieder.");
}

void InvitationPage::clients(bool with_link) {
    out_ += "<ul>";
    if (with_link && !web_client_.empty())
        out_ += "<li><a href=\"" + xml::escape(web_client_) + "\">" + say("This browser", "Dieser Browser") + "</a>: " +
                say("nothing to install. Make the account with the form above, then log in.", "nichts zu installieren. Legen Sie das Konto mit dem Formular oben an, und melden Sie sich dann an.") + "</li>";
    for (const auto& program : programs)
        out_ += "<li><a href=\"" + std::string(program.url) + "\" rel=\"noreferrer\">" + std::string(program.name) + "</a>" +
                (with_link ? ": " + say(program.english, program.german) : "") + "</li>";
    out_ += "</ul>\n";
}

/// The policy in three sentences.
void InvitationPage::about() {
    const auto kept = [&](const retention::Keep& keep) { return xml::escape(retention::spoken(keep, language_)); };
    paragraph("<strong>" + xml::escape(policy_.service.name) + "</strong> " + say("is run by ", "wird betrieben von ") + xml::escape(policy_.service.operator_name) + ". " +
              say("It speaks XMPP, which many apps know, and is made to forget.", "Er spricht XMPP, das viele Apps können, und ist gemacht, um zu vergessen."));
    paragraph(say("Messages that your devices can fetch again: ", "Nachrichten, die Ihre Geräte nachladen können: ") + kept(policy_.archive) +
              say("; messages that wait while you are away: ", "; Nachrichten, die warten, während Sie abwesend sind: ") + kept(policy_.letterbox) + ". " +
              say("What is stored of them and of your contacts opens with your login alone. ", "Was davon und von Ihren Kontakten gespeichert ist, öffnet nur Ihre Anmeldung. ") +
              say("Log of the server: ", "Protokoll des Servers: ") + kept(policy_.log.keep) + ".");
    paragraph("<a href=\"" + xml::escape(url_) + "/policy\">" + say("Everything that is kept, for how long, and who can read it", "Alles, was aufbewahrt wird, wie lange, und wer es lesen kann") + "</a>");
}

void InvitationPage::code(const std::string& uri) {
    const auto made = admin::qr_code(uri);
    if (!made) return;
    const auto side = std::to_string(made->width + 2 * admin::QrCode::margin);
    out_ += "<svg viewBox=\"0 0 " + side + ' ' + side + "\" role=\"img\" aria-labelledby=\"code\" shape-rendering=\"crispEdges\"><title id=\"code\">" +
            say("QR code of this invitation", "QR-Code dieser Einladung") + "</title><rect width=\"" + side + "\" height=\"" + side + "\" fill=\"#fff\"/><path fill=\"#000\" d=\"" +
            admin::qr_path(*made) + "\"/></svg>\n";
}

/// What a browser may do with it: this style, and sending the form here.
const std::string& InvitationPage::content_security_policy() {
    static const std::string text = [] {
        Bytes hash(crypto_hash_sha256_BYTES);
        const auto bytes = as_bytes(style);
        crypto_hash_sha256(hash.data(), bytes.data(), bytes.size());
        return "default-src 'none'; style-src 'sha256-" + xmpp::base64::encode(hash) + "'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
    }();
    return text;
}

}  // namespace lethe::http
