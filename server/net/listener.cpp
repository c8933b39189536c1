// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/net/listener.h"

#include <asio/ip/v6_only.hpp>
#include <asio/steady_timer.hpp>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <optional>

namespace lethe::net {

namespace {

using asio::ip::tcp;
using Failure = std::unexpected<std::string>;

/// Long enough not to spin, short enough that a client hardly notices.
constexpr auto pause_without_descriptors = std::chrono::milliseconds(200);

std::optional<tcp::endpoint> parse(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const std::string_view digits = text.substr(colon + 1);
    std::uint16_t port = 0;
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (digits.empty() || problem != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    asio::error_code ec;
    const asio::ip::address address = asio::ip::make_address(std::string(host), ec);
    if (ec || address.is_v6() != bracketed) return std::nullopt;
    return tcp::endpoint(address, port);
}

asio::error_code bind_to(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
    asio::error_code ec;
    acceptor.open(endpoint.protocol(), ec);
    if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
    // [::] takes IPv4 too; a single IPv6 address has nothing to do with it.
    if (!ec && endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only(!endpoint.address().is_unspecified()), ec);
    if (!ec) acceptor.bind(endpoint, ec);
    if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
    if (!ec) acceptor.non_blocking(true, ec);
    if (ec) {
        asio::error_code ignored;  // ec is what there is to say
        acceptor.close(ignored);
    }
    return ec;
}

std::string sentence(const std::string& address, const asio::error_code& ec) {
    if (ec == asio::error::address_in_use)
        return "Cannot listen on " + address + ": another program does already; stop it or choose another port.";
    if (ec == asio::error::access_denied)
        return "Cannot listen on " + address + ": ports below 1024 need the capability CAP_NET_BIND_SERVICE; grant it or choose a higher port.";
    if (ec.value() == EADDRNOTAVAIL)
        return "Cannot listen on " + address + ": this machine has no such address; correct it under [listen] in lethe.toml.";
    return "Cannot listen on " + address + " (" + ec.message() + "): correct it under [listen] in lethe.toml.";
}

}  // namespace

struct Listener::Impl : std::enable_shared_from_this<Listener::Impl> {
    explicit Impl(asio::io_context& io) : acceptor(io), timer(io) {}

    tcp::acceptor acceptor;
    asio::steady_timer timer;
    std::function<void(tcp::socket)> on_accept;
    std::uint16_t port = 0;
    bool ipv4_only = false;
    bool stopped = false;

    void accept_next() {
        acceptor.async_accept([self = shared_from_this()](const asio::error_code& ec, tcp::socket socket) {
            if (self->stopped) return;
            // Out of descriptors or memory: the connection stays in the kernel's queue, and asking again at once would spin.
            // (Asio itself skips connections that were lost before they were accepted.)
            if (ec) return self->pause();
            self->on_accept(std::move(socket));
            if (!self->stopped) self->accept_next();
        });
    }

    void pause() {
        timer.expires_after(pause_without_descriptors);
        timer.async_wait([self = shared_from_this()](const asio::error_code&) {
            if (!self->stopped) self->accept_next();
        });
    }
};

std::expected<std::unique_ptr<Listener>, std::string> Listener::open(asio::io_context& io, const std::string& address) {
    const auto endpoint = parse(address);
    if (!endpoint)
        return Failure("\"" + address + "\" is no address to listen on: write IPV4:PORT or [IPV6]:PORT, for example [::]:5222.");
    auto impl = std::make_shared<Impl>(io);
    asio::error_code ec = bind_to(impl->acceptor, *endpoint);
    const bool no_ipv6 = ec == asio::error::address_family_not_supported || ec.value() == EADDRNOTAVAIL;
    if (no_ipv6 && endpoint->address().is_v6() && endpoint->address().is_unspecified()) {
        ec = bind_to(impl->acceptor, tcp::endpoint(tcp::v4(), endpoint->port()));
        impl->ipv4_only = true;
    }
    if (ec) return Failure(sentence(address, ec));
    impl->port = impl->acceptor.local_endpoint(ec).port();
    if (ec) return Failure(sentence(address, ec));
    return std::unique_ptr<Listener>(new Listener(std::move(impl)));
}

Listener::Listener(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Listener::~Listener() { stop(); }

void Listener::start(std::function<void(tcp::socket)> on_accept) {
    impl_->on_accept = std::move(on_accept);
    impl_->accept_next();
}

void Listener::stop() {
    if (impl_->stopped) return;
    impl_->stopped = true;
    asio::error_code ec;  // the descriptor is gone afterwards, whatever the kernel says
    impl_->acceptor.close(ec);
    impl_->timer.cancel();
}

std::uint16_t Listener::port() const { return impl_->port; }
bool Listener::ipv4_only() const { return impl_->ipv4_only; }

}  // namespace lethe::net
