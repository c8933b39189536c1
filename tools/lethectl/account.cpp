// SPDX-License-Identifier: AGPL-3.0-or-later
#include <algorithm>

#include "server/admin/operations.h"
#include "tools/lethectl/commands.h"
#include "tools/lethectl/perform.h"
#include "tools/lethectl/terminal.h"

namespace lethe::lethectl {
namespace {

using admin::Command;

struct ActionRow {
    AccountAction action;
    Command command;
    bool password;
    std::string_view done;
};
constexpr ActionRow actions[] = {
    {AccountAction::add, Command::account_add, true, " was created"},
    {AccountAction::reset, Command::account_reset, true,
     " has a new, empty vault under the new password; what the old one held can never be read again"},
    {AccountAction::suspend, Command::account_suspend, false, " cannot log in until it is unsuspended"},
    {AccountAction::unsuspend, Command::account_unsuspend, false, " can log in again"},
    {AccountAction::erase, Command::account_erase, false,
     " was erased; what was stored for it can never be read again"},
};

}  // namespace

int change_account(const Common& common, AccountAction action, const std::string& account,
                   bool password_stdin) {
    const auto& row = *std::ranges::find(actions, action, &ActionRow::action);
    const auto config = read_config(common.config);
    if (!config) return 2;
    if (password_stdin && common.passphrase_fd == 0)
        return fail({admin::Status::usage,
                     "--password-stdin and --passphrase-fd 0 would both read standard input; give the "
                     "passphrase on another descriptor"});
    // Checked here as well, so that nobody types a password for nothing.
    const auto jid = admin::parse_account(account, config->domain);
    if (!jid) return fail(jid.error());

    admin::Request request{.command = row.command, .account = jid->to_string(), .password = {}};
    if (row.password) {
        auto password = password_stdin ? read_password_line() : ask_password(request.account);
        if (!password) return fail(password.error());
        if (const auto good = admin::check_password(*password); !good) return fail(good.error());
        request.password = std::move(*password);
    }
    const auto [reply, by_server] = perform(*config, common.passphrase_fd, std::move(request));
    if (!reply) return fail(reply.error());
    message(jid->to_string() + std::string(row.done));
    return 0;
}

int remove_upload(const Common& common, const std::string& url) {
    const auto config = read_config(common.config);
    if (!config) return 2;
    const auto [reply, by_server] = perform(*config, common.passphrase_fd, {.command = Command::upload_remove, .account = {}, .password = {}, .url = url});
    if (!reply) return fail(reply.error());
    message("the file was removed; its address says 404 from now on, and what was sealed of it ends with its bucket");
    return 0;
}

}  // namespace lethe::lethectl
