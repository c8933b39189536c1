// SPDX-License-Identifier: AGPL-3.0-or-later
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "server/admin/qr_code.h"
#include "tools/lethectl/commands.h"
#include "tools/lethectl/perform.h"
#include "tools/lethectl/terminal.h"

namespace lethe::lethectl {
namespace {

const std::string* text_of(const admin::Facts& facts, std::string_view name) {
    for (const auto& [key, value] : facts)
        if (key == name) return std::get_if<std::string>(&value);
    return nullptr;
}

/// Without the millionths, of which an invitation's end has none.
std::string to_the_second(std::string time) {
    if (constexpr std::string_view none = ".000000Z"; time.ends_with(none)) time.replace(time.size() - none.size(), none.size(), "Z");
    return time;
}

void show_code(const std::string& link) {
    if (isatty(STDOUT_FILENO) == 0) return;
    const char* const no_colour = std::getenv("NO_COLOR");
    auto code = admin::qr_code(link);
    if (!code) return;
    auto text = admin::qr_text(*code, !no_colour || *no_colour == '\0');
    text.pop_back();
    result(text);
}

}  // namespace

int invite(const Common& common, const InviteOptions& options) {
    const auto config = read_config(common.config);
    if (!config) return 2;
    admin::Request request;
    request.command = admin::Command::invite;
    request.days = options.days;
    request.uses = options.uses;
    const auto [reply, by_server] = perform(*config, common.passphrase_fd, std::move(request));
    if (!reply) return fail(reply.error());
    if (common.json) {
        result(admin::to_json(*reply));
        return 0;
    }
    const auto* link = text_of(*reply, "link");
    const auto* until = text_of(*reply, "until");
    if (!link || !until) return fail({admin::Status::system, "the server did not say what the invitation is; lethectl and lethed must be of the same version"});
    result(*link);
    show_code(*link);
    const unsigned uses = options.uses.value_or(1);
    message("good for " + (uses == 1 ? std::string("one account") : std::to_string(uses) + " accounts") + " until " + to_the_second(*until) +
            "; it is stored nowhere in a form that could be read back, so keep it");
    return 0;
}

}  // namespace lethe::lethectl
