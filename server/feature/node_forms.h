// SPDX-License-Identifier: AGPL-3.0-or-later
// A node's settings as forms (XEP-0060 sections 7.1.5, 8.2 and 16.4.4), and what a node begins with.
//
// Fields that this server does not act on are refused by name, never accepted and ignored.
#pragma once
#include <expected>
#include <string>
#include <string_view>

#include "server/core/node_rows.h"
#include "server/xmpp/error.h"
#include "server/xmpp/forms.h"

namespace lethe::feature {

/// What a node of this name is made with when its owner says nothing. OMEMO's device lists and keys and avatars are open, so that they are
/// served while their owner is away; bookmarks and displayed synchronisation are their owner's alone; all others are for contacts.
core::NodeConfig default_config(std::string_view node);

/// FORM_TYPE pubsub#node_config. `type` is the form's own: "form" to be filled in, "result" to be read.
xmpp::Form config_form(const core::NodeConfig& config, std::string type);

enum class FormPurpose { configuration, preconditions };
/// `base` as the form changes it. The error is what the client did wrong.
std::expected<core::NodeConfig, xmpp::StanzaError> with_form(core::NodeConfig base, const xmpp::Form& form, std::size_t most_items,
                                                             FormPurpose purpose);

std::string_view to_string(core::AccessModel access);

/// A stanza error with a condition of pubsub#errors beside it.
xmpp::StanzaError pubsub_error(xmpp::Condition condition, std::string name, std::string text = {});

}  // namespace lethe::feature
