// SPDX-License-Identifier: AGPL-3.0-or-later
// What the page says, in each language. How it is written down: render_page.h.
#include "retention/render.h"

#include <algorithm>
#include <iterator>
#include <ranges>
#include <utility>

#include "retention/catalogue.h"
#include "retention/render_page.h"

namespace lethe::retention {

namespace {

using namespace page;

class Author {
public:
    Author(const Page& what, Language language) : what_(what), policy_(what.policy), language_(language) {}

    Part write(const Served* served = nullptr) {
        introduction();
        in_short();
        readers();
        rough_counts();
        log_lines();
        changes_to_come();
        if (served) changes_so_far(*served);
        if (served) the_ledger(*served);
        catalogue_table();
        add(Heading{2, say("The policy itself", "Die Richtlinie selbst")});
        add(Paragraph{say("This file is what the server obeys, byte for byte.", "Dieser Datei gehorcht der Server, Byte für Byte.")});
        add(Verbatim{policy_.text});
        return std::move(part_);
    }

private:
    std::string say(std::string_view english, std::string_view german_text) const { return std::string(language_ == Language::de ? german_text : english); }
    /// A sentence of the catalogue.
    std::string say(std::string_view english) const {
        const auto other = language_ == Language::de ? german(english) : std::string_view();
        return std::string(other.empty() ? english : other);
    }
    std::string said(const Keep& keep) const { return spoken(keep, language_); }
    void add(Block block) { part_.blocks.push_back(std::move(block)); }

    void introduction() {
        const auto& service = policy_.service;
        add(Heading{1, service.name + ": " + say("what is stored, for how long, and who can read it", "was gespeichert wird, wie lange, und wer es lesen kann")});
        Facts facts;
        facts.rows.emplace_back(say("Operator", "Betreiber"), service.operator_name);
        for (const auto& contact : service.contact) facts.rows.emplace_back(say("Contact", "Kontakt"), contact);
        if (!service.jurisdiction.empty()) facts.rows.emplace_back(say("Jurisdiction", "Gerichtsbarkeit"), service.jurisdiction);
        if (!service.terms_url.empty()) facts.rows.emplace_back(say("Terms", "Bedingungen"), service.terms_url);
        add(std::move(facts));
        add(Paragraph{say("What is not named here is not stored. At the end of its time data is destroyed by overwriting its key: the operator cannot bring it back.",
                          "Was hier nicht genannt ist, wird nicht gespeichert. Am Ende ihrer Zeit werden Daten zerstört, indem ihr Schlüssel überschrieben wird: auch der "
                          "Betreiber kann sie nicht zurückholen.")});
    }

    std::string archive_kept() const {
        std::string out = said(policy_.archive);
        if (policy_.archive_choices.empty()) return out;
        out += say("; you can choose: ", "; Sie können wählen: ");
        bool first = true;
        for (const Keep& choice : policy_.archive_choices) out += (std::exchange(first, false) ? "" : ", ") + said(choice);
        return out;
    }

    std::string bytes(std::uint64_t count) const {
        if (count > 0 && count % (1u << 20) == 0) return std::to_string(count >> 20) + " MiB";
        return std::to_string(count) + say(" bytes", " Bytes");
    }

    std::string letterbox_kept() const {
        std::string out = said(policy_.letterbox);
        if (policy_.letterbox.stored())
            out += say("; at most ", "; höchstens ") + std::to_string(policy_.letterbox_max_messages) + say(" messages or ", " Nachrichten oder ") + bytes(policy_.letterbox_max_bytes);
        return out;
    }

