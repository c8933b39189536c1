// SPDX-License-Identifier: AGPL-3.0-or-later
// Messages, results and passwords between the person and the program.
#pragma once
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "retention/policy.h"
#include "server/admin/control.h"
#include "server/admin/password.h"

namespace lethe::lethectl {

/// One line on standard error, "lethectl: …".
void message(std::string_view text);
/// One line on standard output.
void result(std::string_view text);
/// The messages of mistakes in a file, one a line.
void report(const std::vector<retention::FileError>& errors);
/// Bold on a terminal that may show it (NO_COLOR, TERM=dumb), else the text as it is.
std::string heading(std::string_view text);
/// Says what failed; the exit code.
int fail(const admin::Failure& failure);

/// One line of standard input, which must hold nothing else.
std::expected<admin::Password, admin::Failure> read_password_line();
/// Asked on the terminal, twice, without echo.
std::expected<admin::Password, admin::Failure> ask_password(const std::string& account);

}  // namespace lethe::lethectl
