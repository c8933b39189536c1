// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/http/request.h"

#include <algorithm>

namespace lethe::http {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

bool Request::has(std::string_view name) const { return std::ranges::find(fields, name, &Field::name) != fields.end(); }

std::string Request::field(std::string_view name) const {
    std::string out;
    for (const Field& field : fields)
        if (field.name == name) out += (out.empty() ? "" : ", ") + field.value;
    return out;
}

std::string_view trimmed(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    return text.substr(0, text.find_last_not_of(" \t") + 1);
}

std::string in_lower_case(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), lower);
    return out;
}

bool same_word(std::string_view text, std::string_view word) { return std::ranges::equal(text, word, {}, lower); }

std::vector<std::string_view> elements(std::string_view list) {
    std::vector<std::string_view> out;
    while (!list.empty()) {
        const std::size_t end = std::min(list.find(','), list.size());
        out.push_back(trimmed(list.substr(0, end)));
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return out;
}

std::string essence(std::string_view media_type) { return in_lower_case(media_type.substr(0, media_type.find_first_of("; \t"))); }

}  // namespace lethe::http