    void in_short() {
        add(Heading{2, say("In short", "In Kürze")});
        const std::string owner = say("only the owner's login"), anyone = say("anyone with the disk");
        const std::string archive = say("messages that your devices can fetch again", "Nachrichten, die Ihre Geräte nachladen können");
        const std::string letterbox = say("messages that wait while you are away", "Nachrichten, die warten, während Sie abwesend sind");
        const std::string requests = say("contact requests that wait while you are away", "Kontaktanfragen, die warten, während Sie abwesend sind");
        const std::string files = say("files that are sent", "Dateien, die verschickt werden");
        const std::string log = say("log of the server", "Protokoll des Servers");
        Picture picture{.title = say("How long what is kept", "Was wie lange aufbewahrt wird"),
                        .caption = say("From mark to mark time grows by leaps, as the names of the marks say. A filled bar: the disk alone opens it to nobody. A hollow one: "
                                       "whoever has the disk can read it. An arrow has no end, and a dashed frame is not stored.",
                                       "Von Marke zu Marke wächst die Zeit in Sprüngen, wie die Namen der Marken sagen. Ein gefüllter Balken: die Platte allein öffnet es niemandem. "
                                       "Ein hohler: wer die Platte hat, kann es lesen. Ein Pfeil hat kein Ende, und ein gestrichelter Rahmen ist nicht gespeichert."),
                        .bars = {}};
        if (policy_.uploads.stored())
            picture.caption += say(" A file is read by whoever has its address, and by nobody else.", " Eine Datei liest, wer ihre Adresse hat, und sonst niemand.");
        const auto bar = [&](std::string name, const Keep& keep, bool open = false) {
            picture.bars.push_back({.name = std::move(name), .kept = said(keep), .reader = open ? anyone : owner, .keep = keep, .open = open});
        };
        bar(archive, policy_.archive);
        for (const Keep& choice : policy_.archive_choices)
            if (choice.stored() && choice != policy_.archive) bar(archive + say(", if you choose so", ", wenn Sie es so wählen"), choice);
        bar(letterbox, policy_.letterbox);
        bar(requests, policy_.subscriptions);
        if (policy_.uploads.stored()) picture.bars.push_back({.name = files, .kept = said(policy_.uploads), .reader = say("only who has the file's address"), .keep = policy_.uploads});
        bar(log, policy_.log.keep, true);
        for (const auto& [keep, events] : log_events_apart()) bar(log + ": " + events, keep, true);
        add(std::move(picture));
        const auto by = [](const Keep& keep, const std::string& reader) { return keep.stored() ? reader : std::string("–"); };
        Table table{say("How long what is kept, and who can read it", "Was wie lange aufbewahrt wird, und wer es lesen kann"),
                    {say("what", "was"), say("kept", "aufbewahrt"), say("can be read by", "lesbar für")},
                    {{archive, archive_kept(), by(policy_.archive, owner)},
                     {letterbox, letterbox_kept(), by(policy_.letterbox, owner)},
                     {requests, said(policy_.subscriptions), by(policy_.subscriptions, owner)},
                     {say("contact list, blocklist, bookmarks, settings", "Kontaktliste, Sperrliste, Lesezeichen, Einstellungen"), say("until changed or erased"), owner},
                     {say("avatar, vCard and OMEMO keys, which anybody may ask for", "Avatar, vCard und OMEMO-Schlüssel, nach denen jeder fragen darf"),
                      say("until changed or erased"), say("anyone with the disk and the node key")},
                     {say("the account itself", "das Konto selbst"), say("until changed or erased"), say("anyone with the disk and the node key")},
                     {log, said(policy_.log.keep) + say(" (events of their own below)", " (eigene Ereignisse unten)"), anyone}}};
        if (policy_.uploads.stored())
            table.rows.insert(table.rows.begin() + 3,
                              {files, said(policy_.uploads) + say("; at most ", "; höchstens ") + bytes(policy_.uploads_max_size) + say(" each, ", " je Datei, ") +
                                          bytes(policy_.uploads_quota_per_day) + say(" a day", " am Tag"),
                               say("only who has the file's address")});
        add(std::move(table));
    }

    /// Events of the log with a time of their own, those of one time together.
    std::vector<std::pair<Keep, std::string>> log_events_apart() const {
        std::vector<std::pair<Keep, std::string>> out;
        for (const auto& [event, rules] : policy_.log_events) {
            if (rules.keep == policy_.log.keep) continue;
            const auto same = std::ranges::find(out, rules.keep, &std::pair<Keep, std::string>::first);
            if (same == out.end())
                out.emplace_back(rules.keep, event);
            else
                same->second += ", " + event;
        }
        return out;
    }

