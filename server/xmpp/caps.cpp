// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/xmpp/caps.h"

#include <mbedtls/md.h>

#include <algorithm>
#include <array>

#include "server/xmpp/base64.h"

namespace lethe::xmpp {

std::string caps_hash(const std::vector<Identity>& identities, const std::set<std::string>& features) {
    std::vector<std::string> sorted;
    for (const auto& i : identities) sorted.push_back(i.category + "/" + i.type + "/" + i.lang + "/" + i.name + "<");
    std::sort(sorted.begin(), sorted.end());
    std::string text;
    for (const auto& identity : sorted) text += identity;
    for (const auto& feature : features) text += feature + "<";
    std::array<std::uint8_t, 20> hash{};
    mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA1), reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash.data());
    return base64::encode(hash);
}

}  // namespace lethe::xmpp
