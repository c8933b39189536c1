// SPDX-License-Identifier: AGPL-3.0-or-later
// What is offered of XEP-0388 in stream features. The dialogue is ClientStream's (sasl2.cpp).
#pragma once
#include <string>

namespace lethe::stream {

/// `mechanisms`: the `<mechanism/>` elements.
std::string sasl2_feature(const std::string& mechanisms);

}  // namespace lethe::stream
