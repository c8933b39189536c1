// SPDX-License-Identifier: AGPL-3.0-or-later
// The commands that print what they found.
#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "crypto/regular_file.h"
#include "retention/catalogue.h"
#include "retention/toml_file.h"
#include "tools/lethectl/commands.h"
#include "tools/lethectl/perform.h"
#include "tools/lethectl/terminal.h"

namespace lethe::lethectl {
namespace {

std::string to_text(const admin::Value& value) {
    if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "yes" : "no";
    return std::get<std::string>(value);
}

void print_table(const admin::Facts& facts) {
    std::size_t width = 0;
    for (const auto& [name, value] : facts) width = std::max(width, name.size());
    for (const auto& [name, value] : facts) {
        std::string label = name;
        std::ranges::replace(label, '_', ' ');
        result(heading(label) + std::string(width - name.size() + 2, ' ') + to_text(value));
    }
}

/// Asks, prints the one number or the JSON object.
int ask_for(const Common& common, admin::Command command, std::string_view fact) {
    const auto config = read_config(common.config);
    if (!config) return 2;
    admin::Request request;
    request.command = command;
    const auto [reply, by_server] = perform(*config, common.passphrase_fd, std::move(request));
    if (!reply) return fail(reply.error());
    if (common.json) {
        result(admin::to_json(*reply));
        return 0;
    }
    for (const auto& [name, value] : *reply)
        if (name == fact) result(to_text(value));
    return 0;
}

std::string plural(std::size_t count, std::string_view word) {
    return std::to_string(count) + ' ' + std::string(word) + (count == 1 ? "" : "s");
}

nlohmann::ordered_json to_json(const retention::CatalogueRow& row) {
    return {{"class", row.name},        {"where", row.where},
            {"fields", row.fields},     {"reader", retention::to_string(row.reader)},
            {"lifetime", row.lifetime}, {"erased_by", row.erased_by}};
}

}  // namespace

int count_accounts(const Common& common) {
    return ask_for(common, admin::Command::account_count, "accounts");
}
int sweep(const Common& common) { return ask_for(common, admin::Command::sweep, "destroyed"); }

int status(const Common& common) {
    const auto config = read_config(common.config);
    if (!config) return 2;
    auto [reply, by_server] = perform(*config, common.passphrase_fd, {});
    if (!reply) return fail(reply.error());
    reply->insert(reply->begin(), {"running", by_server});
    if (common.json)
        result(admin::to_json(*reply));
    else
        print_table(*reply);
    const bool trouble = std::ranges::any_of(*reply, [](const auto& fact) {
        return (fact.first == "overdue" || fact.first == "quarantined" || fact.first == "alarms") &&
               fact.second != admin::Value(std::int64_t{0});
    });
    return trouble ? 1 : 0;
}

int check_policy(const std::string& file) {
    auto text = crypto::read_regular(file, retention::TomlFile::max_bytes);
    if (!text) {
        const int code = text.error().code;
        return fail({code == 0 || code == ENOENT ? admin::Status::usage : admin::Status::system,
                     file + ' ' + text.error().text + "; name a policy file"});
    }
    const auto policy = retention::parse_policy(std::move(*text), file);
    if (policy) {
        result(file + ": a valid policy");
        return 0;
    }
    report(policy.error());
    message(file + " is not a valid policy: " + plural(policy.error().size(), "mistake"));
    return 1;
}

int show_catalogue(const Common& common) {
    const auto config = read_config(common.config);
    if (!config) return 2;
    const auto policy = retention::load_policy(config->policy_file);
    if (!policy) {
        report(policy.error());
        return 2;
    }
    const auto rows = retention::catalogue(*policy);
    if (common.json) {
        auto list = nlohmann::ordered_json::array();
        for (const auto& row : rows) list.push_back(to_json(row));
        result(list.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
        return 0;
    }
    bool first = true;
    for (const auto& row : rows) {
        if (!std::exchange(first, false)) result("");
        result(heading(row.name));
        result("  holds      " + std::string(row.fields));
        result("  where      " + std::string(row.where));
        result("  read by    " + std::string(retention::to_string(row.reader)));
        result("  kept       " + row.lifetime);
        result("  erased by  " + std::string(row.erased_by));
    }
    return 0;
}

}  // namespace lethe::lethectl
