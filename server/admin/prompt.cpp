// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/admin/prompt.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string>

namespace lethe::admin {
namespace {

std::unexpected<Failure> usage(std::string text) {
    return std::unexpected(Failure{Status::usage, std::move(text)});
}

std::unexpected<Failure> too_long(std::string_view what) {
    return usage("the " + std::string(what) + " is longer than " + std::to_string(Password::longest) +
                 " bytes; choose a shorter one");
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

    std::expected<Password, Failure> ask(std::string_view question, std::string_view what) const {
        say(question);
        Password password;
        for (;;) {
            char c = 0;
            const auto got = read(fd_, &c, 1);
            if (got < 0 && errno == EINTR) continue;
            constexpr char ctrl_c = 3, ctrl_d = 4, ctrl_backslash = 28;
            if (got <= 0 || c == ctrl_c || c == ctrl_backslash || (c == ctrl_d && password.empty())) {
                say("\n");
                return usage("no " + std::string(what) + " was given; nothing was changed");
            }
            if (c == '\n' || c == ctrl_d) break;
            if (!edit(password, c)) {
                say("\n");
                return too_long(what);
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

std::unexpected<Failure> no_terminal(std::string_view what, std::string_view instead) {
    return usage("there is no terminal to ask for the " + std::string(what) + " on; use " +
                 std::string(instead));
}

}  // namespace

std::expected<Password, Failure> ask_silently(std::string_view question, std::string_view what,
                                              std::string_view instead) {
    const SilentTerminal terminal;
    if (!terminal.usable()) return no_terminal(what, instead);
    return terminal.ask(question, what);
}

std::expected<Password, Failure> ask_twice(std::string_view question, std::string_view what,
                                           std::string_view instead) {
    const SilentTerminal terminal;
    if (!terminal.usable()) return no_terminal(what, instead);
    auto first = terminal.ask(question, what);
    if (!first) return first;
    const auto second = terminal.ask("The same again: ", what);
    if (!second) return std::unexpected(second.error());
    if (first->view() != second->view())
        return usage("the two " + std::string(what) + "s differ; nothing was changed");
    return first;
}

std::expected<int, std::string> parse_descriptor(const std::string& text) {
    constexpr std::string_view remedy = "; give one that is open for reading, as 3 is with 3< FILE";
    const auto refuse = [&](std::string_view why) {
        return std::unexpected(std::string(why) + std::string(remedy));
    };
    int fd = -1;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, fd);
    if (error != std::errc{} || rest != end || fd < 0)
        return refuse("this is not the number of a descriptor");
    const int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return refuse("descriptor " + text + " is not open");
    if ((flags & O_ACCMODE) == O_WRONLY || (flags & O_PATH) != 0)
        return refuse("descriptor " + text + " is not open for reading");
    struct stat info {};
    if (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode))
        return refuse("descriptor " + text + " is a directory");
    return fd;
}

std::expected<Password, Failure> read_only_line(int fd, std::string_view what, std::string_view option) {
    const std::string source = fd == STDIN_FILENO ? "standard input" : "descriptor " + std::to_string(fd);
    Password password;
    bool ended = false;
    for (;;) {
        char c = 0;
        const auto got = read(fd, &c, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0)
            return std::unexpected(
                Failure{Status::system, source + " cannot be read (" + std::strerror(errno) + "); " +
                                            std::string(option) + " needs it open for reading"});
        if (got == 0) return password;
        if (ended)
            return usage(source + " holds more than one line; " + std::string(option) + " takes the " +
                         std::string(what) + " and nothing else");
        if (c == '\n')
            ended = true;
        else if (!password.push_back(c))
            return too_long(what);
    }
}

}  // namespace lethe::admin
