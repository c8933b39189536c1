// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tools/lethectl/terminal.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "server/admin/prompt.h"

namespace lethe::lethectl {
namespace {

using admin::Failure;
using admin::Password;

void print_line(std::FILE* out, std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), out);
    std::fputc('\n', out);
}

}  // namespace

void message(std::string_view text) { print_line(stderr, "lethectl: " + std::string(text)); }
void result(std::string_view text) { print_line(stdout, text); }
void report(const std::vector<retention::FileError>& errors) {
    for (const auto& error : errors) print_line(stderr, error.to_string());
}

std::string heading(std::string_view text) {
    const char* no_color = std::getenv("NO_COLOR");
    const char* term = std::getenv("TERM");
    const bool plain =
        (no_color && *no_color) || !term || std::string_view(term) == "dumb" || isatty(STDOUT_FILENO) == 0;
    return plain ? std::string(text) : "\x1b[1m" + std::string(text) + "\x1b[0m";
}

int fail(const Failure& failure) {
    message(failure.text);
    return static_cast<int>(failure.status);
}

std::expected<Password, Failure> read_password_line() {
    return admin::read_only_line(STDIN_FILENO, "password", "--password-stdin");
}

std::expected<Password, Failure> ask_password(const std::string& account) {
    return admin::ask_twice("Password for " + account + ": ", "password", "--password-stdin");
}

}  // namespace lethe::lethectl