    void readers() {
        add(Heading{2, say("Who can read what", "Wer was lesen kann")});
        Facts facts;
        for (const Reader reader : {Reader::owner_login, Reader::url, Reader::node_key, Reader::disk}) {
            std::string names;
            for (const auto& row : catalogue(policy_))
                if (row.reader == reader) names += (names.empty() ? "" : "; ") + say(row.name);
            if (!names.empty()) facts.rows.emplace_back(say(to_string(reader)), names);
        }
        add(std::move(facts));
        add(Paragraph{say("The names are those of the table of everything that is stored, below. Whoever controls the running server can also read what passes through it without "
                          "end-to-end encryption.",
                          "Die Namen sind die der Tabelle von allem, was gespeichert wird, weiter unten. Wer den laufenden Server beherrscht, kann außerdem lesen, was ohne "
                          "Ende-zu-Ende-Verschlüsselung hindurchgeht.")});
    }

    void rough_counts() {
        if (!policy_.metrics_public) return;
        add(Paragraph{say("Anybody may see at /metrics how many accounts, sessions and buckets there are, rounded down to 0, 10, 20, 50, 100 and so on and counted at most once an "
                          "hour, so that nobody's coming and going shows.",
                          "Jeder darf unter /metrics sehen, wie viele Konten, Sitzungen und Eimer es gibt, abgerundet auf 0, 10, 20, 50, 100 und so weiter und höchstens einmal in der "
                          "Stunde gezählt, sodass niemandes Kommen und Gehen zu sehen ist.")});
    }

    void log_lines() {
        add(Heading{2, say("What the log says", "Was das Protokoll sagt")});
        const auto word = [this](Treatment t) { return spoken_value('"' + std::string(to_string(t)) + '"', language_); };
        Table table{say("Events of the log", "Ereignisse des Protokolls"),
                    {say("event", "Ereignis"), say("means", "bedeutet"), say("kept", "aufbewahrt"), say("address", "Adresse"), say("account", "Konto"), say("contact", "Kontakt")},
                    {}};
        for (const EventSpec& event : event_table()) {
            const LogRules& rules = rules_for(policy_, event);
            if (!rules.keep.stored()) continue;
            const auto field = [&](FieldKind kind, Treatment t) { return event.carries(kind) ? word(t) : "–"; };
            table.rows.push_back({std::string(event.name), say(event.meaning), said(rules.keep), field(FieldKind::address, rules.address),
                                  field(FieldKind::account, rules.account), field(FieldKind::peer, rules.peer)});
        }
        if (table.rows.empty()) return add(Paragraph{say("Nothing: there is no log.", "Nichts: es gibt kein Protokoll.")});
        add(Paragraph{say("A line can hold nothing but the time, the event and these fields. A network is an address cut to its /24 or /48; a pseudonym changes with every log "
                          "file and nobody can turn it back. Addresses of listening ports are the server's own.",
                          "Eine Zeile kann nichts enthalten als die Zeit, das Ereignis und diese Felder. Ein Netz ist eine auf /24 oder /48 gekürzte Adresse; ein Pseudonym "
                          "wechselt mit jeder Protokolldatei, und niemand kann es zurückrechnen. Adressen offener Ports sind die des Servers selbst.")});
        add(std::move(table));
    }

    void changes_to_come() {
        add(Heading{2, say("When this changes", "Wenn sich das ändert")});
        add(Paragraph{policy_.change_notice.stored()
                          ? say("A stricter policy is obeyed at once, also for what is stored already. A looser one is announced, to every user at the next login, and obeyed only after ",
                                "Eine strengere Richtlinie gilt sofort, auch für bereits Gespeichertes. Eine lockerere wird angekündigt, jedem Benutzer bei der nächsten Anmeldung, und gilt erst nach dieser Frist: ") +
                                said(policy_.change_notice) + say(". Data keeps the deadline it got when it arrived.", ". Daten behalten die Frist, die sie bei ihrer Ankunft bekamen.")
                          : say("A stricter policy is obeyed at once, also for what is stored already; a looser one at once too, for what arrives from then on. Users are told at their next login.",
                                "Eine strengere Richtlinie gilt sofort, auch für bereits Gespeichertes; eine lockerere ebenfalls sofort, für das, was von da an ankommt. Benutzer erfahren es bei der nächsten Anmeldung.")});
        if (!what_.announced) return;
        add(Paragraph{say("Announced, and in force from ", "Angekündigt und in Kraft ab ") + spoken(what_.announced->effective_at, language_) + ":"});
        Table table{say("Announced changes", "Angekündigte Änderungen"), {say("what", "was"), say("now", "jetzt"), say("then", "dann")}, {}};
        for (const auto& change : changes(policy_, what_.announced->policy)) table.rows.push_back(cells(change));
        add(std::move(table));
    }

