// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/http/response.h"

#include <http_parser.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

namespace lethe::http {
namespace {

// No Strict-Transport-Security: it would bind the host's other ports, which are not ours.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> always{{
    {"Content-Security-Policy", "default-src 'none'; sandbox; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cache-Control", "no-store"},
}};

std::string_view name_of(int status) { return http_status_str(static_cast<http_status>(status)); }

bool number(std::string_view text, std::uint64_t& out) {
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return !text.empty() && error == std::errc{} && rest == text.data() + text.size();
}

/// Thousandths; an unreadable weight is none.
unsigned weight(std::string_view parameters) {
    parameters = trimmed(parameters);
    if (parameters.empty()) return 1000;
    if (!parameters.starts_with("q=") && !parameters.starts_with("Q=")) return 0;
    parameters.remove_prefix(2);
    if (parameters == "1" || parameters.starts_with("1.")) return 1000;
    std::uint64_t value = 0;
    std::string_view digits = parameters.starts_with("0.") ? parameters.substr(2) : std::string_view("0");
    if (digits.size() > 3 || !number(digits, value)) return 0;
    for (std::size_t i = digits.size(); i < 3; ++i) value *= 10;
    return static_cast<unsigned>(value);
}

}  // namespace

Response plain(int status) {
    return {.status = status, .fields = {{"Content-Type", "text/plain; charset=utf-8"}}, .body = std::to_string(status) + ' ' + std::string(name_of(status)) + '\n'};
}

Response not_allowed(std::string_view methods) {
    Response out = plain(405);
    out.fields.push_back({"Allow", std::string(methods)});
    return out;
}

std::string http_date(retention::Time time) {
    const auto seconds = static_cast<std::time_t>(time / 1'000'000);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 64> text{};
    // The program never leaves the C locale, so these are English.
    const std::size_t size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return {text.data(), size};
}

std::string head_of(const Response& response, retention::Time now, bool keep_alive) {
    std::string out = "HTTP/1.1 " + std::to_string(response.status) + ' ' + std::string(name_of(response.status)) + "\r\n";
    const auto add = [&out](std::string_view name, std::string_view value) {
        out.append(name).append(": ").append(value).append("\r\n");
    };
    add("Date", http_date(now));
    const bool switches = response.status == 101;
    for (const auto& [name, value] : always)
        if (!switches && std::ranges::find(response.fields, name, &Field::name) == response.fields.end()) add(name, value);
    for (const auto& [name, value] : response.fields) add(name, value);
    if (!switches && response.status != 204 && response.status != 304) add("Content-Length", std::to_string(response.pieces ? response.length : response.body.size()));
    // Upgrade is a field of the connection (RFC 9110 section 7.8); a 101 names it itself.
    const bool upgrade = !switches && std::ranges::find(response.fields, "Upgrade", &Field::name) != response.fields.end();
    if (upgrade) add("Connection", keep_alive ? "Upgrade" : "Upgrade, close");
    else if (!switches && !keep_alive) add("Connection", "close");
    return out + "\r\n";
}

RangeVerdict parse_range(std::string_view field, std::uint64_t size, Range& out) {
    out = {.first = 0, .length = size};
    field = trimmed(field);
    constexpr std::string_view unit = "bytes";
    if (!same_word(field.substr(0, unit.size()), unit) || !field.substr(unit.size()).starts_with('=')) return RangeVerdict::whole;
    field.remove_prefix(unit.size() + 1);
    const std::size_t dash = field.find('-');
    if (dash == field.npos) return RangeVerdict::whole;
    const std::string_view from = trimmed(field.substr(0, dash)), to = trimmed(field.substr(dash + 1));
    std::uint64_t first = 0, last = 0;
    if (from.empty()) {
        if (!number(to, last)) return RangeVerdict::whole;
        if (last == 0 || size == 0) return RangeVerdict::unsatisfiable;
        out.length = std::min(last, size);
        out.first = size - out.length;
        return RangeVerdict::part;
    }
    if (!number(from, first)) return RangeVerdict::whole;
    if (to.empty()) last = UINT64_MAX;
    else if (!number(to, last) || last < first) return RangeVerdict::whole;
    if (first >= size) return RangeVerdict::unsatisfiable;
    out = {.first = first, .length = std::min(last, size - 1) - first + 1};
    return RangeVerdict::part;
}

std::expected<Range, Response> range_for(const Request& request, std::string_view tag, std::uint64_t size, Response& out) {
    Range range{.first = 0, .length = size};
    const bool asked = request.method == Method::get && (!request.has("if-range") || request.field("if-range") == tag);
    const auto verdict = asked ? parse_range(request.field("range"), size, range) : RangeVerdict::whole;
    const std::string of_all = '/' + std::to_string(size);
    if (verdict == RangeVerdict::unsatisfiable) {
        Response refused = plain(416);
        refused.fields.push_back({"Content-Range", "bytes *" + of_all});
        return std::unexpected(std::move(refused));
    }
    if (verdict == RangeVerdict::part) {
        out.status = 206;
        out.fields.push_back({"Content-Range", "bytes " + std::to_string(range.first) + '-' + std::to_string(range.first + range.length - 1) + of_all});
    }
    return range;
}

bool matches(std::string_view list, std::string_view tag, Comparison comparison) {
    return std::ranges::any_of(elements(list), [&](std::string_view given) {
        if (comparison == Comparison::weak && given.starts_with("W/")) given.remove_prefix(2);
        return given == tag || given == "*";
    });
}

std::optional<int> precondition(const Request& request, std::string_view tag) {
    if (request.has("if-match") && !matches(request.field("if-match"), tag, Comparison::strong)) return 412;
    if (matches(request.field("if-none-match"), tag, Comparison::weak)) return 304;
    return std::nullopt;
}

std::size_t choose_language(std::string_view accept_language, const std::vector<std::string_view>& available) {
    std::size_t chosen = 0;
    unsigned best = 0;
    for (const auto item : elements(accept_language)) {
        const std::size_t end = std::min(item.find(';'), item.size());
        const std::string_view name = trimmed(item.substr(0, end)), primary = name.substr(0, name.find('-'));
        const unsigned wanted = weight(item.substr(std::min(end + 1, item.size())));
        for (std::size_t i = 0; i < available.size(); ++i)
            if (wanted > best && same_word(primary, available[i])) {
                best = wanted;
                chosen = i;
            }
    }
    return chosen;
}

}  // namespace lethe::http
