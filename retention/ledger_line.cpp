// SPDX-License-Identifier: AGPL-3.0-or-later
#include "retention/ledger_line.h"

#include <sodium.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>

#include "crypto/hex.h"

namespace lethe::retention {

namespace {

constexpr Time second = 1'000'000, minute = 60 * second;
constexpr std::string_view signature_mark = ",\"sig\":\"", line_end = "\"}";
constexpr std::size_t signature_digits = 128;
constexpr std::size_t longest_word = 64;
/// 9999-12-31T23:59:59Z: the last that four digits of a year can say.
constexpr Time latest = Time{253'402'300'799} * second;

Time rounded_down(Time time, Time unit) {
    time = std::clamp(time, Time{0}, latest);
    return time - time % unit;
}

/// "2026-11-22T18:54:00Z"
std::string time_text(Time time) {
    const std::chrono::sys_seconds whole{std::chrono::seconds(rounded_down(time, second) / second)};
    const auto day = std::chrono::floor<std::chrono::days>(whole);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{whole - day};
    char out[64];
    std::snprintf(out, sizeof out, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                  static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()));
    return out;
}

/// What stands between the event's name and the signature.
struct Fields {
    std::string out;
    void text(std::string_view name, std::string_view value) { out += ",\"" + std::string(name) + "\":\"" + std::string(value) + '"'; }
    void number(std::string_view name, std::uint64_t value) { out += ",\"" + std::string(name) + "\":" + std::to_string(value); }

    void operator()(const LedgerBegin& e) {
        text("event", "begin");
        text("key", crypto::to_string(e.key));
    }
    void operator()(const LedgerRepaired& e) {
        text("event", "repaired");
        number("torn", e.torn);
    }
    void operator()(const ServerStart&) { text("event", "server_start"); }
    void operator()(const PolicyAnnounced& e) {
        text("event", "policy_announced");
        text("policy", crypto::to_hex(e.policy));
        text("effective", time_text(e.effective));
    }
    void operator()(const PolicyInForce& e) {
        text("event", "policy_in_force");
        text("policy", crypto::to_hex(e.policy));
    }
    void operator()(const ClockAccepted& e) {
        text("event", "clock_accepted");
        text("before", time_text(e.before));
    }
    void operator()(const LedgerAlarm& e) {
        text("event", "alarm");
        text("word", e.word());
    }
    void operator()(const Swept& e) {
        text("event", "swept");
        text("class", e.cls);
        text("swept_to", time_text(e.swept_to));
        text("policy", crypto::to_hex(e.policy));
    }
};

std::string unsigned_text(const LedgerLine& line) {
    Fields fields;
    std::visit(fields, line.event);
    return "{\"v\":1,\"n\":" + std::to_string(line.number) + ",\"prev\":\"" + crypto::to_hex(line.previous) + "\",\"time\":\"" +
           time_text(rounded_down(line.time, minute)) + '"' + fields.out;
}

bool is_word(std::string_view text) {
    return !text.empty() && text.size() <= longest_word && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == ':';
    });
}

}  // namespace

/// Takes a line apart from the left. Whatever is not the next expected byte makes it bad, and then nothing more is taken.
struct LedgerReader {
    std::string_view rest;
    bool good = true;

