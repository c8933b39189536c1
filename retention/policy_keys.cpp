// SPDX-License-Identifier: AGPL-3.0-or-later
#include "retention/policy_keys.h"

#include <sodium.h>

#include <algorithm>
#include <functional>

#include "crypto/bytes.h"

namespace lethe::retention {

namespace {

using Compare = std::function<Turn(const Policy& from, const Policy& to)>;

/// One row. `copy` takes the key's meaning from one policy to another.
struct Key {
    std::string section, name;
    std::function<std::string(const Policy&)> value;
    Compare turn;
    std::function<void(Policy& to, const Policy& from)> copy;
    const EventSpec* event = nullptr;  ///< of [log.EVENT]: compared and written only where somebody wrote it
    std::string full() const { return section + '.' + name; }
};

Turn less_is_tighter(bool from_less, bool to_less) {
    return from_less ? Turn::looser : to_less ? Turn::tighter : Turn::same;
}
Turn shorter_is_tighter(const Keep& from, const Keep& to) { return less_is_tighter(longer(to, from), longer(from, to)); }

std::string toml_string(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') out += '\\';
        if (byte >= 0x20 && byte != 0x7f)
            out += c;
        else
            out.append("\\u00").append({digits[byte >> 4], digits[byte & 15]});
    }
    return out + '"';
}

template <class List, class F>
std::string listed(const List& items, F&& text) {
    if (items.empty()) return {};
    std::string out = "[";
    for (const auto& item : items) out += (out.size() > 1 ? ", " : "") + toml_string(text(item));
    return out + ']';
}

/// A text or list without direction: any change is looser, or promises nothing.
template <class Member>
Key service_key(std::string name, Member member, Turn if_changed) {
    Key key{.section = "service", .name = std::move(name), .value = {}, .turn = {}, .copy = {}};
    key.value = [member](const Policy& p) -> std::string {
        if constexpr (std::is_same_v<Member, std::string Policy::Service::*>)
            return (p.service.*member).empty() ? std::string() : toml_string(p.service.*member);
        else
            return listed(p.service.*member, std::identity{});
    };
    key.turn = [member, if_changed](const Policy& from, const Policy& to) {
        return from.service.*member == to.service.*member ? Turn::same : if_changed;
    };
    key.copy = [member](Policy& to, const Policy& from) { to.service.*member = from.service.*member; };
    return key;
}

Key keep_key(std::string section, std::string name, Keep Policy::*member, Compare turn = {}) {
    Key key{.section = std::move(section), .name = std::move(name), .value = {}, .turn = std::move(turn), .copy = {}};
    key.value = [member](const Policy& p) { return toml_string(to_string(p.*member)); };
    if (!key.turn) key.turn = [member](const Policy& from, const Policy& to) { return shorter_is_tighter(from.*member, to.*member); };
    key.copy = [member](Policy& to, const Policy& from) { to.*member = from.*member; };
    return key;
}

/// A limit of a class; none if nothing is stored there.
Key limit_key(std::string section, Keep Policy::*keep, std::string name, std::uint64_t Policy::*member) {
    const auto limit = [keep, member](const Policy& p) { return (p.*keep).stored() ? p.*member : 0; };
    return {.section = std::move(section),
            .name = std::move(name),
            .value = [keep, limit](const Policy& p) { return (p.*keep).stored() ? std::to_string(limit(p)) : std::string(); },
            .turn = [limit](const Policy& from, const Policy& to) { return less_is_tighter(limit(to) > limit(from), limit(from) > limit(to)); },
            .copy = [member](Policy& to, const Policy& from) { to.*member = from.*member; }};
}

/// A choice taken away throws its users back on another promise, unless the archive itself no longer keeps so long; one that is
/// longer than the archive kept so far is a longer promise. A shorter one more is one more thing that users can do.
Turn choices_turn(const Policy& from, const Policy& to) {
    if (from.archive_choices == to.archive_choices) return Turn::same;
    if (!to.archive.stored()) return Turn::tighter;  // nothing is left to choose from
    const auto has = [](const Policy& p, const Keep& choice) { return std::ranges::find(p.archive_choices, choice) != p.archive_choices.end(); };
    for (const Keep& old : from.archive_choices)
        if (!has(to, old) && !longer(old, to.archive)) return Turn::looser;
    for (const Keep& fresh : to.archive_choices)
        if (longer(fresh, from.archive)) return Turn::looser;
    return Turn::tighter;
}

Key choices_key() {
    return {.section = "archive",
            .name = "choices",
            .value = [](const Policy& p) { return listed(p.archive_choices, [](const Keep& k) { return to_string(k); }); },
            .turn = choices_turn,
            .copy = [](Policy& to, const Policy& from) { to.archive_choices = from.archive_choices; }};
}

Key max_accounts_key() {
    return {.section = "accounts",
            .name = "max_accounts",
            .value = [](const Policy& p) { return p.max_accounts ? std::to_string(*p.max_accounts) : std::string(); },
            .turn = [](const Policy& from, const Policy& to) { return from.max_accounts == to.max_accounts ? Turn::same : Turn::plain; },
            .copy = [](Policy& to, const Policy& from) { to.max_accounts = from.max_accounts; }};
}

/// The more people can make an account, the more is stored and the more names can be found out.
std::size_t openness(const Policy& policy) { return policy.registration == "open" ? 2 : policy.registration == "invite" ? 1 : 0; }

Key registration_key() {
    return {.section = "accounts",
            .name = "registration",
            .value = [](const Policy& p) { return toml_string(p.registration); },
            .turn = [](const Policy& from, const Policy& to) { return less_is_tighter(openness(from) < openness(to), openness(to) < openness(from)); },
            .copy = [](Policy& to, const Policy& from) { to.registration = from.registration; }};
}

/// Written only where it is so: what is not declared is not shown.
Key metrics_key() {
    return {.section = "metrics",
            .name = "public",
            .value = [](const Policy& p) { return p.metrics_public ? std::string("true") : std::string(); },
            .turn = [](const Policy& from, const Policy& to) { return less_is_tighter(!from.metrics_public && to.metrics_public, from.metrics_public && !to.metrics_public); },
            .copy = [](Policy& to, const Policy& from) { to.metrics_public = from.metrics_public; }};
}

/// Without invitations it says nothing.
Key invitations_key() {
    const auto span = [](const Policy& p) { return p.registration == "closed" ? Keep{} : p.invitations; };
    return {.section = "invitations",
            .name = "keep",
            .value = [](const Policy& p) { return p.registration == "closed" ? std::string() : toml_string(to_string(p.invitations)); },
            .turn = [span](const Policy& from, const Policy& to) { return shorter_is_tighter(span(from), span(to)); },
            .copy = [](Policy& to, const Policy& from) { to.invitations = from.invitations; }};
}

// The log ----------------------------------------------------------------------------------------------------------------------

const LogRules* own_rules(const Policy& policy, const EventSpec& event) {
    const auto found = std::ranges::find(policy.log_events, event.name, [](const auto& e) -> std::string_view { return e.first; });
    return found == policy.log_events.end() ? nullptr : &found->second;
}

/// The rules of an event, or of the log itself, as they can be changed; an event gets rules of its own, in the order of events.
LogRules& rules_to_change(Policy& policy, const EventSpec* event) {
    if (!event) return policy.log;
    const auto place = [](std::string_view name) { return std::ranges::find(event_table(), name, &EventSpec::name) - event_table().begin(); };
    auto at = policy.log_events.begin();
    while (at != policy.log_events.end() && place(at->first) < place(event->name)) ++at;
    if (at == policy.log_events.end() || at->first != event->name)
        at = policy.log_events.insert(at, {std::string(event->name), policy.log});
    return at->second;
}

const LogRules& rules_of(const Policy& policy, const EventSpec* event) { return event ? rules_for(policy, *event) : policy.log; }

struct LogField {
    std::string_view name;
    FieldKind kind;
    Treatment LogRules::*rule;
};
constexpr std::array log_fields{LogField{"address", FieldKind::address, &LogRules::address},
                                LogField{"account", FieldKind::account, &LogRules::account},
                                LogField{"peer", FieldKind::peer, &LogRules::peer}};

/// Nothing says less than none and more than full; what lies between (a network, a pseudonym) cannot be compared.
Turn treatment_turn(Treatment from, Treatment to) {
    if (from == to) return Turn::same;
    return to == Treatment::none || from == Treatment::full ? Turn::tighter : Turn::looser;
}

std::string log_section(const EventSpec* event) { return event ? "log." + std::string(event->name) : "log"; }

Key log_keep_key(const EventSpec* event) {
    return {.section = log_section(event),
            .name = "keep",
            .value = [event](const Policy& p) { return toml_string(to_string(rules_of(p, event).keep)); },
            .turn = [event](const Policy& from, const Policy& to) { return shorter_is_tighter(rules_of(from, event).keep, rules_of(to, event).keep); },
            .copy = [event](Policy& to, const Policy& from) { rules_to_change(to, event).keep = rules_of(from, event).keep; },
            .event = event};
}

Key log_field_key(const EventSpec* event, const LogField& field) {
    // What is not logged at all says nothing of anybody.
    const auto treatment = [event, rule = field.rule](const Policy& p) {
        const LogRules& rules = rules_of(p, event);
        return rules.keep.stored() ? rules.*rule : Treatment::none;
    };
    return {.section = log_section(event),
            .name = std::string(field.name),
            .value = [event, treatment](const Policy& p) { return rules_of(p, event).keep.stored() ? toml_string(to_string(treatment(p))) : std::string(); },
            .turn = [treatment](const Policy& from, const Policy& to) { return treatment_turn(treatment(from), treatment(to)); },
            .copy = [event, treatment, rule = field.rule](Policy& to, const Policy& from) { rules_to_change(to, event).*rule = treatment(from); },
            .event = event};
}

std::vector<Key> make_table() {
    using Service = Policy::Service;
    std::vector<Key> keys;
    keys.push_back(service_key("name", &Service::name, Turn::plain));
    keys.push_back(service_key("operator", &Service::operator_name, Turn::looser));
    keys.push_back(service_key("contact", &Service::contact, Turn::plain));
    keys.push_back(service_key("jurisdiction", &Service::jurisdiction, Turn::looser));
    keys.push_back(service_key("languages", &Service::languages, Turn::plain));
    keys.push_back(service_key("terms_url", &Service::terms_url, Turn::looser));
    keys.push_back(keep_key("archive", "keep", &Policy::archive));
    keys.push_back(choices_key());
    keys.push_back(keep_key("letterbox", "keep", &Policy::letterbox));
    keys.push_back(limit_key("letterbox", &Policy::letterbox, "max_messages", &Policy::letterbox_max_messages));
    keys.push_back(limit_key("letterbox", &Policy::letterbox, "max_bytes", &Policy::letterbox_max_bytes));
    keys.push_back(keep_key("subscriptions", "keep", &Policy::subscriptions));
    keys.push_back(keep_key("uploads", "keep", &Policy::uploads));
    keys.push_back(limit_key("uploads", &Policy::uploads, "max_size", &Policy::uploads_max_size));
    keys.push_back(limit_key("uploads", &Policy::uploads, "quota_per_day", &Policy::uploads_quota_per_day));
    keys.push_back(registration_key());
    keys.push_back(max_accounts_key());
    keys.push_back(invitations_key());
    keys.push_back(keep_key("change", "notice", &Policy::change_notice, [](const Policy& from, const Policy& to) {
        return shorter_is_tighter(to.change_notice, from.change_notice);  // the longer the notice, the stronger the promise
    }));
    keys.push_back(metrics_key());
    keys.push_back(log_keep_key(nullptr));
    for (const LogField& field : log_fields) keys.push_back(log_field_key(nullptr, field));
    for (const EventSpec& event : event_table()) {
        keys.push_back(log_keep_key(&event));
        for (const LogField& field : log_fields)
            if (event.carries(field.kind)) keys.push_back(log_field_key(&event, field));
    }
    return keys;
}

const std::vector<Key>& table() {
    static const std::vector<Key> keys = make_table();
    return keys;
}

}  // namespace

