// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0004 data forms and XEP-0059 result set management, read from and written to elements.
#pragma once
#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/xml/element.h"

namespace lethe::xmpp {

struct FormField {
    std::string var, type = {}, label = {};
    std::vector<std::string> values;
    std::vector<std::pair<std::string, std::string>> options = {};  ///< label, value
};
struct Form {
    std::string type = "submit", title = {}, instructions = {};
    std::vector<FormField> fields;
    const FormField* find(std::string_view var) const;
    std::string_view value(std::string_view var) const;  ///< first value, "" when absent
    std::string_view form_type() const { return value("FORM_TYPE"); }
};
/// Empty when `x` is no jabber:x:data form or a field has no var (except type fixed).
std::optional<Form> parse_form(const xml::Element& x);
void add_form(xml::Element parent, const Form& form);

struct Rsm {
    std::optional<std::size_t> max;
    std::optional<std::string> after, before;  ///< before = "" asks for the last page
    std::optional<std::size_t> index;
};
/// An absent <set/> is an empty Rsm; a malformed one (not a number, both after and before) is an error.
std::expected<Rsm, std::string> parse_rsm(const xml::Element& parent);
struct RsmResult {
    std::optional<std::string> first, last;
    std::optional<std::size_t> first_index, count;
};
void add_rsm(xml::Element parent, const RsmResult& result);

}  // namespace lethe::xmpp
