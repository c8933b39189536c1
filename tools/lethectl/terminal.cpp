// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tools/lethectl/terminal.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace lethe::lethectl {
namespace {

using admin::Failure;
using admin::Password;
using admin::Status;

std::unexpected<Failure> usage(std::string text) {
    return std::unexpected(Failure{Status::usage, std::move(text)});
}

void print_line(std::FILE* out, std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), out);
    std::fputc('\n', out);
}

/// The controlling terminal, silent while this lives. Keys arrive one by one and make no signals, so that
/// leaving early by Ctrl-C cannot leave the terminal silent.
class SilentTerminal {
public:
    SilentTerminal() : fd_(open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {
        if (fd_ < 0 || tcgetattr(fd_, &before_) != 0) return;
        termios silent = before_;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | ISIG);
        silent.c_cc[VMIN] = 1;
        silent.c_cc[VTIME] = 0;
        usable_ = tcsetattr(fd_, TCSAFLUSH, &silent) == 0;
    }
    ~SilentTerminal() {
        if (usable_) tcsetattr(fd_, TCSAFLUSH, &before_);
        if (fd_ >= 0) close(fd_);
    }
    SilentTerminal(const SilentTerminal&) = delete;
    bool usable() const { return usable_; }

    std::expected<Password, Failure> ask(std::string_view question) const {
        say(question);
        Password password;
        for (;;) {
            char c = 0;
            const auto got = read(fd_, &c, 1);
            if (got < 0 && errno == EINTR) continue;
            constexpr char ctrl_c = 3, ctrl_d = 4, ctrl_backslash = 28;
            if (got <= 0 || c == ctrl_c || c == ctrl_backslash || (c == ctrl_d && password.empty())) {
                say("\n");
                return usage("no password was given; nothing was changed");
            }
            if (c == '\n' || c == ctrl_d) break;
            if (!edit(password, c)) {
                say("\n");
                return usage("the password is longer than " + std::to_string(Password::longest) +
                             " bytes; choose a shorter one");
            }
        }
        say("\n");
        return password;
    }

private:
    /// False if it is full.
    static bool edit(Password& password, char c) {
        constexpr char backspace = 8, ctrl_u = 21, del = 127;
        if (c == ctrl_u) {
            while (!password.empty()) password.pop_back();
        } else if (c == backspace || c == del) {
            // A character of several bytes goes as a whole.
            while (!password.empty() && (password.view().back() & 0xc0) == 0x80) password.pop_back();
            password.pop_back();
        } else {
            return password.push_back(c);
        }
        return true;
    }
    void say(std::string_view text) const {
        // A terminal that takes no text will give no password either, and that is reported.
        [[maybe_unused]] const auto written = write(fd_, text.data(), text.size());
    }
    int fd_;
    bool usable_ = false;
    termios before_{};
};

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
    Password password;
    bool ended = false;
    for (;;) {
        char c = 0;
        const auto got = read(STDIN_FILENO, &c, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::unexpected(Failure{Status::system, "standard input cannot be read"});
        if (got == 0) break;
        if (ended)
            return usage(
                "standard input holds more than one line; --password-stdin takes the password and nothing "
                "else");
        if (c == '\n')
            ended = true;
        else if (!password.push_back(c))
            return usage("the password is longer than " + std::to_string(Password::longest) +
                         " bytes; choose a shorter one");
    }
    return password;
}

std::expected<Password, Failure> ask_password(const std::string& account) {
    const SilentTerminal terminal;
    if (!terminal.usable())
        return usage("there is no terminal to ask for the password on; use --password-stdin");
    auto first = terminal.ask("Password for " + account + ": ");
    if (!first) return first;
    const auto second = terminal.ask("The same again: ");
    if (!second) return std::unexpected(second.error());
    if (first->view() != second->view()) return usage("the two passwords differ; nothing was changed");
    return first;
}

}  // namespace lethe::lethectl