    void literal(std::string_view text) {
        good = good && rest.starts_with(text);
        if (good) rest.remove_prefix(text.size());
    }
    void name(std::string_view text) { literal(",\"" + std::string(text) + "\":"); }
    std::string_view text(std::string_view field) {
        name(field);
        literal("\"");
        const auto end = rest.find('"');
        good = good && end != rest.npos;
        if (!good) return {};
        const auto out = rest.substr(0, end);
        rest.remove_prefix(end + 1);
        return out;
    }
    std::uint64_t digits() {
        std::uint64_t value = 0;
        const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
        good = good && error == std::errc{};
        if (good) rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
        return value;
    }
    template <std::size_t N>
    void bytes(std::string_view field, std::array<std::uint8_t, N>& out) {
        good = crypto::from_hex(text(field), out) && good;
    }
    Time time(std::string_view field) {
        const auto value = text(field);
        int part[6] = {};
        constexpr std::string_view pattern = "dddd-dd-ddTdd:dd:ddZ";
        good = good && value.size() == pattern.size();
        for (std::size_t i = 0, p = 0; good && i < pattern.size(); ++i) {
            const bool digit = value[i] >= '0' && value[i] <= '9';
            good = pattern[i] == 'd' ? digit : value[i] == pattern[i];
            if (pattern[i] != 'd')
                ++p;
            else
                part[p] = part[p] * 10 + (value[i] - '0');
        }
        if (!good) return 0;
        // What does not exist (the 31st of a short month, 24:00) encodes to another text and is found by that.
        const std::chrono::sys_days day{std::chrono::year(part[0]) / part[1] / part[2]};
        return Time{day.time_since_epoch().count()} * 86'400 * second + (Time{part[3]} * 3600 + part[4] * 60 + part[5]) * second;
    }
    LedgerEvent event() {
        const auto kind = text("event");
        if (kind == "begin") {
            LedgerBegin e;
            bytes("key", e.key.bytes);
            return e;
        }
        if (kind == "repaired") {
            name("torn");
            return LedgerRepaired{digits()};
        }
        if (kind == "server_start") return ServerStart{};
        if (kind == "policy_announced") {
            PolicyAnnounced e;
            bytes("policy", e.policy);
            e.effective = time("effective");
            return e;
        }
        if (kind == "policy_in_force") {
            PolicyInForce e;
            bytes("policy", e.policy);
            return e;
        }
        if (kind == "clock_accepted") return ClockAccepted{time("before")};
        if (kind == "alarm") {
            LedgerAlarm e;
            e.word_ = text("word");
            good = good && is_word(e.word_);
            return e;
        }
        Swept e;
        good = good && kind == "swept";
        e.cls = text("class");
        good = good && is_word(e.cls);
        e.swept_to = time("swept_to");
        bytes("policy", e.policy);
        return e;
    }
};

Digest digest_of(std::string_view bytes) {
    Digest out;
    crypto_generichash(out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), nullptr, 0);
    return out;
}

std::string to_hex(const Digest& digest) { return crypto::to_hex(digest); }

std::optional<Digest> digest_from_hex(std::string_view text) {
    Digest out;
    if (!crypto::from_hex(text, out)) return std::nullopt;
    return out;
}

std::string encode(const LedgerLine& line, const crypto::LedgerKey& key) {
    std::string text = unsigned_text(line);
    const auto signature = key.sign(as_bytes(text));
    text += signature_mark;
    text += crypto::to_hex(signature);
    text += line_end;
    return text;
}

std::optional<LedgerLine> parse_ledger_line(std::string_view text) {
    constexpr std::size_t tail = signature_mark.size() + signature_digits + line_end.size();
    if (text.size() < tail || text.size() >= longest_ledger_line) return std::nullopt;
    LedgerReader reader{text};
    LedgerLine line;
    reader.literal("{\"v\":1,\"n\":");
    line.number = reader.digits();
    reader.bytes("prev", line.previous);
    line.time = reader.time("time");
    line.event = reader.event();
    crypto::LedgerSignature signature;
    reader.bytes("sig", signature);
    reader.literal("}");
    if (!reader.good || !reader.rest.empty()) return std::nullopt;
    // One text for one line: leading zeros, seconds in `time`, days that do not exist.
    if (unsigned_text(line) != text.substr(0, text.size() - tail)) return std::nullopt;
    return line;
}

bool signature_holds(std::string_view text, const crypto::LedgerPublicKey& key) {
    constexpr std::size_t tail = signature_mark.size() + signature_digits + line_end.size();
    if (text.size() < tail) return false;
    const auto digits = text.substr(text.size() - tail + signature_mark.size(), signature_digits);
    crypto::LedgerSignature signature;
    return crypto::from_hex(digits, signature) && crypto::signed_by(key, as_bytes(text.substr(0, text.size() - tail)), signature);
}

std::optional<PolicyDate> policy_date(const LedgerEvent& event, Time time) {
    if (const auto* e = std::get_if<PolicyAnnounced>(&event)) return PolicyDate{.time = time, .policy = e->policy, .effective = e->effective};
    if (const auto* e = std::get_if<PolicyInForce>(&event)) return PolicyDate{.time = time, .policy = e->policy, .effective = std::nullopt};
    return std::nullopt;
}

}  // namespace lethe::retention
