// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/xmpp/digest.h"

#include <mbedtls/md.h>

namespace lethe::xmpp {

std::array<std::uint8_t, 20> sha1(std::span<const std::uint8_t> bytes) {
    std::array<std::uint8_t, 20> hash{};
    mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA1), bytes.data(), bytes.size(), hash.data());
    return hash;
}

}  // namespace lethe::xmpp
