// SPDX-License-Identifier: AGPL-3.0-or-later
#include "retention/log_format.h"

#include <arpa/inet.h>
#include <sodium.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace lethe::retention {

namespace {

constexpr std::string_view undeclared = "undeclared";
constexpr std::size_t pseudonym_digits = 16;

/// A value must neither end its field or line, nor look like a pseudonym, nor steer a terminal.
std::string encoded(std::string_view value) {
    static constexpr char digits[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte > 0x20 && byte < 0x7f && c != '%' && c != '~')
            out += c;
        else
            out += {'%', digits[byte >> 4], digits[byte & 15]};
    }
    return out;
}

/// IPv4 in whatever form it came: a dual-stack listener sees ::ffff:a.b.c.d.
Address plain(const Address& a) {
    constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (!a.v6 || !std::equal(mapped.begin(), mapped.end(), a.ip.begin())) return a;
    return {.ip = {a.ip[12], a.ip[13], a.ip[14], a.ip[15]}, .v6 = false};
}

std::string text(const Address& a) {
    char out[INET6_ADDRSTRLEN] = "";
    ::inet_ntop(a.v6 ? AF_INET6 : AF_INET, a.ip.data(), out, sizeof out);
    return out;
}

std::string network(Address a) {
    unsigned bits = a.v6 ? 48 : 24;
    // 6to4 (RFC 3056) carries a whole IPv4 address in its first 48 bits: cut that address to its /24 too.
    if (a.v6 && a.ip[0] == 0x20 && a.ip[1] == 0x02) bits = 40;
    std::fill(a.ip.begin() + bits / 8, a.ip.end(), std::uint8_t{0});
    return text(a) + '/' + std::to_string(bits);
}

Treatment treatment_of(FieldKind kind, const LogRules& rules) {
    switch (kind) {
        case FieldKind::address:
            return rules.address;
        case FieldKind::account:
            return rules.account;
        case FieldKind::peer:
            return rules.peer;
        case FieldKind::count:
        case FieldKind::port:
        case FieldKind::word:
            break;  // of the server, not of a person
    }
    return Treatment::full;
}

/// What is written of a field; empty: nothing.
std::string value_of(const Field& field, const LogRules& rules, const Pseudonyms& names) {
    const auto kind = static_cast<FieldKind>(field.index());
    const Treatment treatment = treatment_of(kind, rules);
    if (treatment == Treatment::none) return {};
    const auto jid = [&](const std::string& whole, const std::string& bare) {
        if (treatment == Treatment::full) return encoded(whole);
        return treatment == Treatment::pseudonym ? names.of(kind, bare) : std::string();
    };
    switch (kind) {
        case FieldKind::address: {
            const Address address = plain(std::get<Address>(field));
            if (treatment == Treatment::network) return network(address);
            return treatment == Treatment::full ? text(address) : names.of(kind, text(address));
        }
        case FieldKind::account: {
            const std::string whole = std::get<Account>(field).jid.to_string();
            return jid(whole, whole);
        }
        case FieldKind::peer:
            return jid(std::get<Peer>(field).jid.to_string(), std::get<Peer>(field).jid.bare().to_string());
        case FieldKind::count:
            return std::to_string(std::get<Count>(field).value);
        case FieldKind::port:
            return std::to_string(std::get<Port>(field).value);
        case FieldKind::word:
            return std::get<Word>(field).text();
    }
    return {};
}

bool all_of(std::string_view value, std::string_view allowed) {
    return !value.empty() && value.find_first_not_of(allowed) == std::string_view::npos;
}

constexpr std::string_view digits_only = "0123456789";

/// What inet_ntop writes, so that there is one way to write an address.
bool is_address(std::string_view value) {
    const std::string text(value);
    std::array<std::uint8_t, 16> ip{};
    std::array<char, INET6_ADDRSTRLEN> again{};
    const int family = value.find(':') == std::string_view::npos ? AF_INET : AF_INET6;
    return ::inet_pton(family, text.c_str(), ip.data()) == 1 &&
           ::inet_ntop(family, ip.data(), again.data(), again.size()) != nullptr && text == again.data();
}

/// What network() writes: an address without what lies behind the slash.
bool is_network(std::string_view value) {
    const std::size_t slash = value.find('/');
    if (slash == std::string_view::npos || !is_address(value.substr(0, slash))) return false;
    Address address{.v6 = value.find(':') != std::string_view::npos};
    const std::string text(value.substr(0, slash));
    return ::inet_pton(address.v6 ? AF_INET6 : AF_INET, text.c_str(), address.ip.data()) == 1 && network(address) == value;
}

