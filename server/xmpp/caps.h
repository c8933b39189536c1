// SPDX-License-Identifier: AGPL-3.0-or-later
// The XEP-0115 verification string (section 5.1), for answers without extended forms.
#pragma once
#include <set>
#include <string>
#include <vector>

namespace lethe::xmpp {

struct Identity {
    std::string category, type, lang, name;
};
/// Base64 of SHA-1 over the sorted identities and features.
std::string caps_hash(const std::vector<Identity>& identities, const std::set<std::string>& features);

}  // namespace lethe::xmpp
