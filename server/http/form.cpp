// SPDX-License-Identifier: AGPL-3.0-or-later
#include <algorithm>

#include "crypto/secret.h"
#include "server/http/request.h"

namespace lethe::http {
namespace {

/// The page that has the longest form sends three. Each is compared with all before it.
constexpr std::size_t most_fields = 16;

void wipe(std::string& text) { crypto::detail::wipe(text.data(), text.size()); }

std::optional<std::string> decoded(std::string_view text) {
    std::string spaced(text);
    std::ranges::replace(spaced, '+', ' ');
    auto out = percent_decoded(spaced);
    wipe(spaced);
    return out;
}

}  // namespace

std::optional<FormFields> FormFields::parse(std::string_view body) {
    FormFields out;
    out.fields_.reserve(most_fields);  // no copy of a short password is left behind by growing
    while (!body.empty()) {
        const std::size_t end = std::min(body.find('&'), body.size());
        const auto one = body.substr(0, end);
        body.remove_prefix(std::min(end + 1, body.size()));
        const std::size_t equals = std::min(one.find('='), one.size());
        auto name = decoded(one.substr(0, equals)), value = decoded(one.substr(std::min(equals + 1, one.size())));
        if (!name || !value || out.fields_.size() == most_fields || out.find(*name)) return std::nullopt;
        out.fields_.push_back({std::move(*name), std::move(*value)});
    }
    return out;
}

FormFields::~FormFields() {
    for (auto& field : fields_) wipe(field.value);
}

std::string* FormFields::find(std::string_view name) {
    const auto found = std::ranges::find(fields_, name, &Field::name);
    return found == fields_.end() ? nullptr : &found->value;
}

}  // namespace lethe::http
