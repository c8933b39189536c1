// SPDX-License-Identifier: AGPL-3.0-or-later
#include <http_parser.h>

#include <algorithm>

#include "server/http/request.h"

namespace lethe::http {
namespace {

std::optional<unsigned> hex(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
    return std::nullopt;
}

std::optional<std::string> decode_segment(std::string_view text) {
    auto out = percent_decoded(text);
    const auto trick = [](char c) { return (static_cast<unsigned char>(c) < 0x20) || c == 0x7f || c == '/' || c == '\\'; };
    if (!out || *out == "." || *out == ".." || std::ranges::any_of(*out, trick)) return std::nullopt;
    return out;
}

std::optional<std::string> decode_path(std::string_view path) {
    if (!path.starts_with('/')) return std::nullopt;
    std::string out;
    do {
        path.remove_prefix(1);
        const std::size_t end = std::min(path.find('/'), path.size());
        const auto segment = decode_segment(path.substr(0, end));
        // An empty one may only be the last: "/" and "/a/", not "//".
        if (!segment || (segment->empty() && end != path.size())) return std::nullopt;
        out += '/' + *segment;
        path.remove_prefix(end);
    } while (!path.empty());
    return out;
}

/// What follows the authority of "https://host:port/path?query".
std::optional<std::string_view> behind_authority(std::string_view text) {
    http_parser_url url;
    http_parser_url_init(&url);
    if (http_parser_parse_url(text.data(), text.size(), 0, &url) != 0) return std::nullopt;
    if ((url.field_set & (1u << UF_USERINFO)) != 0 || (url.field_set & (1u << UF_HOST)) == 0) return std::nullopt;
    // "http://host?/path" has no path, and a query that looks like one.
    if ((url.field_set & (1u << UF_PATH)) == 0) return std::nullopt;
    return text.substr(url.field_data[UF_PATH].off);
}

}  // namespace

std::optional<std::string> percent_decoded(std::string_view text) {
    // On the heap from the beginning: no copy of a secret is left behind by growing, nor inside an object that was moved from.
    constexpr std::size_t beyond_the_object = 32;
    std::string out;
    out.reserve(std::max(text.size(), beyond_the_object));
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned octet = static_cast<unsigned char>(text[i]);
        if (text[i] == '%') {
            if (text.size() - i < 3) return std::nullopt;
            const auto high = hex(text[i + 1]), low = hex(text[i + 2]);
            if (!high || !low) return std::nullopt;
            octet = *high * 16 + *low;
            i += 2;
        }
        out += static_cast<char>(octet);
    }
    return out;
}

std::optional<Target> parse_target(std::string_view text) {
    constexpr std::string_view never = "\"<>\\^`{|}#";
    if (text.empty() || std::ranges::any_of(text, [&](char c) { return c <= ' ' || c > '~' || never.find(c) != never.npos; })) return std::nullopt;
    if (text == "*") return Target{.path = "*", .query = {}};
    if (text.starts_with("http://") || text.starts_with("https://")) {
        const auto rest = behind_authority(text);
        if (!rest) return std::nullopt;
        text = *rest;
    }
    const std::size_t end = std::min(text.find('?'), text.size());
    auto path = decode_path(text.substr(0, end));
    if (!path) return std::nullopt;
    return Target{.path = std::move(*path), .query = std::string(text.substr(std::min(end + 1, text.size())))};
}

}  // namespace lethe::http
