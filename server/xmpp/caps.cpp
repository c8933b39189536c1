// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/xmpp/caps.h"

#include <algorithm>

#include "server/xmpp/base64.h"
#include "server/xmpp/digest.h"

namespace lethe::xmpp {
namespace {

/// XEP-0115 5.1, steps 6 and 7, of one form.
std::string form_text(const Form& form) {
    std::string text = std::string(form.form_type()) + "<";
    std::vector<const FormField*> fields;
    for (const auto& field : form.fields)
        if (field.var != "FORM_TYPE") fields.push_back(&field);
    std::ranges::sort(fields, {}, [](const FormField* field) -> const std::string& { return field->var; });
    for (const auto* field : fields) {
        text += field->var + "<";
        auto values = field->values;
        std::ranges::sort(values);
        for (const auto& value : values) text += value + "<";
    }
    return text;
}

}  // namespace

std::string caps_hash(const std::vector<Identity>& identities, const std::set<std::string>& features, const std::vector<Form>& forms) {
    std::vector<std::string> sorted;
    for (const auto& i : identities) sorted.push_back(i.category + "/" + i.type + "/" + i.lang + "/" + i.name + "<");
    std::sort(sorted.begin(), sorted.end());
    std::string text;
    for (const auto& identity : sorted) text += identity;
    for (const auto& feature : features) text += feature + "<";
    std::vector<const Form*> by_type;
    for (const auto& form : forms) by_type.push_back(&form);
    std::ranges::sort(by_type, {}, [](const Form* form) { return form->form_type(); });
    for (const auto* form : by_type) text += form_text(*form);
    return base64::encode(sha1({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
}

}  // namespace lethe::xmpp
