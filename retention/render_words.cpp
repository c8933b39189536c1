// SPDX-License-Identifier: AGPL-3.0-or-later
// Spans, times and keys in words.
#include <array>
#include <cctype>
#include <ctime>
#include <utility>

#include "retention/render.h"

namespace lethe::retention {

namespace {

struct UnitWords {
    std::string_view unit;
    std::array<std::string_view, 2> one, many;  // en, de
};
constexpr std::array units{UnitWords{"s", {"second", "Sekunde"}, {"seconds", "Sekunden"}}, UnitWords{"min", {"minute", "Minute"}, {"minutes", "Minuten"}},
                           UnitWords{"h", {"hour", "Stunde"}, {"hours", "Stunden"}}, UnitWords{"d", {"day", "Tag"}, {"days", "Tage"}}};

std::size_t index(Language language) { return static_cast<std::size_t>(language); }

struct KeyWords {
    std::string_view key;
    std::array<std::string_view, 2> words;
};
constexpr std::array key_words{
    KeyWords{"service.name", {"name of the service", "Name des Dienstes"}},
    KeyWords{"service.operator", {"operator", "Betreiber"}},
    KeyWords{"service.contact", {"contact", "Kontakt"}},
    KeyWords{"service.jurisdiction", {"jurisdiction", "Gerichtsbarkeit"}},
    KeyWords{"service.languages", {"languages", "Sprachen"}},
    KeyWords{"service.terms_url", {"terms", "Bedingungen"}},
    KeyWords{"archive.keep", {"how long messages can be fetched again", "wie lange Nachrichten nachgeladen werden können"}},
    KeyWords{"archive.choices", {"times that you can choose for your archive", "Zeiten, die Sie für Ihr Archiv wählen können"}},
    KeyWords{"letterbox.keep", {"how long messages wait for you while you are away", "wie lange Nachrichten auf Sie warten, wenn Sie abwesend sind"}},
    KeyWords{"letterbox.max_messages", {"how many messages wait for you", "wie viele Nachrichten auf Sie warten"}},
    KeyWords{"letterbox.max_bytes", {"how many bytes of messages wait for you", "wie viele Bytes an Nachrichten auf Sie warten"}},
    KeyWords{"subscriptions.keep", {"how long contact requests wait for you", "wie lange Kontaktanfragen auf Sie warten"}},
    KeyWords{"uploads.keep", {"how long files that you send are kept", "wie lange Dateien aufbewahrt werden, die Sie verschicken"}},
    KeyWords{"uploads.max_size", {"how many bytes a file may have", "wie viele Bytes eine Datei haben darf"}},
    KeyWords{"uploads.quota_per_day", {"how many bytes of files you can send in a day", "wie viele Bytes an Dateien Sie an einem Tag verschicken können"}},
    KeyWords{"accounts.registration", {"who can make an account", "wer ein Konto anlegen kann"}},
    KeyWords{"accounts.max_accounts", {"how many accounts there can be", "wie viele Konten es geben kann"}},
    KeyWords{"metrics.public", {"whether anybody may see rough counts of all accounts together", "ob jeder grobe Zahlen über alle Konten zusammen sehen darf"}},
    KeyWords{"invitations.keep", {"how long an invitation can be used at most", "wie lange eine Einladung höchstens benutzt werden kann"}},
    KeyWords{"change.notice", {"notice before a looser policy is obeyed", "Frist, bevor eine lockerere Richtlinie gilt"}},
};
struct FieldWords {
    std::string_view field;
    std::array<std::string_view, 2> words;
};
constexpr std::array log_words{FieldWords{"keep", {"how long it is kept", "wie lange es aufbewahrt wird"}},
                               FieldWords{"address", {"what it says of network addresses", "was es über Netzadressen sagt"}},
                               FieldWords{"account", {"what it says of accounts", "was es über Konten sagt"}},
                               FieldWords{"peer", {"what it says of contacts", "was es über Kontakte sagt"}}};

/// One item of a value, its quotes gone.
std::string spoken_item(std::string_view item, Language language) {
    const bool text = item.size() >= 2 && item.front() == '"' && item.back() == '"';
    if (item == "true") return language == Language::de ? "ja" : "yes";
    if (!text) return std::string(item);
    item = item.substr(1, item.size() - 2);
    if (const auto keep = parse_keep(item)) return spoken(*keep, language);
    if (language == Language::de) {
        for (const auto& [en, de] : {std::pair<std::string_view, std::string_view>{"none", "nichts"}, {"network", "das Netz"}, {"pseudonym", "ein Pseudonym"},
                                     {"full", "alles"}, {"closed", "nur der Betreiber"}})
            if (item == en) return std::string(de);
    } else {
        for (const auto& [word, said] : {std::pair<std::string_view, std::string_view>{"none", "nothing"}, {"network", "the network"}, {"pseudonym", "a pseudonym"},
                                         {"full", "all of it"}, {"closed", "the operator only"}})
            if (item == word) return std::string(said);
    }
    std::string out;
    for (std::size_t i = 0; i < item.size(); ++i) {
        if (item[i] == '\\' && i + 1 < item.size()) ++i;
        out += item[i];
    }
    return out;
}

}  // namespace

std::vector<Language> languages_of(const Policy& policy) {
    std::vector<Language> out;
    for (const auto& code : policy.service.languages) out.push_back(code == "de" ? Language::de : Language::en);
    return out;
}

std::string_view code_of(Language language) { return language == Language::de ? "de" : "en"; }

std::string spoken(const Keep& keep, Language language) {
    if (keep.unlimited) return language == Language::de ? "unbegrenzt" : "without limit";
    if (!keep.stored()) return language == Language::de ? "nicht gespeichert" : "not stored";
    const std::string text = to_string(keep);
    const std::size_t digits = text.find_first_not_of("0123456789");
    const std::string number = text.substr(0, digits);
    for (const UnitWords& unit : units)
        if (unit.unit == text.substr(digits)) return number + ' ' + std::string((number == "1" ? unit.one : unit.many)[index(language)]);
    return text;
}

std::string spoken(Time time, Language language) {
    const std::time_t seconds = static_cast<std::time_t>(time / 1'000'000);
    std::tm parts{};
    if (!::gmtime_r(&seconds, &parts)) return {};
    char text[64];
    const std::size_t size = std::strftime(text, sizeof text, language == Language::de ? "%d.%m.%Y um %H:%M UTC" : "%Y-%m-%d at %H:%M UTC", &parts);
    return {text, size};
}

std::string spoken_key(std::string_view key, Language language) {
    for (const KeyWords& words : key_words)
        if (words.key == key) return std::string(words.words[index(language)]) + " (" + std::string(key) + ')';
    const std::size_t dot = key.rfind('.');
    const std::string_view section = key.substr(0, dot), field = dot == std::string_view::npos ? key : key.substr(dot + 1);
    for (const FieldWords& words : log_words) {
        if (words.field != field || !section.starts_with("log")) continue;
        std::string out = language == Language::de ? "Protokoll" : "log";
        if (section.size() > 4) out += (language == Language::de ? ", Ereignis " : ", event ") + std::string(section.substr(4));
        return out + ": " + std::string(words.words[index(language)]) + " (" + std::string(key) + ')';
    }
    return std::string(key);
}

std::string spoken_value(std::string_view value, Language language) {
    if (value.empty()) return language == Language::de ? "nicht festgelegt" : "not set";
    if (value.front() != '[') return spoken_item(value, language);
    std::string out;
    // Items of lists hold no quotes of their own: they are spans, codes of languages and addresses.
    for (std::size_t at = value.find('"'); at != std::string_view::npos; at = value.find('"', at)) {
        const std::size_t end = value.find('"', at + 1);
        if (end == std::string_view::npos) break;
        out += (out.empty() ? "" : ", ") + spoken_item(value.substr(at, end - at + 1), language);
        at = end + 1;
    }
    return out;
}

}  // namespace lethe::retention
