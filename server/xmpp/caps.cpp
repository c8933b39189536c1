// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/xmpp/caps.h"

#include <mbedtls/md.h>

#include <algorithm>
#include <array>

#include "server/xmpp/base64.h"

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
    std::array<std::uint8_t, 20> hash{};
    mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA1), reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash.data());
    return base64::encode(hash);
}

}  // namespace lethe::xmpp
