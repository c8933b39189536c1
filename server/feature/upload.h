// SPDX-License-Identifier: AGPL-3.0-or-later
// What service discovery and the web server share with XEP-0363.
#pragma once
#include <string>
#include <string_view>

#include "server/core/core.h"
#include "server/xmpp/forms.h"

namespace lethe::feature {

bool offers_uploads(const core::Core& core);
/// A file's name as one segment of a path that every parser reads in one way.
std::string path_segment(std::string_view name);
/// "image/png", "text/plain;charset=utf-8": fit to be sent back in a header field.
bool is_media_type(std::string_view text);
/// Service discovery: the largest file (XEP-0363 section 4).
xmpp::Form upload_form(const core::Core& core);

}  // namespace lethe::feature
