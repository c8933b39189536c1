// SPDX-License-Identifier: AGPL-3.0-or-later
#include "crypto/padding.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "crypto/forms.h"

namespace lethe::crypto {
namespace {

std::uint8_t any_bit(ByteView bytes) {
    std::uint8_t seen = 0;
    for (std::uint8_t b : bytes) seen |= b;
    return seen;
}

}  // namespace

std::size_t padme(std::size_t n) {
    if (n < 2) return n;
    const auto exponent = static_cast<std::size_t>(std::bit_width(n)) - 1;
    const auto kept = static_cast<std::size_t>(std::bit_width(exponent));
    const std::size_t mask = (std::size_t{1} << (exponent - kept)) - 1;
    return (n + mask) & ~mask;
}

std::size_t padded_size(std::size_t n, std::size_t minimum) {
    if (n > UINT32_MAX) std::abort();  // the length field would not hold it
    const std::size_t total = length_field + n;
    return total <= minimum ? minimum : padme(total);
}

bool is_padded_size(std::size_t size, std::size_t minimum) {
    return size == minimum || (size > minimum && padme(size) == size);
}

void pad_into(std::span<std::uint8_t> out, ByteView plain) {
    const std::size_t n = plain.size();
    for (std::size_t i = 0; i < length_field; ++i)
        out[i] = static_cast<std::uint8_t>(n >> (8 * (length_field - 1 - i)));
    std::copy(plain.begin(), plain.end(), out.begin() + length_field);
}

std::optional<ByteView> unpad(ByteView padded, std::size_t minimum) {
    if (padded.size() < length_field) return std::nullopt;
    std::size_t n = 0;
    for (std::size_t i = 0; i < length_field; ++i) n = n << 8 | padded[i];
    if (n > padded.size() - length_field || padded_size(n, minimum) != padded.size()) return std::nullopt;
    if (any_bit(padded.subspan(length_field + n)) != 0) return std::nullopt;
    return padded.subspan(length_field, n);
}

bool looks_like(Form form, ByteView sealed) {
    if (sealed.empty() || sealed[0] != static_cast<std::uint8_t>(form)) return false;
    switch (form) {
        case Form::account_record:
            return sealed.size() >= seal_overhead &&
                   is_padded_size(sealed.size() - seal_overhead, account_record_minimum);
        case Form::invitation:
            return sealed.size() == seal_overhead + invitation_minimum;
        case Form::profile_record:
        case Form::upload_header:
        case Form::record:
            return sealed.size() >= seal_overhead &&
                   is_padded_size(sealed.size() - seal_overhead, record_minimum);
        case Form::log_entry:
            return sealed.size() >= seal_overhead &&
                   is_padded_size(sealed.size() - seal_overhead, log_entry_minimum);
        case Form::segment_header:
            return sealed.size() == segment_header_bytes;
        case Form::upload_chunk: {
            // Whole chunks, and the last one: what is left of a padded file, whose sizes above one chunk are multiples of 2 KiB.
            const std::size_t size = sealed.size() - std::min(sealed.size(), upload_chunk_overhead);
            return size <= upload_chunk_bytes && (is_padded_size(size, log_entry_minimum) || (size > 0 && size % 2048 == 0));
        }
        case Form::vault_wrap:
            return sealed.size() == vault_wrap_bytes;
    }
    return false;
}

}  // namespace lethe::crypto
