// SPDX-License-Identifier: AGPL-3.0-or-later
// What the files of PEP share (pep.cpp says what clients see).
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "server/core/core.h"
#include "server/feature/node_edit.h"

namespace lethe::feature {

/// The one element in pubsub or pubsub#owner that says what is asked for; empty if there is none or more than one that could be meant.
xml::Element verb_of(const xml::Element& pubsub, std::initializer_list<std::string_view> companions);
/// The name of a node that the client gave, or nothing after it was told why not.
std::optional<std::string> named_node(const core::Request& request, const xml::Element& verb);
/// True after the client was told that this node is made by the server and only published to.
bool refused_as_made(const core::Request& request, std::string_view node);
void refuse_unsupported(const core::Request& request, std::string_view feature);
/// Answers what NodeEdit::commit() ended with; `fill` adds to a result.
std::function<void(NodeEdit::Error)> answer_to(const core::Request& request, std::function<void(xml::Element)> fill = {});

// pep_reading.cpp
/// A node as the asker may read it, by way of the vault if it is open; empty if it is not for him, or not there.
std::optional<core::Node> readable_node(const core::Request& request, const core::Shelves& shelves, std::string_view name);
void get_items(core::Request& request, const xml::Element& verb);
void list_nodes(const core::Request& request, xml::Element query);
bool describe_node(const core::Request& request, xml::Element query, bool items);

// pep_owner.cpp
void get_as_owner(core::Request& request);
void set_as_owner(core::Request& request);

}  // namespace lethe::feature
