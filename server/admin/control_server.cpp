// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/admin/control_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <asio/local/stream_protocol.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <set>
#include <system_error>

#include "server/admin/control_client.h"

namespace lethe::admin {
namespace {

using Local = asio::local::stream_protocol;
constexpr std::size_t most_connections = 8;
constexpr auto idle_limit =
    std::chrono::seconds(10);  // between requests and inside one; an answer may take longer

bool may_speak(Local::socket& socket) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
    return peer.uid == 0 || peer.uid == geteuid();
}

}  // namespace

/// One connection: reads a line, has it answered, writes the answer, reads the next.
class Connection : public std::enable_shared_from_this<Connection> {
public:
    using Gone = std::function<void(const std::shared_ptr<Connection>&)>;
    Connection(Local::socket socket, ControlHandler& handler, Gone gone)
        : socket_(std::move(socket)),
          timer_(socket_.get_executor()),
          handler_(handler),
          gone_(std::move(gone)) {}
    ~Connection() { crypto::detail::wipe(buffer_.data(), buffer_.size()); }

    void read() {
        if (const auto end = std::find(buffer_.begin(), buffer_.begin() + used_, '\n');
            end != buffer_.begin() + used_)
            return take_line(static_cast<std::size_t>(end - buffer_.begin()));
        if (used_ == buffer_.size())
            return finish_with(
                {Status::usage, "the request is longer than " + std::to_string(longest_request) + " bytes"});
        watch();
        socket_.async_read_some(asio::buffer(buffer_.data() + used_, buffer_.size() - used_),
                                [self = shared_from_this()](const asio::error_code& error, std::size_t got) {
                                    if (error) return self->close();
                                    self->used_ += got;
                                    self->read();
                                });
    }
    void close() {
        asio::error_code ignored;  // closing a socket that is closed is no news
        socket_.close(ignored);
        timer_.cancel();
        if (const auto gone = std::exchange(gone_, {})) gone(shared_from_this());
    }

private:
    void watch() {
        timer_.expires_after(idle_limit);
        timer_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
            const auto self = weak.lock();
            if (!error && self) self->close();
        });
    }
    void take_line(std::size_t length) {
        timer_.cancel();
        auto request = decode_request({buffer_.data(), length});
        // What follows the line moves to the front; the line, which may hold a password, is overwritten.
        std::copy(buffer_.begin() + length + 1, buffer_.begin() + used_, buffer_.begin());
        const std::size_t left = used_ - length - 1;
        crypto::detail::wipe(buffer_.data() + left, used_ - left);
        used_ = left;
        if (!request) return finish_with(std::move(request.error()));
        dispatch(std::move(*request), handler_,
                 [self = shared_from_this()](Reply reply) { self->write(encode(reply), true); });
    }
    /// After a malformed request nobody knows where the next one begins.
    void finish_with(Failure failure) { write(encode(Reply(std::unexpected(std::move(failure)))), false); }
    void write(std::string reply, bool go_on) {
        if (!socket_.is_open()) return;
        reply_ = std::move(reply);
        reply_ += '\n';
        watch();
        asio::async_write(socket_, asio::buffer(reply_),
                          [self = shared_from_this(), go_on](const asio::error_code& error, std::size_t) {
                              if (error || !go_on)
                                  self->close();
                              else
                                  self->read();
                          });
    }

    Local::socket socket_;
    asio::steady_timer timer_;
    ControlHandler& handler_;
    Gone gone_;
    std::array<char, longest_request> buffer_{};
    std::size_t used_ = 0;
    std::string reply_;
};

struct ControlServer::Impl : std::enable_shared_from_this<Impl> {
    Impl(asio::io_context& io, ControlHandler& h, std::string p)
        : acceptor(io), retry(io), handler(h), path(std::move(p)) {}

    Local::acceptor acceptor;
    asio::steady_timer retry;
    ControlHandler& handler;
    std::string path;
    std::set<std::shared_ptr<Connection>> connections;

    void accept() {
        acceptor.async_accept(
            [self = shared_from_this()](const asio::error_code& error, Local::socket socket) {
                if (!self->acceptor.is_open()) return;
                if (error) return self->accept_later();
                self->welcome(std::move(socket));
                self->accept();
            });
    }
    /// Out of descriptors: accepting at once again would spin.
    void accept_later() {
        retry.expires_after(std::chrono::seconds(1));
        retry.async_wait([self = shared_from_this()](const asio::error_code& error) {
            if (!error) self->accept();
        });
    }
    void welcome(Local::socket socket) {
        if (connections.size() >= most_connections || !may_speak(socket)) return;
        auto connection = std::make_shared<Connection>(std::move(socket), handler,
                                                       [weak = weak_from_this()](const auto& gone) {
                                                           if (const auto self = weak.lock())
                                                               self->connections.erase(gone);
                                                       });
        connections.insert(connection);
        connection->read();
    }
};

std::expected<std::unique_ptr<ControlServer>, std::string> ControlServer::open(
    asio::io_context& io, const std::filesystem::path& data, ControlHandler& handler) {
    const auto path = control_socket(data);
    const auto directory = path.parent_path().string();
    const auto fail = [&](const std::string& what, const std::error_code& why) {
        return std::unexpected(what + " (" + why.message() + "); check the owner and the permissions of " +
                               data.string());
    };
    if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
        return fail(directory + " cannot be made", {errno, std::generic_category()});
    if (chmod(directory.c_str(), 0700) != 0)
        return fail(directory + " cannot be closed to others", {errno, std::generic_category()});
    if (unlink(path.c_str()) != 0 && errno != ENOENT)
        return fail(path.string() + " cannot be removed", {errno, std::generic_category()});
    if (path.string().size() >= sizeof(sockaddr_un::sun_path))
        return std::unexpected(path.string() +
                               " is too long a path for a socket; give the data directory a shorter one");

    auto impl = std::make_shared<Impl>(io, handler, path.string());
    asio::error_code error;
    impl->acceptor.open(Local(), error);
    if (!error) impl->acceptor.bind(Local::endpoint(impl->path), error);
    if (!error && chmod(impl->path.c_str(), 0600) != 0) error = {errno, std::generic_category()};
    if (!error) impl->acceptor.listen(Local::socket::max_listen_connections, error);
    if (error) return fail(impl->path + " cannot be opened", error);
    impl->accept();
    return std::unique_ptr<ControlServer>(new ControlServer(std::move(impl)));
}

ControlServer::ControlServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
ControlServer::~ControlServer() { stop(); }

void ControlServer::stop() {
    if (!impl_->acceptor.is_open()) return;
    asio::error_code ignored;  // it goes away either way
    impl_->acceptor.close(ignored);
    impl_->retry.cancel();
    unlink(impl_->path.c_str());
    const auto open = std::exchange(impl_->connections, {});
    for (const auto& connection : open) connection->close();
}

}  // namespace lethe::admin
