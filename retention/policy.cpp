// SPDX-License-Identifier: AGPL-3.0-or-later
// Spans of time and file errors; policy_parse.cpp reads the file itself.
#include "retention/policy.h"

#include <algorithm>
#include <array>

#include "retention/toml_file.h"

namespace lethe::retention {

namespace {

struct Unit {
    std::string_view name;
    std::int64_t micros;
};
constexpr std::int64_t second = 1'000'000;
constexpr std::array units{Unit{"s", second}, Unit{"min", 60 * second}, Unit{"h", 3600 * second},
                           Unit{"d", 86400 * second}, Unit{"w", 7 * 86400 * second}};
// Far below where START + R could overflow, and longer than anybody can promise.
constexpr std::int64_t longest = std::int64_t{100} * 366 * 86400 * second;
constexpr std::string_view how =
    "write a whole number and a unit (s, min, h, d, w), such as \"7d\", or \"0\" or \"unlimited\"";

std::string unit_hint(std::string_view unit) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 17> near{{{"m", "min"},
                                                                                  {"mins", "min"},
                                                                                  {"minute", "min"},
                                                                                  {"minutes", "min"},
                                                                                  {"sec", "s"},
                                                                                  {"secs", "s"},
                                                                                  {"second", "s"},
                                                                                  {"seconds", "s"},
                                                                                  {"hr", "h"},
                                                                                  {"hrs", "h"},
                                                                                  {"hour", "h"},
                                                                                  {"hours", "h"},
                                                                                  {"day", "d"},
                                                                                  {"days", "d"},
                                                                                  {"week", "w"},
                                                                                  {"weeks", "w"},
                                                                                  {"wk", "w"}}};
    std::string low(unit);
    for (char& c : low)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    for (const Unit& u : units)
        if (u.name == low) return std::string(u.name);
    for (const auto& [from, to] : near)
        if (from == low) return std::string(to);
    return {};
}

}  // namespace

std::expected<Keep, std::string> parse_keep(std::string_view text) {
    if (text == "0") return Keep{};
    if (text == "unlimited") return Keep{.micros = 0, .unlimited = true};
    const auto refuse = [&](const std::string& why) {
        return std::unexpected('"' + std::string(text) + "\" is not a span of time; " + why);
    };
    for (const std::string_view word : {"forever", "never", "infinite", "infinity", "always", "none", "off"})
        if (text == word)
            return refuse(word == "none" || word == "off" ? "write \"0\" for what is not stored"
                                                          : "write \"unlimited\"");
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0) return refuse(std::string(how));
    const std::string_view number = text.substr(0, digits), unit = text.substr(digits);
    if (unit.empty()) return refuse("the unit is missing: " + std::string(how));
    const auto found =
        std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == unit; });
    if (found == units.end()) {
        const std::string hint = unit_hint(unit);
        if (!hint.empty()) return refuse("write \"" + std::string(number) + hint + '"');
        return refuse(std::string(how));
    }
    if (number.find_first_not_of('0') == std::string_view::npos)
        return refuse("write \"0\" for what is not stored");
    if (number.front() == '0') return refuse("write it without the leading zero");
    std::int64_t value = 0;
    for (const char c : number) {
        value = value * 10 + (c - '0');
        if (value > longest / found->micros)
            return refuse("it is longer than 100 years: write \"unlimited\"");
    }
    return Keep{.micros = value * found->micros, .unlimited = false};
}

bool longer(const Keep& a, const Keep& b) {
    if (a.unlimited || b.unlimited) return a.unlimited && !b.unlimited;
    return a.micros > b.micros;
}

std::expected<Keep, std::string> parse_choice(std::string_view text, const std::optional<Keep>& keep) {
    constexpr std::array<std::pair<std::string_view, std::int64_t>, 4> most{{{"s", 59}, {"min", 59}, {"h", 23}, {"d", 99}}};
    const auto parsed = parse_keep(text);
    if (!parsed || !parsed->stored() || (keep && *parsed == *keep)) return parsed;
    const auto refuse = [&](const std::string& why) {
        return std::unexpected('"' + std::string(text) + "\" is no choice; " + why);
    };
    if (parsed->unlimited) return refuse("write \"unlimited\" for archive.keep too, or a time");
    const std::string right = to_string(*parsed);
    const auto fits = [&](const auto& unit) {
        const std::size_t digits = right.find_first_not_of("0123456789");
        return right.substr(digits) == unit.first && std::stoll(right) <= unit.second;
    };
    if (std::ranges::none_of(most, fits))
        return refuse("write 1 to 59 s, 1 to 59 min, 1 to 23 h or 1 to 99 d, or \"0\"");
    if (right != text) return refuse("write \"" + right + '"');
    return parsed;
}

std::string to_string(const Keep& keep) {
    if (keep.unlimited) return "unlimited";
    if (keep.micros <= 0) return "0";
    for (const std::string_view name : {"d", "h", "min"}) {
        const auto& unit =
            *std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == name; });
        if (keep.micros % unit.micros == 0)
            return std::to_string(keep.micros / unit.micros) + std::string(name);
    }
    return std::to_string(keep.micros / second) + "s";
}

std::string FileError::to_string() const {
    if (line == 0) return file + ": " + message;
    return file + ':' + std::to_string(line) + ':' + std::to_string(column) + ": " + message;
}

std::expected<Policy, std::vector<FileError>> load_policy(const std::string& path) {
    auto text = read_text_file(path);
    if (!text) return std::unexpected(std::vector<FileError>{std::move(text.error())});
    return parse_policy(std::move(*text), path);
}

}  // namespace lethe::retention
