// SPDX-License-Identifier: AGPL-3.0-or-later
// QR codes of links, for terminals and pages. Pure; any thread.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lethe::admin {

struct QrCode {
    std::size_t width = 0;   ///< modules on a side, without the margin
    std::vector<bool> dark;  ///< row by row
    bool at(std::size_t x, std::size_t y) const { return x < width && y < width && dark[y * width + x]; }
    static constexpr std::size_t margin = 4;  ///< light modules on every side, without which readers find nothing
};

/// With error correction for a damaged or dirty print (level M). Nothing if the text is empty or too long for any code.
std::optional<QrCode> qr_code(std::string_view text);

/// Lines of half blocks, two rows of modules in each, margin included. With `colour` black on white by escape sequences, else for a
/// dark terminal: the light modules are drawn.
std::string qr_text(const QrCode& code, bool colour);
/// The dark modules as data of an SVG path, one unit for each, the margin at the left and the top included.
std::string qr_path(const QrCode& code);

}  // namespace lethe::admin
