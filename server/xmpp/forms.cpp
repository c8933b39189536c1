// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/xmpp/forms.h"

#include <algorithm>
#include <charconv>

#include "server/xmpp/ns.h"

namespace lethe::xmpp {
namespace {

using xml::Element;

std::optional<FormField> parse_field(const Element& e) {
    FormField field{.var = std::string(e.attr("var")),
                    .type = std::string(e.attr("type")),
                    .label = std::string(e.attr("label")),
                    .values = {}};
    if (field.var.empty() && field.type != "fixed") return std::nullopt;
    for (Element child : e.children()) {
        if (child.is("value", ns::data_form)) field.values.push_back(child.text());
        if (child.is("option", ns::data_form))
            field.options.emplace_back(child.attr("label"), child.child("value").text());
    }
    return field;
}

void add_field(Element x, const FormField& field) {
    Element e = x.add("field");
    const auto set = [&](const char* name, const std::string& value) {
        if (!value.empty()) e.set_attr(name, value);
    };
    set("var", field.var);
    set("type", field.type);
    set("label", field.label);
    for (const std::string& value : field.values) e.add("value").add_text(value);
    for (const auto& [label, value] : field.options) {
        Element option = e.add("option");
        if (!label.empty()) option.set_attr("label", label);
        option.add("value").add_text(value);
    }
}

/// The number in `text`, if that is all there is and it fits.
std::optional<std::size_t> number(std::string_view text) {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace

const FormField* Form::find(std::string_view var) const {
    const auto it = std::ranges::find(fields, var, &FormField::var);
    return it == fields.end() ? nullptr : &*it;
}

std::string_view Form::value(std::string_view var) const {
    const FormField* field = find(var);
    return field && !field->values.empty() ? std::string_view(field->values.front()) : std::string_view();
}

std::optional<Form> parse_form(const Element& x) {
    if (!x || !x.is("x", ns::data_form)) return std::nullopt;
    Form form{.type = std::string(x.attr("type")), .fields = {}};
    if (form.type != "form" && form.type != "submit" && form.type != "cancel" && form.type != "result")
        return std::nullopt;
    for (Element child : x.children()) {
        if (child.is("title", ns::data_form)) form.title = child.text();
        if (child.is("instructions", ns::data_form))
            form.instructions += (form.instructions.empty() ? "" : "\n") + child.text();
        if (!child.is("field", ns::data_form)) continue;
        std::optional<FormField> field = parse_field(child);
        if (!field) return std::nullopt;
        form.fields.push_back(std::move(*field));
    }
    return form;
}

void add_form(Element parent, const Form& form) {
    Element x = parent.add("x", ns::data_form);
    x.set_attr("type", form.type);
    if (!form.title.empty()) x.add("title").add_text(form.title);
    // XEP-0004 section 3: an element for each line.
    for (std::string_view rest = form.instructions; !rest.empty();) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        x.add("instructions").add_text(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    for (const FormField& field : form.fields) add_field(x, field);
}

std::expected<Rsm, std::string> parse_rsm(const Element& parent) {
    Rsm rsm;
    const Element set = parent.child("set", ns::rsm);
    for (Element e : set ? set.children() : Element::Range{}) {
        if (e.ns() != ns::rsm) continue;
        const std::string text = e.text();
        if (e.name() == "max" || e.name() == "index") {
            auto& field = e.name() == "max" ? rsm.max : rsm.index;
            if (field || !(field = number(text)))
                return std::unexpected("<" + std::string(e.name()) + "/> must be one number");
        } else if (e.name() == "after" || e.name() == "before") {
            if (rsm.after || rsm.before)
                return std::unexpected("Only one of <after/> and <before/> can be given");
            (e.name() == "after" ? rsm.after : rsm.before) = text;
        }
    }
    return rsm;
}

void add_rsm(Element parent, const RsmResult& result) {
    Element set = parent.add("set", ns::rsm);
    if (result.first) {
        Element first = set.add("first");
        if (result.first_index) first.set_attr("index", std::to_string(*result.first_index));
        first.add_text(*result.first);
    }
    if (result.last) set.add("last").add_text(*result.last);
    if (result.count) set.add("count").add_text(std::to_string(*result.count));
}

}  // namespace lethe::xmpp
