// SPDX-License-Identifier: AGPL-3.0-or-later
// Every extension, one line each. A reader finds any XEP by its file's name.
#pragma once
#include "server/core/feature.h"

namespace lethe::feature {

core::FeatureTable all();

core::Feature archive();         // XEP-0313
core::Feature archive_preferences();  // XEP-0441
core::Feature blocking();        // XEP-0191
core::Feature bookmarks();       // XEP-0402, XEP-0048, XEP-0411
core::Feature capabilities();    // XEP-0115
core::Feature carbons();         // XEP-0280
core::Feature client_state();    // XEP-0352
core::Feature commands();        // XEP-0050
core::Feature data_policy();     // XEP-0504
core::Feature disco();           // XEP-0030
core::Feature entity_time();     // XEP-0202
core::Feature legacy_session();  // RFC 3921
core::Feature offline();         // XEP-0160
core::Feature pep();             // XEP-0163, XEP-0060
core::Feature ping();            // XEP-0199
core::Feature private_storage(); // XEP-0049
core::Feature push();            // XEP-0357
core::Feature registration();    // XEP-0077
core::Feature roster();          // RFC 6121 section 2
core::Feature upload();          // XEP-0363
core::Feature uptime();          // XEP-0012
core::Feature vcard();           // XEP-0054, XEP-0153, XEP-0398
core::Feature version();         // XEP-0092

}  // namespace lethe::feature
