// SPDX-License-Identifier: AGPL-3.0-or-later
// The XEP-0115 verification string (section 5.1).
#pragma once
#include <set>
#include <string>
#include <vector>

#include "server/xmpp/forms.h"

namespace lethe::xmpp {

struct Identity {
    std::string category, type, lang, name;
};
/// Base64 of SHA-1 over the sorted identities, features and forms. Every form has a FORM_TYPE of its own.
std::string caps_hash(const std::vector<Identity>& identities, const std::set<std::string>& features, const std::vector<Form>& forms = {});

}  // namespace lethe::xmpp
