// SPDX-License-Identifier: AGPL-3.0-or-later
// Expat's events of one top-level element in, its tree in canonical form out (element.h says which form that
// is). Internal to server/xml/.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "server/xml/element.h"
#include "server/xml/wiping.h"

namespace lethe::xml {

/// A name as Expat reports it under namespace processing.
struct ExpandedName {
    std::string_view ns;  ///< empty for none
    const char* local;
    static ExpandedName split(const char* expat_name);
};

class TreeBuilder {
public:
    /// `attributes`: name, value, name, value, …, null. False if the element cannot stand in canonical form.
    [[nodiscard]] bool start(const char* name, const char** attributes);
    void text(std::string_view piece) { text_ += piece; }
    void end();
    std::size_t depth() const { return open_.size(); }
    /// Bytes spent on repeating namespace names. A prefix declared once can be used thousands of times, and
    /// each use is spelled out in the tree, so this has a limit of its own.
    std::size_t namespace_bytes() const { return namespace_bytes_; }
    /// The finished tree; the builder is then ready for the next one.
    Document take();
    void clear();

private:
    struct Open {
        pugi::xml_node node;
        std::string_view ns;  ///< lives in the document, or is a constant
    };
    void flush_text();
    void add_attribute(pugi::xml_node node, const char* name, const char* value);

    Document document_;
    std::vector<Open> open_;
    WipingString text_;                       ///< Expat reports one run of text in pieces
    std::vector<std::string_view> prefixed_;  ///< namespaces that have a prefix on the element being started
    std::size_t namespace_bytes_ = 0;
};

}  // namespace lethe::xml
