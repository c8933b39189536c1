// SPDX-License-Identifier: AGPL-3.0-or-later
// Rules that look at a character's neighbours: RFC 5892 appendix A and RFC 5893 section 2.
#include <unicode/uchar.h>
#include <unicode/uscript.h>

#include <algorithm>
#include <cstdint>

#include "server/xmpp/precis.h"

namespace lethe::xmpp::precis {
namespace {

using View = std::u32string_view;

UChar32 code(char32_t c) { return static_cast<UChar32>(c); }

UScriptCode script_of(char32_t c) {
    UErrorCode status = U_ZERO_ERROR;
    return uscript_getScript(code(c), &status);
}

bool follows_virama(View text, std::size_t i) {
    constexpr std::uint8_t virama = 9;  // canonical combining class
    return i > 0 && u_getCombiningClass(code(text[i - 1])) == virama;
}

/// Appendix A.1: between characters that join towards the mark, transparent ones skipped.
bool between_joining(View text, std::size_t i) {
    const auto joining = [&](std::size_t k) {
        return u_getIntPropertyValue(code(text[k]), UCHAR_JOINING_TYPE);
    };
    std::size_t before = i;
    while (before > 0 && joining(before - 1) == U_JT_TRANSPARENT) --before;
    if (before == 0) return false;
    const auto left = joining(before - 1);
    if (left != U_JT_LEFT_JOINING && left != U_JT_DUAL_JOINING) return false;
    std::size_t after = i + 1;
    while (after < text.size() && joining(after) == U_JT_TRANSPARENT) ++after;
    if (after == text.size()) return false;
    const auto right = joining(after);
    return right == U_JT_RIGHT_JOINING || right == U_JT_DUAL_JOINING;
}

bool has_japanese_or_han(View text) {
    return std::ranges::any_of(text, [](char32_t c) {
        const UScriptCode s = script_of(c);
        return s == USCRIPT_HIRAGANA || s == USCRIPT_KATAKANA || s == USCRIPT_HAN;
    });
}

bool has_in(View text, char32_t first, char32_t last) {
    return std::ranges::any_of(text, [=](char32_t c) { return c >= first && c <= last; });
}

bool context_rule_holds(View text, std::size_t i) {
    const char32_t c = text[i];
    switch (c) {
        case 0x200C:
            return follows_virama(text, i) || between_joining(text, i);
        case 0x200D:
            return follows_virama(text, i);
        case 0x00B7:
            return i > 0 && i + 1 < text.size() && text[i - 1] == U'l' && text[i + 1] == U'l';
        case 0x0375:
            return i + 1 < text.size() && script_of(text[i + 1]) == USCRIPT_GREEK;
        case 0x05F3:
        case 0x05F4:
            return i > 0 && script_of(text[i - 1]) == USCRIPT_HEBREW;
        case 0x30FB:
            return has_japanese_or_han(text);
        default:
            break;
    }
    // The two sets of Arabic-Indic digits may not be mixed.
    if (c >= 0x0660 && c <= 0x0669) return !has_in(text, 0x06F0, 0x06F9);
    if (c >= 0x06F0 && c <= 0x06F9) return !has_in(text, 0x0660, 0x0669);
    return true;
}

constexpr std::uint32_t bit(UCharDirection d) { return 1u << d; }
constexpr std::uint32_t neutral = bit(U_EUROPEAN_NUMBER_SEPARATOR) | bit(U_COMMON_NUMBER_SEPARATOR) |
                                  bit(U_EUROPEAN_NUMBER_TERMINATOR) | bit(U_OTHER_NEUTRAL) |
                                  bit(U_BOUNDARY_NEUTRAL) | bit(U_DIR_NON_SPACING_MARK);
constexpr std::uint32_t l = bit(U_LEFT_TO_RIGHT), r = bit(U_RIGHT_TO_LEFT), al = bit(U_RIGHT_TO_LEFT_ARABIC),
                        an = bit(U_ARABIC_NUMBER), en = bit(U_EUROPEAN_NUMBER);

}  // namespace

bool context_rules_hold(View text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (!context_rule_holds(text, i)) return false;
    }
    return true;
}

bool bidi_rule_holds(View text) {
    const auto direction = [](char32_t c) { return bit(u_charDirection(code(c))); };
    std::uint32_t seen = 0;
    for (char32_t c : text) seen |= direction(c);
    if (!(seen & (r | al | an))) return true;

    const std::uint32_t first = direction(text.front());
    std::size_t end = text.size();
    while (end > 0 && direction(text[end - 1]) == bit(U_DIR_NON_SPACING_MARK)) --end;
    const std::uint32_t last = end > 0 ? direction(text[end - 1]) : 0;
    if (first & (r | al)) {
        const bool both_numbers = (seen & an) && (seen & en);
        return !(seen & ~(r | al | an | en | neutral)) && (last & (r | al | en | an)) && !both_numbers;
    }
    // A left-to-right label may hold no right-to-left character at all, and this one does.
    return false;
}

}  // namespace lethe::xmpp::precis
