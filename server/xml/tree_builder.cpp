// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/xml/tree_builder.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "server/xml/expat_parser.h"

namespace lethe::xml {
namespace {

constexpr std::string_view xml_ns = "http://www.w3.org/XML/1998/namespace";
constexpr std::string_view xmlns_ns = "http://www.w3.org/2000/xmlns/";
constexpr std::string_view server_ns = "jabber:server";

}  // namespace

ExpandedName ExpandedName::split(const char* expat_name) {
    const char* border = std::strchr(expat_name, ExpatParser::separator);
    if (!border) return {{}, expat_name};
    return {{expat_name, static_cast<std::size_t>(border - expat_name)}, border + 1};
}

void TreeBuilder::flush_text() {
    if (text_.empty()) return;
    open_.back().node.append_child(pugi::node_pcdata).set_value(text_.data(), text_.size());
    wipe(text_);
}

bool TreeBuilder::start(const char* name, const char** attributes) {
    auto [ns, local] = ExpandedName::split(name);
    // Neither may be declared as a default namespace, so no element in them can be written without its
    // prefix.
    if (ns == xml_ns || ns == xmlns_ns) return false;
    if (ns == server_ns) ns = ns::content;

    pugi::xml_node node;
    std::string_view inherited = ns::content;
    if (open_.empty()) {
        node = document_.raw().append_child(pugi::node_element);
    } else {
        flush_text();
        inherited = open_.back().ns;
        node = open_.back().node.append_child(pugi::node_element);
    }
    node.set_name(local);
    if (ns != inherited) {
        pugi::xml_attribute declared = node.append_attribute("xmlns");
        declared.set_value(ns.data(), ns.size());
        namespace_bytes_ += ns.size();
        inherited = std::string_view(declared.value(), ns.size());
    }
    prefixed_.clear();
    for (; *attributes; attributes += 2) add_attribute(node, attributes[0], attributes[1]);
    open_.push_back({node, inherited});
    return true;
}

void TreeBuilder::add_attribute(pugi::xml_node node, const char* name, const char* value) {
    const auto [ns, local] = ExpandedName::split(name);
    if (ns.empty()) {
        node.append_attribute(local).set_value(value);
        return;
    }
    if (ns == xml_ns) {
        node.append_attribute((std::string("xml:") + local).c_str()).set_value(value);
        return;
    }
    auto known = std::ranges::find(prefixed_, ns);
    const std::string prefix = "ns" + std::to_string(known - prefixed_.begin() + 1);
    if (known == prefixed_.end()) {
        prefixed_.push_back(ns);
        node.append_attribute(("xmlns:" + prefix).c_str()).set_value(ns.data(), ns.size());
        namespace_bytes_ += ns.size();
    }
    node.append_attribute((prefix + ":" + local).c_str()).set_value(value);
}

void TreeBuilder::end() {
    flush_text();
    open_.pop_back();
}

Document TreeBuilder::take() {
    namespace_bytes_ = 0;
    // One long text must not cost its size for the session's life. An assignment would keep the room.
    if (text_.capacity() > 4096) WipingString().swap(text_);
    return std::exchange(document_, Document());
}

void TreeBuilder::clear() {
    document_ = Document();
    open_.clear();
    wipe(text_);
    namespace_bytes_ = 0;
}

}  // namespace lethe::xml
