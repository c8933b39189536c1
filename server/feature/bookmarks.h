// SPDX-License-Identifier: AGPL-3.0-or-later
// One list of bookmarks in three forms (XEP-0402, XEP-0048 over PEP, XEP-0048 in private XML storage): kept as XEP-0402's items, which hold the
// most; the older forms are made from them and taken apart into them. What only the older forms can say is kept too:
// of a room among its extensions, the rest (bookmarked web pages) beside.
#pragma once
#include <optional>
#include <string>

#include "server/feature/node_edit.h"

namespace lethe::feature {

/// The name under which private XML storage keeps an element.
std::string private_id(const xml::Element& element);
/// A node that private XML storage and its like are kept in.
core::NodeConfig private_config();

/// `<storage xmlns='storage:bookmarks'>`; nothing if there never were any bookmarks.
std::optional<std::string> bookmarks_storage(const NodeEdit& view);
/// Makes the list what `storage` says: items are published, changed and retracted where it differs.
[[nodiscard]] NodeEdit::Error replace_bookmarks(NodeEdit& edit, const xml::Element& storage, std::size_t most);

}  // namespace lethe::feature
