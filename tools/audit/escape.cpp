// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tools/audit/escape.h"

#include "crypto/hex.h"

namespace lethe::audit {

namespace {
constexpr std::size_t longest = 300;
}

std::string printable(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) {
        if (out.size() >= longest) return out + "…";
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f && c != '\\')
            out += c;
        else
            out.append("\\x").append(crypto::hex_digits(byte));
    }
    return out;
}

std::string html_text(std::string_view bytes) {
    std::string out;
    for (const char c : printable(bytes)) {
        switch (c) {
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '&':
                out += "&amp;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

}  // namespace lethe::audit
