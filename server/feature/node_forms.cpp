// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/feature/node_forms.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <set>

#include "server/xmpp/boolean.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {

using core::AccessModel;
using core::NodeConfig;
using core::NotificationType;
using core::SendLast;
using xmpp::Condition;
namespace ns = xmpp::ns;

constexpr std::size_t longest_text = 1023;

template <class E>
struct Word {
    std::string_view word;
    E value;
};
constexpr Word<AccessModel> access_models[] = {{"open", AccessModel::open}, {"presence", AccessModel::presence}, {"whitelist", AccessModel::whitelist}};
constexpr Word<SendLast> send_last[] = {{"never", SendLast::never}, {"on_sub", SendLast::on_sub}, {"on_sub_and_presence", SendLast::on_sub_and_presence}};
constexpr Word<NotificationType> notifications[] = {{"headline", NotificationType::headline}, {"normal", NotificationType::normal}};

template <class E, std::size_t N>
std::string_view word_of(const Word<E> (&words)[N], E value) {
    return std::ranges::find(words, value, &Word<E>::value)->word;
}

/// One setting: how it is told and how it is read. Reading answers false for a value that does not exist or is not offered.
struct Field {
    std::string_view var, type, label;
    std::function<std::string(const NodeConfig&)> tell;
    std::function<bool(NodeConfig&, const std::string&, std::size_t)> read;
    std::vector<std::string_view> options = {};
};

template <class E, std::size_t N>
Field choice(std::string_view var, std::string_view label, E NodeConfig::*member, const Word<E> (&words)[N]) {
    std::vector<std::string_view> options;
    for (const auto& w : words) options.push_back(w.word);
    return {var, "list-single", label, [member, &words](const NodeConfig& c) { return std::string(word_of(words, c.*member)); },
            [member, &words](NodeConfig& c, const std::string& text, std::size_t) {
                const auto found = std::ranges::find(words, text, &Word<E>::word);
                if (found == std::end(words)) return false;
                c.*member = found->value;
                return true;
            },
            std::move(options)};
}

Field text(std::string_view var, std::string_view label, std::string NodeConfig::*member) {
    return {var, "text-single", label, [member](const NodeConfig& c) { return c.*member; },
            [member](NodeConfig& c, const std::string& value, std::size_t) {
                c.*member = value;
                return value.size() <= longest_text;
            }};
}

Field boolean(std::string_view var, std::string_view label, bool NodeConfig::*member) {
    return {var, "boolean", label, [member](const NodeConfig& c) { return std::string(c.*member ? "1" : "0"); },
            [member](NodeConfig& c, const std::string& value, std::size_t) {
                const auto said = xmpp::parse_boolean(value);
                c.*member = said.value_or(false);
                return said.has_value();
            }};
}

bool read_max_items(NodeConfig& c, const std::string& value, std::size_t most) {
    if (value == "max") {
        c.max_items = 0;
        return true;
    }
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc() || end != value.data() + value.size() || number == 0 || number > most) return false;
    c.max_items = number;
    return true;
}

const std::vector<Field>& fields() {
    static const std::vector<Field> all{
        text("pubsub#title", "Name of the node", &NodeConfig::title),
        text("pubsub#description", "What it is for", &NodeConfig::description),
        text("pubsub#type", "Namespace of its payloads", &NodeConfig::type),
        choice("pubsub#access_model", "Who may read it", &NodeConfig::access, access_models),
        {"pubsub#publish_model", "list-single", "Who may publish", [](const NodeConfig&) { return std::string("publishers"); },
         [](NodeConfig&, const std::string& value, std::size_t) { return value == "publishers"; }, {"publishers"}},
        {"pubsub#max_items", "text-single", "How many items are kept; max: as many as the server permits",
         [](const NodeConfig& c) { return c.max_items ? std::to_string(c.max_items) : std::string("max"); }, read_max_items},
        boolean("pubsub#persist_items", "Items are kept", &NodeConfig::persist_items),
        boolean("pubsub#deliver_payloads", "Notifications carry payloads", &NodeConfig::deliver_payloads),
        boolean("pubsub#notify_retract", "Notify of items that are removed", &NodeConfig::notify_retract),
        boolean("pubsub#notify_delete", "Notify when the node is removed", &NodeConfig::notify_delete),
        choice("pubsub#send_last_published_item", "When the last item is sent", &NodeConfig::send_last, send_last),
        choice("pubsub#notification_type", "Type of notifications", &NodeConfig::notification, notifications),
    };
    return all;
}

const Field* field_named(std::string_view var) {
    const auto it = std::ranges::find(fields(), var, &Field::var);
    return it == fields().end() ? nullptr : &*it;
}

}  // namespace

std::string_view to_string(AccessModel access) { return word_of(access_models, access); }

xmpp::StanzaError pubsub_error(Condition condition, std::string name, std::string text) {
    return {.condition = condition, .text = std::move(text), .specific = {.name = std::move(name), .ns = std::string(ns::pubsub_errors)}};
}

NodeConfig default_config(std::string_view node) {
    NodeConfig config;
    static const std::set<std::string_view> open{"eu.siacs.conversations.axolotl.devicelist", "urn:xmpp:omemo:2:devices", "urn:xmpp:omemo:2:bundles",
                                                 "urn:xmpp:avatar:data", "urn:xmpp:avatar:metadata"};
    static const std::set<std::string_view> own{ns::bookmarks, "urn:xmpp:mds:displayed:0", ns::bookmarks_storage};
    if (open.contains(node) || node.starts_with("eu.siacs.conversations.axolotl.bundles:")) config.access = AccessModel::open;
    if (own.contains(node)) {
        config.access = AccessModel::whitelist;
        config.send_last = SendLast::never;
        config.max_items = 0;
    }
    if (node == "urn:xmpp:omemo:2:bundles") config.max_items = 0;
    return config;
}

xmpp::Form config_form(const NodeConfig& config, std::string type) {
    xmpp::Form form{.type = std::move(type), .fields = {{.var = "FORM_TYPE", .type = "hidden", .values = {std::string(ns::pubsub_node_config)}}}};
    for (const auto& field : fields()) {
        xmpp::FormField told{.var = std::string(field.var), .type = std::string(field.type), .label = std::string(field.label), .values = {field.tell(config)}};
        if (form.type == "form")
            for (const auto option : field.options) told.options.emplace_back("", option);
        form.fields.push_back(std::move(told));
    }
    return form;
}

std::expected<NodeConfig, xmpp::StanzaError> with_form(NodeConfig base, const xmpp::Form& form, std::size_t most_items, FormPurpose purpose) {
    const bool preconditions = purpose == FormPurpose::preconditions;
    const auto form_type = form.form_type();
    if (form.type != "submit" || form_type != (preconditions ? ns::pubsub_publish_options : ns::pubsub_node_config))
        return std::unexpected(xmpp::StanzaError{Condition::bad_request, "This is no form of that kind, filled in."});
    for (const auto& given : form.fields) {
        if (given.var == "FORM_TYPE" || given.var.empty()) continue;
        const auto* field = field_named(given.var);
        if (field && given.values.size() <= 1 && field->read(base, given.values.empty() ? std::string() : given.values.front(), most_items)) continue;
        const auto text = field ? "This value of " + given.var + " is not offered." : "This server does not know " + given.var.substr(0, 200) + ".";
        if (preconditions) return std::unexpected(pubsub_error(Condition::conflict, "precondition-not-met", text));
        return std::unexpected(xmpp::StanzaError{Condition::not_acceptable, text});
    }
    return base;
}

}  // namespace lethe::feature
