// SPDX-License-Identifier: AGPL-3.0-or-later
// The stanza tree: a namespace-aware view of a pugixml document.
//
// Form: names carry no prefix; an element whose namespace differs from its parent's has an explicit `xmlns`. Elements without any
// `xmlns` up to the root are in the stream's content namespace, reported as ns::content ("jabber:client"); the reader folds
// jabber:client and jabber:server into it, so the same tree can be sent on either kind of stream. Namespaced attributes other
// than xml:* keep a generated prefix declared on their element. So whatever the reader yields serialises to canonical XML.
// Lifetime: an Element is a handle and must not outlive its Document. A Document takes at least one 32 KiB page: keep none across
// awaits longer than a stanza's processing; queues hold serialised bytes.
// Thread: one thread at a time per Document.
#pragma once
#include <memory>
#include <pugixml.hpp>
#include <string>
#include <string_view>

namespace lethe::xml {

namespace ns {
inline constexpr std::string_view content = "jabber:client";
}

class Element {
public:
    Element() = default;
    explicit Element(pugi::xml_node node) : node_(node) {}
    explicit operator bool() const { return !node_.empty(); }

    std::string_view name() const { return node_.name(); }
    std::string_view ns() const;  ///< nearest xmlns, else ns::content
    bool is(std::string_view name, std::string_view ns) const { return this->name() == name && this->ns() == ns; }

    bool has_attr(const char* name) const { return !node_.attribute(name).empty(); }
    std::string_view attr(const char* name) const { return node_.attribute(name).value(); }  ///< "" when absent
    void set_attr(const char* name, std::string_view value);
    void remove_attr(const char* name) { node_.remove_attribute(name); }

    Element first_child() const;    ///< first child element
    Element next_sibling() const;   ///< next sibling element
    Element parent() const;         ///< empty for the root
    Element child(std::string_view name, std::string_view ns) const;
    Element child(std::string_view name) const { return child(name, this->ns()); }  ///< in this element's own namespace
    Element child_in(std::string_view ns) const;  ///< first child of any name in ns
    std::string text() const;                     ///< all character data directly inside
    bool has_child_elements() const { return bool(first_child()); }

    /// Appends a child; xmlns is written only if it differs from this element's.
    Element add(std::string_view name, std::string_view ns);
    Element add(std::string_view name) { return add(name, ns()); }
    Element add_text(std::string_view text);              ///< returns *this
    Element add_copy(const Element& other);               ///< deep copy, keeps the namespace
    void remove(Element child) { node_.remove_child(child.node_); }

    /// `for (Element e : element.children())`
    class Iterator {
    public:
        explicit Iterator(pugi::xml_node n) : node_(n) {}
        Element operator*() const { return Element(node_); }
        Iterator& operator++();
        bool operator!=(const Iterator& o) const { return node_ != o.node_; }
    private:
        pugi::xml_node node_;
    };
    struct Range {
        pugi::xml_node first;
        Iterator begin() const { return Iterator(first); }
        Iterator end() const { return Iterator(pugi::xml_node()); }
    };
    Range children() const { return {first_child().node_}; }

    friend bool operator==(const Element& a, const Element& b) { return a.node_ == b.node_; }

private:
    friend class Document;
    friend void append(std::string& out, const Element& element);
    pugi::xml_node node_;
};

/// Owns one tree. Move-only. Character data is overwritten when the tree is released: it may be a password.
class Document {
public:
    Document() : doc_(new pugi::xml_document) {}
    /// A tree with one root element; ns::content writes no xmlns.
    Document(std::string_view name, std::string_view ns);
    static Document copy_of(const Element& root);
    Element root() const;
    pugi::xml_document& raw() { return *doc_; }

private:
    struct Release {
        void operator()(pugi::xml_document* document) const noexcept;
    };
    std::unique_ptr<pugi::xml_document, Release> doc_;
};

/// Canonical bytes: `<a b='c'>…</a>`, attributes in tree order, & < > ' " escaped; never an XML declaration.
std::string serialize(const Element& element);
void append(std::string& out, const Element& element);
/// Text escaped for use in an attribute value or character data.
std::string escape(std::string_view text);

/// Parses one element that this server itself serialised (from a sealed record); empty Document if it is damaged.
/// Goes through the same reader as the network does.
Document parse(std::string_view bytes);

}  // namespace lethe::xml
