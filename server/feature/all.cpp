// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/feature/all.h"

namespace lethe::feature {

core::FeatureTable all() {
    return core::FeatureTable({archive(), archive_preferences(), blocking(), bookmarks(), capabilities(), carbons(), client_state(), commands(), data_policy(), disco(),
                               entity_time(), legacy_session(), offline(), pep(), ping(), private_storage(), push(), registration(), roster(), upload(), uptime(),
                               vcard(), version()});
}

}  // namespace lethe::feature