    std::vector<std::string> cells(const KeyChange& change) const {
        return {spoken_key(change.key, language_), spoken_value(change.from, language_), spoken_value(change.to, language_)};
    }

    void changes_so_far(const Served& served) {
        add(Heading{2, say("How this changed so far", "Wie sich das bisher geändert hat")});
        Table past{say("What was announced, the newest first", "Was angekündigt war, das Neueste zuerst"),
                   {say("in force since", "in Kraft seit"), say("what", "was"), say("before", "vorher"), say("then", "dann")}, {}};
        for (const auto& one : served.passed | std::views::reverse)
            for (const auto& change : one.changes) {
                past.rows.push_back({one.withdrawn ? say("withdrawn", "zurückgenommen") : spoken(one.effective_at, language_)});
                std::ranges::move(cells(change), std::back_inserter(past.rows.back()));
            }
        if (!past.rows.empty()) add(std::move(past));
        Table dates{say("What the ledger says of the policy, the newest first", "Was das Hauptbuch von der Richtlinie sagt, das Neueste zuerst"),
                    {say("when", "wann"), say("what", "was"), say("hash of the file", "Prüfsumme der Datei")}, {}};
        std::optional<Digest> before;
        for (const PolicyDate& date : served.dates) {
            // Each start says again what is in force.
            if (!date.effective && std::exchange(before, date.policy) == date.policy) continue;
            const std::string what = date.effective ? say("announced, to be in force from ", "angekündigt, in Kraft ab ") + spoken(*date.effective, language_)
                                                    : say("in force from then on", "von da an in Kraft");
            dates.rows.insert(dates.rows.begin(), {spoken(date.time, language_), what, to_hex(date.policy)});
        }
        if (!dates.rows.empty()) add(std::move(dates));
        add(Paragraph{say("The hash of the file in force now: ", "Die Prüfsumme der Datei, die jetzt in Kraft ist: ") + to_hex(digest_of(policy_.text)) + say(" (BLAKE2b, 32 bytes).", " (BLAKE2b, 32 Bytes).")});
    }

    void the_ledger(const Served& served) {
        const std::string url(served.url);
        add(Heading{2, say("What was done, signed", "Was geschah, unterschrieben")});
        add(Paragraph{say("Every change of this policy, every alarm, and that data was destroyed at its time, is a line of the ledger, signed with the server's key. Lines cannot be "
                          "changed, left out or put in later without that being found by whoever has an older copy or knows the key. It proves that this key signed these lines in "
                          "this order; it says nothing about copies of data elsewhere. To check it:",
                          "Jede Änderung dieser Richtlinie, jede Störung, und dass Daten zu ihrer Zeit zerstört wurden, ist eine Zeile des Hauptbuchs, unterschrieben mit dem "
                          "Schlüssel des Servers. Zeilen können nicht geändert, weggelassen oder nachgetragen werden, ohne dass es auffällt, wenn jemand eine ältere Kopie hat oder den "
                          "Schlüssel kennt. Es beweist, dass dieser Schlüssel diese Zeilen in dieser Folge unterschrieben hat; über Kopien von Daten anderswo sagt es nichts. So wird es "
                          "geprüft:")});
        add(Verbatim{"curl -o ledger.jsonl " + url + "/policy/ledger\nlethectl ledger verify ledger.jsonl --key " + std::string(served.ledger_key) + "\n"});
        add(Paragraph{say("Whoever looks again and again, and keeps what was seen, finds out if anything of it was changed. This looks once an hour:",
                          "Wer immer wieder nachsieht und behält, was zu sehen war, erfährt, wenn etwas davon geändert wurde. Dies sieht jede Stunde nach:")});
        add(Verbatim{"lethectl ledger watch " + url + " --key " + std::string(served.ledger_key) + " --every 1h\n"});
    }

