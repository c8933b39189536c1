// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tools/lethectl/terminal.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "server/admin/password_rule.h"
#include "server/admin/prompt.h"

namespace lethe::lethectl {
namespace {

using admin::Failure;
using admin::Password;

void print_line(std::FILE* out, std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), out);
    std::fputc('\n', out);
}

/// Names of files and words of the command line may hold anything: none of it shall steer a terminal or look
/// like another line.
std::string harmless(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    return out;
}

}  // namespace

void message(std::string_view text) { print_line(stderr, "lethectl: " + harmless(text)); }
void result(std::string_view text) { print_line(stdout, text); }
void report(const std::vector<retention::FileError>& errors) {
    for (const auto& error : errors) print_line(stderr, harmless(error.to_string()));
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
    return admin::ask_twice("Password for " + account + " (at least " + std::to_string(admin::shortest_password) + " characters): ", "password", "--password-stdin");
}

}  // namespace lethe::lethectl
