// SPDX-License-Identifier: AGPL-3.0-or-later
// The document that XEP-0455 has clients fetch from another machine while this server cannot answer.
#include <algorithm>
#include <cctype>
#include <chrono>
#include <nlohmann/json.hpp>

#include "server/xmpp/datetime.h"
#include "tools/lethectl/commands.h"
#include "tools/lethectl/terminal.h"

namespace lethe::lethectl {
namespace {

using nlohmann::ordered_json;

constexpr std::int64_t second = 1'000'000;

std::int64_t now() {
    return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count() * second;
}

/// Whole seconds, as the XEP writes them.
std::string stamp(std::int64_t micros) {
    auto text = xmpp::format_datetime(micros);
    return text.substr(0, text.find('.')) + "Z";
}

/// BCP 47 as far as its letters go.
bool is_language(std::string_view tag) {
    if (tag == "default") return false;
    std::size_t length = 0;
    bool first = true;
    for (const char c : tag) {
        if (c == '-') {
            if (length == 0) return false;
            length = 0;
            first = false;
        } else if (++length > 8 || !(first ? std::isalpha(static_cast<unsigned char>(c)) : std::isalnum(static_cast<unsigned char>(c)))) {
            return false;
        }
    }
    return length > 0;
}

int wrong(const std::string& text) {
    message(text + "; see lethectl outage --help");
    return 2;
}

}  // namespace

int print_outage(const OutageOptions& options) {
    if (options.over) {
        result("{}");
        return 0;
    }
    const auto from = options.from.empty() ? now() : xmpp::parse_datetime(options.from);
    if (!from) return wrong("--from " + options.from + ": this is not a time; write it as 2026-11-22T18:54:00Z");
    ordered_json out{{"planned", options.planned}, {"beginning", stamp(*from)}};
    if (!options.until.empty()) {
        const auto until = xmpp::parse_datetime(options.until);
        if (!until) return wrong("--until " + options.until + ": this is not a time; write it as 2026-11-22T18:54:00Z");
        if (*until <= *from) return wrong("--until " + options.until + ": the outage would end before it begins; give a later time");
        out["expected_end"] = stamp(*until);
    }
    if (!options.message.empty()) out["message"]["default"] = options.message;
    for (const auto& translated : options.messages) {
        const auto equals = translated.find('=');
        const auto language = translated.substr(0, equals);
        if (equals == std::string::npos || !is_language(language))
            return wrong("--message-in " + translated + ": this does not begin with a language; write it as de=TEXT");
        out["message"][language] = translated.substr(equals + 1);
    }
    try {
        result(out.dump(2));
    } catch (const ordered_json::type_error&) {
        return wrong("the message is not UTF-8; type it on a terminal whose locale is");
    }
    return 0;
}

}  // namespace lethe::lethectl
