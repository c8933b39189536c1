// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/admin/qr_code.h"

#include <qrencode.h>

#include <memory>

namespace lethe::admin {

std::optional<QrCode> qr_code(std::string_view text) {
    if (text.empty() || text.size() > 2000) return std::nullopt;
    const std::unique_ptr<QRcode, decltype(&QRcode_free)> made(
        QRcode_encodeData(static_cast<int>(text.size()), reinterpret_cast<const unsigned char*>(text.data()), 0, QR_ECLEVEL_M), QRcode_free);
    if (!made) return std::nullopt;
    QrCode out{.width = static_cast<std::size_t>(made->width), .dark = {}};
    // The lowest bit of a module is its colour; the others say what it is for.
    for (std::size_t i = 0; i < out.width * out.width; ++i) out.dark.push_back((made->data[i] & 1) != 0);
    return out;
}

std::string qr_text(const QrCode& code, bool colour) {
    const std::size_t side = code.width + 2 * QrCode::margin;
    // What is drawn is the foreground: black on white with colours, light on a dark background without.
    const auto drawn = [&](std::size_t x, std::size_t y) {
        if (y >= side) return false;
        return (x >= QrCode::margin && y >= QrCode::margin && code.at(x - QrCode::margin, y - QrCode::margin)) == colour;
    };
    std::string out;
    for (std::size_t y = 0; y < side; y += 2) {
        if (colour) out += "\x1b[30;107m";
        for (std::size_t x = 0; x < side; ++x) {
            const bool upper = drawn(x, y), lower = drawn(x, y + 1);
            out += upper && lower ? "\u2588" : upper ? "\u2580" : lower ? "\u2584" : " ";
        }
        out += colour ? "\x1b[0m\n" : "\n";
    }
    return out;
}

std::string qr_path(const QrCode& code) {
    std::string out;
    for (std::size_t y = 0; y < code.width; ++y)
        for (std::size_t x = 0; x < code.width; ++x) {
            if (!code.at(x, y)) continue;
            const std::size_t from = x;
            while (code.at(x + 1, y)) ++x;
            const auto run = std::to_string(x + 1 - from);
            out += "M" + std::to_string(from + QrCode::margin) + " " + std::to_string(y + QrCode::margin) + "h" + run + "v1h-" + run + "z";
        }
    return out;
}

}  // namespace lethe::admin
