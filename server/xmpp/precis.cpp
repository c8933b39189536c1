// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/xmpp/precis.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <cassert>

namespace lethe::xmpp::precis {
namespace {

using Utf32 = std::u32string;

UChar32 code(char32_t c) { return static_cast<UChar32>(c); }

const UNormalizer2* nfc() {
    static const UNormalizer2* const instance = [] {
        UErrorCode status = U_ZERO_ERROR;
        const UNormalizer2* n = unorm2_getNFCInstance(&status);
        assert(U_SUCCESS(status));  // built into the library
        return n;
    }();
    return instance;
}

const UNormalizer2* nfkc() {
    static const UNormalizer2* const instance = [] {
        UErrorCode status = U_ZERO_ERROR;
        const UNormalizer2* n = unorm2_getNFKCInstance(&status);
        assert(U_SUCCESS(status));
        return n;
    }();
    return instance;
}

std::u16string to_utf16(std::u32string_view text) {
    std::u16string out;
    out.reserve(text.size());
    for (char32_t c : text) {
        if (c < 0x10000) {
            out += static_cast<char16_t>(c);
        } else {
            out += U16_LEAD(code(c));
            out += U16_TRAIL(code(c));
        }
    }
    return out;
}

Utf32 to_utf32(std::u16string_view text) {
    Utf32 out;
    out.reserve(text.size());
    const auto size = static_cast<std::int32_t>(text.size());
    for (std::int32_t i = 0; i < size;) {
        UChar32 c;
        U16_NEXT(text.data(), i, size, c);
        out += static_cast<char32_t>(c);
    }
    return out;
}

Utf32 normalize_nfc(const Utf32& text) {
    const std::u16string in = to_utf16(text);
    // NFC at most triples the length of UTF-16 text (Unicode Standard Annex #15, "Maximum Expansion Factor").
    std::u16string out(in.size() * 3, u'\0');
    UErrorCode status = U_ZERO_ERROR;
    const std::int32_t size = unorm2_normalize(nfc(), in.data(), static_cast<std::int32_t>(in.size()),
                                               out.data(), static_cast<std::int32_t>(out.size()), &status);
    assert(U_SUCCESS(status));
    out.resize(static_cast<std::size_t>(size));
    return to_utf32(out);
}

bool has_compatibility_mapping(char32_t c) {
    const std::u16string text = to_utf16(std::u32string_view(&c, 1));
    UErrorCode status = U_ZERO_ERROR;
    return !unorm2_isNormalized(nfkc(), text.data(), static_cast<std::int32_t>(text.size()), &status) ||
           U_FAILURE(status);
}

/// RFC 8264 section 9.6, the exceptions of RFC 5892 section 2.6.
std::optional<Property> exception(char32_t c) {
    switch (c) {
        case 0x00DF:
        case 0x03C2:
        case 0x06FD:
        case 0x06FE:
        case 0x0F0B:
        case 0x3007:
            return Property::valid;
        case 0x00B7:
        case 0x0375:
        case 0x05F3:
        case 0x05F4:
        case 0x30FB:
            return Property::context_other;
        case 0x0640:
        case 0x07FA:
        case 0x302E:
        case 0x302F:
        case 0x3031:
        case 0x3032:
        case 0x3033:
        case 0x3034:
        case 0x3035:
        case 0x303B:
            return Property::disallowed;
        default:
            break;
    }
    if ((c >= 0x0660 && c <= 0x0669) || (c >= 0x06F0 && c <= 0x06F9)) return Property::context_other;
    return std::nullopt;
}

bool is_old_hangul_jamo(char32_t c) {
    const auto type = u_getIntPropertyValue(code(c), UCHAR_HANGUL_SYLLABLE_TYPE);
    return type == U_HST_LEADING_JAMO || type == U_HST_VOWEL_JAMO || type == U_HST_TRAILING_JAMO;
}

constexpr std::uint32_t letter_digits =
    U_GC_LL_MASK | U_GC_LU_MASK | U_GC_LO_MASK | U_GC_ND_MASK | U_GC_LM_MASK | U_GC_MN_MASK | U_GC_MC_MASK;
constexpr std::uint32_t free_only =
    U_GC_LT_MASK | U_GC_NL_MASK | U_GC_NO_MASK | U_GC_ME_MASK | U_GC_ZS_MASK | U_GC_S_MASK | U_GC_P_MASK;

/// Full lower case without context. Final sigma is left alone, so that no character depends on its
/// neighbours; U+0130 is the only other code point whose full mapping differs from the simple one.
Utf32 lower_case(const Utf32& text) {
    Utf32 out;
    out.reserve(text.size());
    for (char32_t c : text) {
        if (c == 0x0130) {
            out += U"i\u0307";
        } else {
            out += static_cast<char32_t>(u_tolower(code(c)));
        }
    }
    return out;
}

/// Fullwidth and halfwidth forms to what they stand for (RFC 8264 section 5.2.1).
Utf32 map_width(const Utf32& text) {
    Utf32 out;
    out.reserve(text.size());
    for (char32_t c : text) {
        const auto type = u_getIntPropertyValue(code(c), UCHAR_DECOMPOSITION_TYPE);
        if (type != U_DT_WIDE && type != U_DT_NARROW) {
            out += c;
            continue;
        }
        char16_t mapped[8];
        UErrorCode status = U_ZERO_ERROR;
        const std::int32_t size = unorm2_getRawDecomposition(nfkc(), code(c), mapped, 8, &status);
        assert(U_SUCCESS(status) && size > 0);
        out += to_utf32(std::u16string_view(mapped, static_cast<std::size_t>(size)));
    }
    return out;
}

bool in_identifier_class(const Utf32& text) {
    return std::ranges::all_of(text,
                               [](char32_t c) {
                                   const Property p = property_of(c);
                                   return p == Property::valid || p == Property::context_joiner ||
                                          p == Property::context_other;
                               }) &&
           context_rules_hold(text);
}

bool in_freeform_class(const Utf32& text) {
    return std::ranges::all_of(text,
                               [](char32_t c) {
                                   const Property p = property_of(c);
                                   return p != Property::disallowed && p != Property::unassigned;
                               }) &&
           context_rules_hold(text);
}

std::optional<Utf32> enforce_username(const Utf32& text) {
    Utf32 s = map_width(text);
    if (!in_identifier_class(s)) return std::nullopt;
    s = normalize_nfc(lower_case(s));
    if (s.empty() || !in_identifier_class(s) || !bidi_rule_holds(s)) return std::nullopt;
    return s;
}

std::optional<Utf32> enforce_opaque(const Utf32& text) {
    if (!in_freeform_class(text)) return std::nullopt;
    Utf32 s = text;
    for (char32_t& c : s) {
        if (u_charType(code(c)) == U_SPACE_SEPARATOR) c = U' ';
    }
    s = normalize_nfc(s);
    if (s.empty() || !in_freeform_class(s)) return std::nullopt;
    return s;
}

/// Applies the rules until nothing changes; a string that three more rounds do not settle is refused (RFC
/// 8264 section 7).
template <class Enforce>
std::optional<std::string> until_stable(std::string_view text, Enforce enforce) {
    const std::optional<Utf32> decoded = decode_utf8(text);
    if (!decoded) return std::nullopt;
    std::optional<Utf32> current = enforce(*decoded);
    for (int round = 0; current && round < 3; ++round) {
        std::optional<Utf32> next = enforce(*current);
        if (next == current) return encode_utf8(*current);
        current = std::move(next);
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::u32string> decode_utf8(std::string_view text) {
    Utf32 out;
    out.reserve(text.size());
    const auto size = static_cast<std::int32_t>(text.size());
    for (std::int32_t i = 0; i < size;) {
        UChar32 c;
        U8_NEXT(reinterpret_cast<const std::uint8_t*>(text.data()), i, size, c);
        if (c < 0) return std::nullopt;
        out += static_cast<char32_t>(c);
    }
    return out;
}

std::string encode_utf8(std::u32string_view text) {
    std::string out;
    out.reserve(text.size());
    for (char32_t c : text) {
        std::uint8_t bytes[U8_MAX_LENGTH];
        std::int32_t size = 0;
        U8_APPEND_UNSAFE(bytes, size, code(c));
        out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    }
    return out;
}

Property property_of(char32_t c) {
    if (const auto e = exception(c)) return *e;
    const std::uint32_t category = U_MASK(u_charType(code(c)));
    if (category & U_GC_CN_MASK) return Property::unassigned;
    if (c >= 0x21 && c <= 0x7E) return Property::valid;
    if (c == 0x200C || c == 0x200D) return Property::context_joiner;
    if (is_old_hangul_jamo(c)) return Property::disallowed;
    if (u_hasBinaryProperty(code(c), UCHAR_DEFAULT_IGNORABLE_CODE_POINT)) return Property::disallowed;
    if (category & U_GC_CC_MASK) return Property::disallowed;
    if (has_compatibility_mapping(c)) return Property::free_only;
    if (category & letter_digits) return Property::valid;
    if (category & free_only) return Property::free_only;
    return Property::disallowed;
}

std::optional<std::string> username_case_mapped_slow(std::string_view text) {
    return until_stable(text, enforce_username);
}
std::optional<std::string> opaque_string_slow(std::string_view text) {
    return until_stable(text, enforce_opaque);
}

std::optional<std::string> username_case_mapped(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') {
            c = static_cast<char>(c + ('a' - 'A'));
        } else if (c < 0x21 || c > 0x7E) {
            return username_case_mapped_slow(text);
        }
    }
    if (out.empty()) return std::nullopt;
    return out;
}

std::optional<std::string> opaque_string(std::string_view text) {
    for (char c : text) {
        if (c < 0x20 || c > 0x7E) return opaque_string_slow(text);
    }
    if (text.empty()) return std::nullopt;
    return std::string(text);
}

}  // namespace lethe::xmpp::precis
