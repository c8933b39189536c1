// SPDX-License-Identifier: AGPL-3.0-or-later
// Comparing, showing and rendering policies.
#include <nlohmann/json.hpp>

#include "retention/policy_change.h"
#include "retention/render.h"
#include "server/xmpp/datetime.h"
#include "tools/lethectl/commands.h"
#include "tools/lethectl/perform.h"
#include "tools/lethectl/terminal.h"

namespace lethe::lethectl {
namespace {

using nlohmann::ordered_json;

std::optional<retention::Policy> load(const std::string& file) {
    auto policy = retention::load_policy(file);
    if (policy) return std::move(*policy);
    report(policy.error());
    message(file + " is not a valid policy; correct it first");
    return {};
}

std::string shown(const std::string& value) { return value.empty() ? "(not set)" : value; }

void print_changes(const std::vector<retention::KeyChange>& changes) {
    for (const auto& change : changes) {
        std::string turn(to_string(change.turn));
        turn.resize(12, ' ');
        result(turn + change.key + ": " + shown(change.from) + " -> " + shown(change.to));
    }
}

std::string dump(const ordered_json& json) { return json.dump(2, ' ', false, ordered_json::error_handler_t::replace); }

ordered_json to_json(const std::vector<retention::KeyChange>& changes) {
    auto list = ordered_json::array();
    for (const auto& change : changes)
        list.push_back({{"key", change.key}, {"from", change.from}, {"to", change.to}, {"direction", to_string(change.turn)}});
    return list;
}

struct Shown {
    retention::Policy in_force;
    std::optional<retention::Announcement> announced;
    std::int64_t serial = 0;
};

std::string text_of(const admin::Facts& facts, std::string_view name) {
    for (const auto& [known, value] : facts)
        if (known == name)
            if (const auto* text = std::get_if<std::string>(&value)) return *text;
    return {};
}

/// What the server, or the directory at rest, says is in force; the exit code if it says nothing.
std::expected<Shown, int> ask_standing(const Common& common) {
    const auto config = read_config(common.config);
    if (!config) return std::unexpected(2);
    admin::Request request;
    request.command = admin::Command::policy_show;
    const auto [reply, by_server] = perform(*config, common.passphrase_fd, std::move(request));
    if (!reply) return std::unexpected(fail(reply.error()));
    auto in_force = retention::parse_policy(text_of(*reply, "in_force"), "policy in force");
    if (!in_force) {
        report(in_force.error());
        return std::unexpected(3);
    }
    Shown out{.in_force = std::move(*in_force), .announced = {}};
    for (const auto& [name, value] : *reply)
        if (name == "serial")
            if (const auto* number = std::get_if<std::int64_t>(&value)) out.serial = *number;
    if (const auto text = text_of(*reply, "announced"); !text.empty()) {
        auto next = retention::parse_policy(text, "announced policy");
        const auto at = xmpp::parse_datetime(text_of(*reply, "announced_at")), from = xmpp::parse_datetime(text_of(*reply, "effective_at"));
        if (!next || !at || !from) {
            message("the answer about the announced policy cannot be read; lethectl and lethed must be of the same version");
            return std::unexpected(3);
        }
        out.announced = retention::Announcement{.serial = static_cast<std::uint32_t>(out.serial), .announced_at = *at, .effective_at = *from, .policy = std::move(*next)};
    }
    return out;
}

}  // namespace

int diff_policies(const Common& common, const std::string& before, const std::string& after) {
    const auto from = load(before), to = load(after);
    if (!from || !to) return 2;
    const auto changes = retention::changes(*from, *to);
    const bool looser = retention::loosens(changes);
    if (common.json) {
        result(dump({{"looser", looser}, {"notice", to_string(from->change_notice)}, {"changes", to_json(changes)}}));
        return looser ? 1 : 0;
    }
    print_changes(changes);
    if (changes.empty())
        result("The two policies mean the same.");
    else if (!looser)
        result("Nothing is looser: the new policy acts at once.");
    else if (from->change_notice.stored())
        result("What is looser takes effect " + spoken(from->change_notice, retention::Language::en) + " after it is announced; the rest acts at once.");
    else
        result("Something is looser, and the old policy promises no notice: all of it acts at once.");
    return looser ? 1 : 0;
}

int show_policy(const Common& common) {
    const auto found = ask_standing(common);
    if (!found) return found.error();
    const auto& now = found->in_force;
    if (common.json) {
        ordered_json out{{"in_force", {{"hash", retention::policy_hash(now.text)}, {"text", now.text}}}};
        if (const auto& next = found->announced)
            out["announced"] = {{"hash", retention::policy_hash(next->policy.text)},
                                {"announced_at", xmpp::format_datetime(next->announced_at)},
                                {"effective_at", xmpp::format_datetime(next->effective_at)},
                                {"changes", to_json(retention::changes(now, next->policy))},
                                {"text", next->policy.text}};
        out["serial"] = found->serial;
        result(dump(out));
        return 0;
    }
    result(heading("In force") + "  " + retention::policy_hash(now.text));
    result(now.text);
    if (const auto& next = found->announced) {
        result(heading("Announced") + "  " + retention::policy_hash(next->policy.text) + ", in force from " + xmpp::format_datetime(next->effective_at));
        print_changes(retention::changes(now, next->policy));
    } else {
        result(heading("Announced") + "  nothing");
    }
    return 0;
}

int render_policy(const Common& common, PageKind kind, const std::string& file) {
    using retention::PageFormat;
    const PageFormat format = kind == PageKind::html ? PageFormat::html : kind == PageKind::markdown ? PageFormat::markdown : PageFormat::text;
    if (!file.empty()) {
        const auto policy = load(file);
        if (!policy) return 2;
        result(retention::render({.policy = *policy}, format));
        return 0;
    }
    const auto found = ask_standing(common);
    if (!found) return found.error();
    result(retention::render({.policy = found->in_force, .announced = found->announced ? &*found->announced : nullptr}, format));
    return 0;
}

}  // namespace lethe::lethectl