/// A word of the program: never an address, though its characters would do for one.
bool is_word(std::string_view value) {
    return all_of(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:") && !is_address(value);
}

bool is_pseudonym(std::string_view value) {
    return value.size() == pseudonym_digits + 1 && value.front() == '~' &&
           value.find_first_not_of("0123456789abcdef", 1) == std::string_view::npos;
}

}  // namespace

std::string log_time(Time time) {
    using namespace std::chrono;
    const sys_seconds point{floor<seconds>(microseconds{time})};  // days of the earliest time do not fit into microseconds
    const auto day = floor<days>(point);
    const year_month_day date{day};
    const hh_mm_ss clock{point - day};
    char out[64];
    std::snprintf(out, sizeof out, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()));
    return out;
}

std::string Pseudonyms::of(FieldKind kind, std::string_view value) const {
    std::array<unsigned char, crypto_generichash_BYTES_MIN> hash{};
    const std::string message = std::string(to_string(kind)) + '=' + std::string(value);
    key_.with_bytes([&](auto key) {
        crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(message.data()),
                           message.size(), key.data(), key.size());
    });
    char digits[pseudonym_digits + 1];
    sodium_bin2hex(digits, sizeof digits, hash.data(), pseudonym_digits / 2);
    return std::string("~") + digits;
}

std::string log_line(Time time, Event event, std::span<const Field> fields, const LogRules& rules,
                     const Pseudonyms& names) {
    std::string out = log_time(time) + ' ' + std::string(to_string(event));
    const auto slots = spec(event).fields();
    std::array<bool, EventSpec::max_fields> filled{};
    std::array<std::string, EventSpec::max_fields> values;
    std::size_t surplus = 0;
    for (const Field& field : fields) {
        std::size_t i = 0;
        while (i < slots.size() && (filled[i] || static_cast<std::size_t>(slots[i].kind) != field.index()))
            ++i;
        if (i == slots.size()) {
            ++surplus;
            continue;
        }
        filled[i] = true;
        values[i] = value_of(field, rules, names);
    }
    for (std::size_t i = 0; i < slots.size(); ++i)
        if (!values[i].empty()) out += ' ' + std::string(slots[i].name) + '=' + values[i];
    if (surplus > 0) out += ' ' + std::string(undeclared) + '=' + std::to_string(surplus);
    return out + '\n';
}

std::optional<LogLine> parse_log_line(std::string_view line) {
    LogLine out;
    const auto next = [&]() -> std::string_view {
        const std::size_t end = std::min(line.find(' '), line.size());
        const std::string_view part = line.substr(0, end);
        line.remove_prefix(std::min(end + 1, line.size()));
        return part;
    };
    if (line.ends_with(' ') || std::ranges::any_of(line, [](char c) { return c < ' ' || c == 0x7f; }))
        return std::nullopt;
    out.time = next();
    const std::string_view name = next();
    const auto event = std::ranges::find(event_table(), name, &EventSpec::name);
    if (out.time.size() != log_time(0).size() || event == event_table().end()) return std::nullopt;
    out.event = event->event;
    std::size_t slot = 0;  // fields come in the table's order, each at most once
    while (!line.empty()) {
        const std::string_view part = next();
        const std::size_t equals = part.find('=');
        if (equals == std::string_view::npos || equals + 1 == part.size()) return std::nullopt;
        const std::string_view key = part.substr(0, equals);
        if (key == undeclared) {
            if (!line.empty()) return std::nullopt;
        } else {
            while (slot < event->count && event->slots[slot].name != key) ++slot;
            if (slot++ >= event->count) return std::nullopt;
        }
        out.fields.emplace_back(key, part.substr(equals + 1));
    }
    return out;
}

bool permitted(const LogLine& line, const LogRules& rules) {
    for (const auto& [key, value] : line.fields) {
        const auto slots = spec(line.event).fields();
        const auto slot = std::ranges::find(slots, key, &FieldSpec::name);
        // Only `undeclared` is no slot, and it is a number.
        const FieldKind kind = slot == slots.end() ? FieldKind::count : slot->kind;
        if (kind == FieldKind::count || kind == FieldKind::port) {
            if (!all_of(value, digits_only)) return false;
            continue;
        }
        if (kind == FieldKind::word) {
            if (!is_word(value)) return false;
            continue;
        }
        switch (treatment_of(kind, rules)) {
            case Treatment::none:
                return false;
            case Treatment::full:
                if (kind == FieldKind::address && !is_address(value) && !is_network(value) && !is_pseudonym(value)) return false;
                break;
            case Treatment::network:
                if (!is_network(value)) return false;
                break;
            case Treatment::pseudonym:
                if (!is_pseudonym(value)) return false;
                break;
        }
    }
    return true;
}

}  // namespace lethe::retention
