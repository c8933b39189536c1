// SPDX-License-Identifier: AGPL-3.0-or-later
// Passwords and passphrases from a person: typed on the terminal without echo, or given on a file descriptor.
//
// Thread: any; both calls block.
#pragma once
#include <expected>
#include <string>
#include <string_view>

#include "server/admin/operations.h"
#include "server/admin/password.h"

namespace lethe::admin {

/// Asked on the controlling terminal, which stays silent meanwhile. `what`: "password" or "passphrase"; `instead`: the option to use where
/// there is no terminal. Ctrl-C gives a failure, never a signal that would leave the terminal silent.
std::expected<Password, Failure> ask_silently(std::string_view question, std::string_view what, std::string_view instead);
/// The same, asked twice.
std::expected<Password, Failure> ask_twice(std::string_view question, std::string_view what, std::string_view instead);
/// The number of a descriptor that can be read from; else why not, to follow the option's name. To be asked before anything is opened, which could get the same number.
std::expected<int, std::string> parse_descriptor(const std::string& text);
/// One line, which must be all there is; its end may be missing. `option` names the source in errors.
std::expected<Password, Failure> read_only_line(int fd, std::string_view what, std::string_view option);

}  // namespace lethe::admin