std::string_view to_string(Turn turn) {
    switch (turn) {
        case Turn::same: return "";
        case Turn::tighter: return "tighter";
        case Turn::looser: return "looser";
        case Turn::plain: return "no promise";
    }
    return "";
}

std::string_view to_string(Treatment treatment) {
    switch (treatment) {
        case Treatment::none: return "none";
        case Treatment::network: return "network";
        case Treatment::pseudonym: return "pseudonym";
        case Treatment::full: return "full";
    }
    return "";
}

const LogRules& rules_for(const Policy& policy, const EventSpec& event) {
    const LogRules* own = own_rules(policy, event);
    return own ? *own : policy.log;
}

std::vector<KeyChange> changes(const Policy& from, const Policy& to) {
    std::vector<KeyChange> out;
    for (const Key& key : table()) {
        // An event that only inherits changes with the log, which is said once.
        if (key.event && !own_rules(from, *key.event) && !own_rules(to, *key.event)) continue;
        if (const Turn turn = key.turn(from, to); turn != Turn::same) out.push_back({key.full(), key.value(from), key.value(to), turn});
    }
    return out;
}

bool loosens(const std::vector<KeyChange>& changes) {
    return std::ranges::find(changes, Turn::looser, &KeyChange::turn) != changes.end();
}

