// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/xmpp/base64.h"

#include <mbedtls/base64.h>

#include <cassert>

namespace lethe::xmpp::base64 {

std::string encode(std::span<const std::uint8_t> bytes) {
    std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');  // mbedTLS ends it with a null
    std::size_t size = 0;
    const int rc = mbedtls_base64_encode(reinterpret_cast<unsigned char*>(out.data()), out.size(), &size,
                                         bytes.data(), bytes.size());
    assert(rc == 0);
    (void)rc;
    out.resize(size);
    return out;
}

std::optional<std::vector<std::uint8_t>> decode(std::string_view text) {
    std::vector<std::uint8_t> out(text.size() / 4 * 3);
    std::size_t size = 0;
    if (mbedtls_base64_decode(out.data(), out.size(), &size,
                              reinterpret_cast<const unsigned char*>(text.data()), text.size()) != 0)
        return std::nullopt;
    out.resize(size);
    // mbedTLS forgives line breaks and stray bits in the last character; whoever forgives gives one value two
    // spellings.
    if (encode(out) != text) return std::nullopt;
    return out;
}

}  // namespace lethe::xmpp::base64
