// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/xml/element.h"

#include <string.h>  // explicit_bzero

#include <cstring>

namespace lethe::xml {
namespace {

pugi::xml_node element_from(pugi::xml_node node) {
    while (node && node.type() != pugi::node_element) node = node.next_sibling();
    return node;
}

void set_name(pugi::xml_node node, std::string_view name) {
    node.set_name(std::string(name).c_str());  // pugixml 1.13 takes no length here
}

/// Leaves an explicit xmlns, as first attribute, exactly where `own` differs from what is inherited.
void declare_namespace(pugi::xml_node node, std::string_view own, std::string_view inherited) {
    pugi::xml_attribute declared = node.attribute("xmlns");
    if (own == inherited) {
        node.remove_attribute(declared);
        return;
    }
    if (!declared) declared = node.prepend_attribute("xmlns");
    declared.set_value(own.data(), own.size());
}

}  // namespace

std::string_view Element::ns() const {
    for (pugi::xml_node n = node_; n.type() == pugi::node_element; n = n.parent()) {
        if (const pugi::xml_attribute declared = n.attribute("xmlns")) return declared.value();
    }
    return ns::content;
}

void Element::set_attr(const char* name, std::string_view value) {
    pugi::xml_attribute attribute = node_.attribute(name);
    if (!attribute) attribute = node_.append_attribute(name);
    attribute.set_value(value.data(), value.size());
}

Element Element::first_child() const { return Element(element_from(node_.first_child())); }
Element Element::next_sibling() const { return Element(element_from(node_.next_sibling())); }

Element Element::parent() const {
    const pugi::xml_node up = node_.parent();
    return up.type() == pugi::node_element ? Element(up) : Element();
}

Element Element::child(std::string_view name, std::string_view ns) const {
    for (Element e : children()) {
        if (e.is(name, ns)) return e;
    }
    return Element();
}

Element Element::child_in(std::string_view ns) const {
    for (Element e : children()) {
        if (e.ns() == ns) return e;
    }
    return Element();
}

std::string Element::text() const {
    std::string out;
    for (const pugi::xml_node n : node_.children()) {
        if (n.type() == pugi::node_pcdata || n.type() == pugi::node_cdata) out += n.value();
    }
    return out;
}

Element Element::add(std::string_view name, std::string_view ns) {
    pugi::xml_node added = node_.append_child(pugi::node_element);
    set_name(added, name);
    declare_namespace(added, ns, this->ns());
    return Element(added);
}

Element Element::add_text(std::string_view text) {
    // An empty text would be written as a pair of tags and read back as none.
    if (!text.empty()) node_.append_child(pugi::node_pcdata).set_value(text.data(), text.size());
    return *this;
}

Element Element::add_copy(const Element& other) {
    const std::string own(other.ns());
    pugi::xml_node added = node_.append_copy(other.node_);
    declare_namespace(added, own, ns());
    return Element(added);
}

Element::Iterator& Element::Iterator::operator++() {
    node_ = element_from(node_.next_sibling());
    return *this;
}

namespace {

void wipe_text(pugi::xml_node node) {
    struct Walker final : pugi::xml_tree_walker {
        bool for_each(pugi::xml_node& at) override {
            // The tree owns these bytes and hands out a view of them; only their content changes.
            if (at.type() == pugi::node_pcdata) explicit_bzero(const_cast<char*>(at.value()), std::strlen(at.value()));
            return true;
        }
    } walker;
    node.traverse(walker);
}

}  // namespace

void Document::Release::operator()(pugi::xml_document* document) const noexcept {
    wipe_text(*document);
    delete document;
}

Document::Document(std::string_view name, std::string_view ns) : Document() {
    pugi::xml_node root = doc_->append_child(pugi::node_element);
    set_name(root, name);
    declare_namespace(root, ns, ns::content);
}

Document Document::copy_of(const Element& root) {
    Document out;
    pugi::xml_node copied = out.doc_->append_copy(root.node_);
    declare_namespace(copied, root.ns(), ns::content);
    return out;
}

Element Document::root() const { return doc_ ? Element(doc_->document_element()) : Element(); }

}  // namespace lethe::xml