Policy tighter_of(const Policy& standing, const Policy& next) {
    Policy out = standing;
    bool differs = false;
    for (const Key& key : table()) {
        if (key.event && !own_rules(standing, *key.event) && !own_rules(next, *key.event)) continue;
        const Turn turn = key.turn(standing, next);
        if (turn == Turn::tighter || turn == Turn::plain) {
            key.copy(out, next);
            differs = true;
        } else if (key.event) {
            key.copy(out, standing);  // does not follow what the log as a whole takes over
        }
    }
    std::erase_if(out.archive_choices, [&](const Keep& choice) { return longer(choice, out.archive) || !out.archive.stored(); });
    out.text = differs ? canonical_text(out) : standing.text;
    return out;
}

std::string canonical_text(const Policy& policy) {
    std::string out, section;
    for (const Key& key : table()) {
        if (key.event && !own_rules(policy, *key.event)) continue;
        const std::string value = key.value(policy);
        if (value.empty()) continue;
        if (key.section != section) {
            section = key.section;
            out += (out.empty() ? "[" : "\n[") + section + "]\n";
        }
        out += key.name + " = " + value + '\n';
    }
    return out;
}

std::string policy_hash(std::string_view text) {
    std::array<std::uint8_t, 32> hash{};
    const auto bytes = as_bytes(text);
    crypto_generichash(hash.data(), hash.size(), bytes.data(), bytes.size(), nullptr, 0);
    std::array<char, 2 * 32 + 1> hex{};
    sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
    return {hex.data(), 64};
}

std::vector<std::string> policy_key_names() {
    std::vector<std::string> out;
    for (const Key& key : table()) out.push_back(key.full());
    return out;
}

}  // namespace lethe::retention
