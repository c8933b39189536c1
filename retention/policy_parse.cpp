// SPDX-License-Identifier: AGPL-3.0-or-later
// Reads policy.toml, section by section. Every rule that a policy can break is here, next to the sentence
// that says so.
#include <algorithm>
#include <array>

#include "crypto/upload.h"
#include "retention/log_events.h"
#include "retention/policy.h"
#include "retention/toml_file.h"

namespace lethe::retention {

namespace {

constexpr std::size_t longest_text = 500;  // these are shown on one line of a page and in a form field

/// The only value that a key of something not built yet may have, as it is written in the file.
enum class Null { zero_span, no, yes, none, off, empty_text };

struct Unbuilt {
    std::string_view section, key;
    Null null;
    std::string_view what;  ///< "uploads are"
};
constexpr std::array unbuilt{
    Unbuilt{"accounts", "inactive_after", Null::zero_span, "erasing inactive accounts is"},
    Unbuilt{"accounts", "last_seen", Null::none, "last-seen weeks are"},
    Unbuilt{"rooms", "keep", Null::zero_span, "rooms are"},
    Unbuilt{"profile", "public", Null::yes, "keeping what users publish to the world from strangers is"},
    Unbuilt{"messages", "require_encryption", Null::off, "rules about encryption are"},
    Unbuilt{"messages", "welcome", Null::empty_text, "welcome messages are"},
    Unbuilt{"federation", "enabled", Null::no, "federation is"},
    Unbuilt{"federation", "authentication", Null::none, "federation is"},
    Unbuilt{"federation", "onion", Null::no, "federation is"},
    Unbuilt{"backup", "every", Null::zero_span, "backup is"},
    Unbuilt{"backup", "keep", Null::zero_span, "backup is"},
};

std::string_view written(Null null) {
    switch (null) {
        case Null::zero_span:
            return "\"0\"";
        case Null::no:
            return "false";
        case Null::yes:
            return "true";
        case Null::none:
            return "\"none\"";
        case Null::off:
            return "\"off\"";
        case Null::empty_text:
            return "\"\"";
    }
    return "";
}

/// True if the key has its null value; a wrong type has been reported, so it counts as true.
bool is_null(TomlSection& section, std::string_view key, Null null) {
    switch (null) {
        case Null::zero_span:
            return section.keep(key).value_or(Keep{}) == Keep{};
        case Null::no:
            return !section.boolean(key).value_or(false);
        case Null::yes:
            return section.boolean(key).value_or(true);
        case Null::none:
            return section.string(key).value_or("none") == "none";
        case Null::off:
            return section.string(key).value_or("off") == "off";
        case Null::empty_text:
            return section.string(key).value_or("").empty();
    }
    return true;
}

void refuse_unbuilt(TomlSection section, std::string_view name) {
    for (const Unbuilt& u : unbuilt)
        if (u.section == name && !is_null(section, u.key, u.null))
            section.error(u.key, std::string(name) + '.' + std::string(u.key) + ": " + std::string(u.what) +
                                     " not built yet; write " + std::string(u.key) + " = " +
                                     std::string(written(u.null)) + " or leave it out");
}

/// What has no place in a line of text: controls (line breaks among them), the separators of lines and paragraphs, the marks that turn the
/// direction of what follows, and what XML cannot carry. The text is UTF-8, as in every TOML file.
bool has_control(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = [&](std::size_t at) { return i + at < text.size() ? static_cast<unsigned char>(text[i + at]) : 0u; };
        if (byte(0) < 0x20 || byte(0) == 0x7f) return true;
        if (byte(0) == 0xc2 && byte(1) < 0xa0) return true;                                                          // U+0080 to U+009F
        if (byte(0) == 0xe2 && byte(1) == 0x80 && byte(2) >= 0xa8 && byte(2) <= 0xae) return true;                   // U+2028 to U+202E
        if (byte(0) == 0xe2 && byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9) return true;                   // U+2066 to U+2069
        if (byte(0) == 0xef && byte(1) == 0xbf && (byte(2) == 0xbe || byte(2) == 0xbf)) return true;                 // U+FFFE, U+FFFF
    }
    return false;
}

bool one_line(std::string_view text) {
    return text.size() <= longest_text && text.find_first_not_of(' ') != std::string_view::npos;
}

bool is_uri(std::string_view text, std::string_view scheme) {
    if (!text.starts_with(scheme) || text.size() <= scheme.size() || text.size() > longest_text) return false;
    if (scheme == "mailto:" && text.find('@') == std::string_view::npos) return false;
    return !has_control(text) && std::ranges::none_of(text, [](char c) {
        return c == 0x20 || c == 0x7f || c == '"' || c == '<' || c == '>' ||
               c == '\\';
    });
}

void read_line(TomlSection& section, std::string_view key, std::string& out, std::string_view required_as) {
    const std::string name = section.path() + '.' + std::string(key);
    if (!section.has(key) && !required_as.empty())
        section.error(name + " is missing; write " + std::string(key) + " = " + std::string(required_as) +
                      " in [" + section.path() + "]");
    const auto text = section.string(key);
    if (!text) return;
    if (has_control(*text))
        section.error(key, name + " holds a line break or another control character, which has no place in a page or a form; remove it");
    else if (!one_line(*text))
        section.error(key, name + " must be one line of 1 to " + std::to_string(longest_text) +
                               " bytes; shorten or fill it");
    else
        out = *text;
}

void read_contact(TomlSection& section, Policy::Service& service) {
    constexpr std::string_view example =
        "contact = [\"xmpp:admin@chat.example\", \"mailto:admin@chat.example\"]";
    if (!section.has("contact"))
        section.error("service.contact is missing; write " + std::string(example) + " in [service]");
    const auto list = section.strings("contact");
    if (!list) return;
    if (list->empty())
        section.error("contact", "service.contact is empty; name at least one way to reach you: " +
                                     std::string(example));
    for (std::size_t i = 0; i < list->size(); ++i) {
        const std::string& uri = (*list)[i];
        if (!is_uri(uri, "xmpp:") && !is_uri(uri, "mailto:") && !is_uri(uri, "https:"))
            section.error("contact", i,
                          "\"" + uri + "\" is not a contact; write an xmpp:, mailto: or https: address");
        else
            service.contact.push_back(uri);
    }
}

void read_languages(TomlSection& section, Policy::Service& service) {
    service.languages = {"en"};
    const auto list = section.strings("languages");
    if (!list) return;
    service.languages = *list;
    if (list->empty())
        section.error("languages", "service.languages is empty; write [\"en\"], [\"de\"] or both");
    for (std::size_t i = 0; i < list->size(); ++i) {
        const std::string& language = (*list)[i];
        if (language != "en" && language != "de")
            section.error("languages", i,
                          "there are no texts in \"" + language + "\"; the languages are \"en\" and \"de\"");
        else if (std::find(list->begin(), list->begin() + static_cast<std::ptrdiff_t>(i), language) !=
                 list->begin() + static_cast<std::ptrdiff_t>(i))
            section.error("languages", i, "\"" + language + "\" is listed twice; remove one");
    }
}

void read_service(TomlSection section, Policy::Service& service) {
    read_line(section, "name", service.name, "\"…\" (what people call this service)");
    read_line(section, "operator", service.operator_name, "\"…\" (who runs it)");
    read_contact(section, service);
    read_line(section, "jurisdiction", service.jurisdiction, "");
    read_languages(section, service);
    if (const auto url = section.string("terms_url")) {
        if (!is_uri(*url, "https://"))
            section.error("terms_url",
                          "service.terms_url must be an https:// address; correct it or leave it out");
        else
            service.terms_url = *url;
    }
}

/// A class that must be declared, even as not stored: silence would read like a promise.
std::optional<Keep> read_declared(TomlSection& section) {
    if (!section.has("keep"))
        section.error(
            section.path() +
            ".keep is not declared; what is not declared is not stored, so say it: write keep = \"0\" in [" +
            section.path() + "], or a time such as \"7d\"");
    return section.keep("keep");
}

/// No choice keeps longer than the archive itself, so that archive.keep stays the longest of all promises.
void read_choices(TomlSection& section, std::optional<Keep> keep, std::vector<Keep>& out) {
    const auto list = section.strings("choices");
    if (!list || list->empty()) return;
    const std::string name = "archive.choices";
    if (keep && !keep->stored())
        section.error("choices", name + " contradicts archive.keep = \"0\", which stores nothing; leave it out");
    if (list->size() > most_choices)
        section.error("choices", name + " has " + std::to_string(list->size()) + " choices; offer at most " +
                                     std::to_string(most_choices));
    for (std::size_t i = 0; i < list->size(); ++i) {
        const std::string& text = (*list)[i];
        const auto choice = parse_choice(text, keep);
        if (!choice)
            section.error("choices", i, name + ": " + choice.error());
        else if (std::ranges::find(out, *choice) != out.end())
            section.error("choices", i, name + ": \"" + text + "\" is listed twice; remove one of them");
        else if (keep && keep->stored() && longer(*choice, *keep))
            section.error("choices", i,
                          name + ": \"" + text + "\" is longer than archive.keep = \"" + to_string(*keep) +
                              "\"; write a shorter choice or a longer keep");
        else
            out.push_back(*choice);
    }
    std::ranges::sort(out, longer);
}

void read_archive(TomlSection section, Policy& policy) {
    const auto keep = read_declared(section);
    policy.archive = keep.value_or(Keep{});
    read_choices(section, keep, policy.archive_choices);
}

void read_change(TomlSection section, Policy& policy) {
    const auto notice = section.keep("notice");
    if (!notice) return;
    if (notice->unlimited)
        section.error("notice",
                      "change.notice = \"unlimited\" would never end; write the time that users have before a "
                      "looser policy is obeyed, such as \"14d\"");
    else
        policy.change_notice = *notice;
}

void read_letterbox(TomlSection section, Policy& policy) {
    const auto keep = read_declared(section);
    policy.letterbox = keep.value_or(Keep{});
    const auto limit = [&](std::string_view key, std::uint64_t& out) {
        const auto value = section.integer(key, 0, std::int64_t{1} << 40);
        if (!value) return;
        const std::string name = "letterbox." + std::string(key);
        if (*value == 0 && keep && keep->stored())
            section.error(key, name +
                                   " = 0 contradicts letterbox.keep; write keep = \"0\" if nothing shall "
                                   "wait, or a higher limit");
        if (*value > 0 && keep && !keep->stored())
            section.error(
                key, name + " contradicts letterbox.keep = \"0\", which stores nothing; remove one of them");
        out = static_cast<std::uint64_t>(*value);
    };
    limit("max_messages", policy.letterbox_max_messages);
    limit("max_bytes", policy.letterbox_max_bytes);
}

/// Silence is "not stored" here: a server without a web server takes no uploads.
void read_uploads(TomlSection section, Policy& policy) {
    policy.uploads = section.keep("keep").value_or(Keep{});
    const auto limit = [&](std::string_view key, std::uint64_t& out) {
        const auto value = section.integer(key, 0, std::int64_t{crypto::largest_upload});
        if (!value) return;
        const std::string name = "uploads." + std::string(key);
        if (*value == 0 && policy.uploads.stored())
            section.error(key, name + " = 0 contradicts uploads.keep; write keep = \"0\" if nothing shall be taken, or a higher limit");
        if (*value > 0 && !policy.uploads.stored())
            section.error(key, name + " contradicts uploads.keep, which is \"0\" or left out and stores nothing; remove it, or write a time such as keep = \"7d\"");
        out = static_cast<std::uint64_t>(*value);
    };
    limit("max_size", policy.uploads_max_size);
    limit("quota_per_day", policy.uploads_quota_per_day);
    const auto in_force = [&](std::string_view key, std::uint64_t value) {
        return "uploads." + std::string(key) + " = " + std::to_string(value) + (section.has(key) ? "" : " (which holds where it is left out)");
    };
    if (policy.uploads.stored() && policy.uploads_quota_per_day < policy.uploads_max_size)
        section.error(section.has("quota_per_day") ? "quota_per_day" : "max_size",
                      in_force("quota_per_day", policy.uploads_quota_per_day) + " is less than " + in_force("max_size", policy.uploads_max_size) +
                          ", so the largest file could never be sent; write a larger quota_per_day, or a smaller max_size");
}

void read_accounts(TomlSection section, Policy& policy) {
    refuse_unbuilt(section, "accounts");
    if (const auto max = section.integer("max_accounts", 1))
        policy.max_accounts = static_cast<std::uint64_t>(*max);
    const auto registration = section.string("registration");
    if (!registration) return;
    if (*registration == "closed" || *registration == "invite" || *registration == "open")
        policy.registration = *registration;
    else
        section.error("registration", "accounts.registration = \"" + *registration + "\" is unknown" +
                                          suggestion(*registration, {"closed", "invite", "open"}) + "; write \"closed\", \"invite\" or \"open\"");
}

void read_invitations(TomlSection section, Policy& policy) {
    const auto keep = section.keep("keep");
    if (!keep) return;
    if (keep->unlimited || !keep->stored())
        section.error("keep", "invitations.keep = \"" + to_string(*keep) + "\": an invitation ends some day, and not at once; write a time such as \"14d\"" +
                                  (keep->stored() ? "" : ", and accounts.registration = \"closed\" if there shall be none"));
    else
        policy.invitations = *keep;
}

struct LogField {
    FieldKind kind;
    std::string_view key;
    Treatment LogRules::*rule;
};
constexpr std::array log_fields{LogField{FieldKind::address, "address", &LogRules::address},
                                LogField{FieldKind::account, "account", &LogRules::account},
                                LogField{FieldKind::peer, "peer", &LogRules::peer}};

std::optional<Treatment> read_treatment(TomlSection& section, std::string_view key, bool has_network) {
    const auto text = section.string(key);
    if (!text) return std::nullopt;
    if (*text == "none") return Treatment::none;
    if (*text == "pseudonym") return Treatment::pseudonym;
    if (*text == "full") return Treatment::full;
    const std::string name = section.path() + '.' + std::string(key), given = name + " = \"" + *text + '"';
    if (*text == "network" && has_network) return Treatment::network;
    if (*text == "network")
        section.error(key,
                      given + ": only an address has a network; write \"none\", \"pseudonym\" or \"full\"");
    else if (has_network)
        section.error(key, given + " is unknown; write \"none\", \"network\", \"pseudonym\" or \"full\"");
    else
        section.error(key, given + " is unknown; write \"none\", \"pseudonym\" or \"full\"");
    return std::nullopt;
}

void read_client(TomlSection& section) {
    const auto text = section.string("client");
    if (text && *text != "none")
        section.error(
            "client",
            section.path() + ".client: no event carries a client's name; write \"none\" or leave it out");
}

LogRules read_event(TomlSection section, const EventSpec& event, LogRules rules) {
    const auto keep = section.keep("keep");
    if (keep) rules.keep = *keep;
    for (const LogField& field : log_fields) {
        const auto treatment = read_treatment(section, field.key, field.kind == FieldKind::address);
        if (!treatment) continue;
        rules.*field.rule = *treatment;
        const std::string name = section.path() + '.' + std::string(field.key);
        if (*treatment == Treatment::none) continue;
        if (!event.carries(field.kind))
            section.error(field.key, name + ": this event carries no " + std::string(field.key) +
                                         "; write \"none\" or leave it out");
        else if (keep && !keep->stored())
            section.error(field.key,
                          name + " contradicts keep = \"0\", which logs nothing; remove one of them");
    }
    read_client(section);
    return rules;
}

void read_log(TomlSection section, Policy& policy) {
    const auto keep = read_declared(section);
    policy.log.keep = keep.value_or(Keep{});
    for (const LogField& field : log_fields)
        if (const auto treatment = read_treatment(section, field.key, field.kind == FieldKind::address))
            policy.log.*field.rule = *treatment;
    read_client(section);
    bool logs = policy.log.keep.stored() || !keep;
    for (const EventSpec& event : event_table()) {
        const bool declared = section.has(event.name);
        const TomlSection own = section.section(event.name);
        if (!declared || !own.present()) continue;
        policy.log_events.emplace_back(std::string(event.name), read_event(own, event, policy.log));
        logs = logs || policy.log_events.back().second.keep.stored();
    }
    if (logs) return;
    for (const LogField& field : log_fields)
        if (policy.log.*field.rule != Treatment::none)
            section.error(field.key,
                          "log." + std::string(field.key) +
                              " contradicts log.keep = \"0\", which logs nothing; remove one of them");
}

}  // namespace

std::expected<Policy, std::vector<FileError>> parse_policy(std::string text, std::string_view file_name) {
    auto file = TomlFile::parse(text, file_name);
    if (!file) return std::unexpected(std::move(file.error()));
    Policy policy;
    TomlSection root = file->root();
    read_service(root.section("service"), policy.service);
    read_archive(root.section("archive"), policy);
    read_letterbox(root.section("letterbox"), policy);
    policy.subscriptions =
        root.section("subscriptions")
            .keep("keep")
            .value_or(Keep{.micros = 90 * std::int64_t{86'400'000'000}, .unlimited = false});
    read_uploads(root.section("uploads"), policy);
    read_accounts(root.section("accounts"), policy);
    read_invitations(root.section("invitations"), policy);
    read_log(root.section("log"), policy);
    read_change(root.section("change"), policy);
    policy.metrics_public = root.section("metrics").boolean("public").value_or(false);
    for (const std::string_view name :
         {"rooms", "profile", "messages", "federation", "backup"})
        refuse_unbuilt(root.section(name), name);
    auto errors = file->finish();
    if (!errors.empty()) return std::unexpected(std::move(errors));
    policy.text = std::move(text);
    return policy;
}

}  // namespace lethe::retention