    /// "7d, not stored", or words.
    std::string spans(std::string_view text) const {
        std::string out;
        while (!text.empty()) {
            const std::size_t end = std::min(text.find(", "), text.size());
            const std::string_view piece = text.substr(0, end);
            const auto keep = piece == "not stored" ? Keep{} : parse_keep(piece);
            out += (out.empty() ? "" : ", ") + (keep ? said(*keep) : say(piece));
            text.remove_prefix(std::min(end + 2, text.size()));
        }
        return out;
    }

    /// "7d", "archive: 7d; letterbox: not stored", or a sentence.
    std::string lifetime(std::string_view text) const {
        if (const auto known = german(text); language_ == Language::de && !known.empty()) return std::string(known);
        std::string out;
        while (!text.empty()) {
            const std::size_t end = std::min(text.find("; "), text.size());
            std::string_view piece = text.substr(0, end);
            if (!out.empty()) out += "; ";
            if (const std::size_t colon = piece.find(": "); colon != std::string_view::npos) {
                out += say(piece.substr(0, colon)) + ": ";
                piece.remove_prefix(colon + 2);
            }
            constexpr std::string_view chosen = " or as its owner chose: ";
            if (const std::size_t choice = piece.find(chosen); choice != std::string_view::npos) {
                out += spans(piece.substr(0, choice)) + say(chosen, " oder wie vom Besitzer gewählt: ");
                piece.remove_prefix(choice + chosen.size());
            }
            out += spans(piece);
            text.remove_prefix(std::min(end + 2, text.size()));
        }
        return out;
    }

    void catalogue_table() {
        add(Heading{2, say("Everything that is stored", "Alles, was gespeichert wird")});
        add(Paragraph{say("DATA is the server's data directory, CONFIG its configuration. Who holds the disk and the node key still cannot read what only a login opens.",
                          "DATA ist das Datenverzeichnis des Servers, CONFIG seine Konfiguration. Wer die Platte und den Knotenschlüssel hat, kann noch immer nicht lesen, was nur eine Anmeldung öffnet.")});
        Table table{say("The catalogue", "Das Verzeichnis"),
                    {say("what", "was"), say("holds", "enthält"), say("where", "wo"), say("can be read by", "lesbar für"), say("kept", "aufbewahrt"), say("erased by", "gelöscht durch")},
                    {}};
        for (const auto& row : catalogue(policy_))
            table.rows.push_back({say(row.name), say(row.fields), std::string(row.where), say(to_string(row.reader)), lifetime(row.lifetime), say(row.erased_by)});
        add(std::move(table));
    }

    const Page& what_;
    const Policy& policy_;
    Language language_;
    Part part_{.language = language_, .blocks = {}};
};

}  // namespace

std::string render(const Page& page, PageFormat format) {
    std::vector<Part> parts;
    for (const Language language : languages_of(page.policy)) parts.push_back(Author(page, language).write());
    switch (format) {
        case PageFormat::text: return write_text(parts);
        case PageFormat::markdown: return write_markdown(parts);
        case PageFormat::html: break;
    }
    return write_html(parts, page.policy.service.name);
}

std::string render_html(const Served& served) {
    const bool de = served.language == Language::de;
    std::vector<Link> links;
    for (const Language language : languages_of(served.page.policy))
        if (language != served.language) links.push_back({"/policy/" + std::string(code_of(language)), name_of(language), language});
    links.push_back({"/policy.toml", de ? "Datei" : "File", std::nullopt});
    links.push_back({"/policy/ledger", de ? "Hauptbuch" : "Ledger", std::nullopt});
    return write_html({Author(served.page, served.language).write(&served)}, served.page.policy.service.name, links);
}

}  // namespace lethe::retention
