// SPDX-License-Identifier: AGPL-3.0-or-later
#include <mbedtls/platform_util.h>
#include <unicode/usprep.h>
#include <unicode/ustring.h>

#include <algorithm>
#include <cassert>

#include "server/xmpp/scram.h"

namespace lethe::xmpp::scram {
namespace {

const UStringPrepProfile* profile() {
    static const UStringPrepProfile* const instance = [] {
        UErrorCode status = U_ZERO_ERROR;
        const UStringPrepProfile* p = usprep_openByType(USPREP_RFC4013_SASLPREP, &status);
        assert(U_SUCCESS(status));  // built into the library's data
        return p;
    }();
    return instance;
}

/// UTF-16 text that is wiped, since it may be a password.
struct Wiped {
    std::u16string text;
    explicit Wiped(std::size_t size) : text(size, u'\0') {}
    ~Wiped() { mbedtls_platform_zeroize(text.data(), text.size() * sizeof(char16_t)); }
    Wiped(const Wiped&) = delete;
    Wiped& operator=(const Wiped&) = delete;
    std::int32_t capacity() const { return static_cast<std::int32_t>(text.size()); }
};

// Far above any real password; ICU's sizes are 32-bit.
constexpr std::size_t max_bytes = 4096;
// No compatibility decomposition of one UTF-16 unit is longer than 18.
constexpr std::size_t max_growth = 18;

}  // namespace

std::optional<std::string> saslprep(std::string_view text, Unassigned unassigned) {
    if (text.size() > max_bytes) return std::nullopt;
    // Printable ASCII prepares to itself.
    if (std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7F; })) return std::string(text);

    Wiped in(text.size()), out(text.size() * max_growth);
    UErrorCode status = U_ZERO_ERROR;
    std::int32_t in_size = 0;
    u_strFromUTF8(in.text.data(), in.capacity(), &in_size, text.data(),
                  static_cast<std::int32_t>(text.size()), &status);
    const std::int32_t options = unassigned == Unassigned::allowed ? USPREP_ALLOW_UNASSIGNED : USPREP_DEFAULT;
    const std::int32_t out_size = usprep_prepare(profile(), in.text.data(), in_size, out.text.data(),
                                                 out.capacity(), options, nullptr, &status);
    if (U_FAILURE(status)) return std::nullopt;

    std::string prepared(static_cast<std::size_t>(out_size) * 3, '\0');
    std::int32_t size = 0;
    u_strToUTF8(prepared.data(), static_cast<std::int32_t>(prepared.size()), &size, out.text.data(), out_size,
                &status);
    assert(U_SUCCESS(status));
    prepared.resize(static_cast<std::size_t>(size));
    return prepared;
}

}  // namespace lethe::xmpp::scram
