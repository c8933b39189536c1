// SPDX-License-Identifier: AGPL-3.0-or-later
// All attributes of an element, for what keeps those that it does not know.
#pragma once
#include <map>
#include <string>

#include "server/xml/element.h"

namespace lethe::xml {

/// In the order of their names; without namespace declarations, and without attributes of another namespace, whose prefixes mean nothing elsewhere.
/// Copies the element on the way: for small ones.
std::map<std::string, std::string> attributes(const Element& element);

}  // namespace lethe::xml
