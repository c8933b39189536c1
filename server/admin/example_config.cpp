// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/admin/example_config.h"

#include "crypto/hex.h"
#include "server/admin/example_text.h"

namespace lethe::admin {
namespace {

/// The inside of a TOML basic string.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20 || byte == 0x7f) {
            out += "\\u00";
            out += crypto::hex_digits(byte);
        } else {
            out += c;
        }
    }
    return out;
}

void fill(std::string& text, std::string_view place, std::string_view value) {
    text.replace(text.find(place), place.size(), escaped(value));
}

}  // namespace

std::string example_config(std::string_view domain, std::string_view data, std::string_view node_key_source) {
    std::string text(example_text);
    if (constexpr std::string_view preset = "#source = \"file\""; node_key_source != "file")
        text.replace(text.find(preset), preset.size(), "source = \"" + std::string(node_key_source) + '"');
    fill(text, "%DATA%", data);
    fill(text, "%DOMAIN%", domain);
    return text;
}

}  // namespace lethe::admin
