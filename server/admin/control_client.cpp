// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/admin/control_client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace lethe::admin {
namespace {

constexpr timeval patience{60, 0};  // a reset on a busy machine is slow; a server that takes longer hangs

struct Descriptor {
    int value;
    ~Descriptor() {
        if (value >= 0) close(value);
    }
};

std::unexpected<Failure> fail(std::string text) {
    return std::unexpected(Failure{Status::system, std::move(text)});
}
std::string because() { return " (" + std::generic_category().message(errno) + ")"; }

/// False with errno set.
bool send_all(int socket, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto sent = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

/// Everything up to the newline; empty if there is none.
std::string receive_line(int socket) {
    std::string line;
    std::array<char, 4096> piece;
    while (line.size() < longest_reply) {
        const auto got = recv(socket, piece.data(), piece.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return {};
        line.append(piece.data(), static_cast<std::size_t>(got));
        if (line.back() == '\n') {
            line.pop_back();
            return line;
        }
    }
    return {};
}

}  // namespace

std::filesystem::path control_socket(const std::filesystem::path& data) { return data / "run" / "control"; }

Reply ask(const std::filesystem::path& data, const Request& request) {
    const auto path = control_socket(data).string();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return fail(path + " is too long a path for a socket; give the data directory a shorter one");
    std::memcpy(address.sun_path, path.data(), path.size());

    const Descriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (socket.value < 0) return fail("no socket can be made" + because());
    setsockopt(socket.value, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(socket.value, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(socket.value, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return fail("the process that holds " + data.string() + " does not answer at " + path + because() +
                    "; if lethed is just starting, try again");
    std::string line = encode(request);
    line += '\n';
    const bool sent = send_all(socket.value, line);
    wipe(line);
    if (!sent) return fail("the server took no request at " + path + because() + "; try again");
    auto reply = decode_reply(receive_line(socket.value));
    if (!reply)
        return fail("the server gave no answer at " + path + "; look at its log before you try again");
    return std::move(*reply);
}

}  // namespace lethe::admin
