// SPDX-License-Identifier: AGPL-3.0-or-later
// All HTTP connections: how many there may be.
//
// limits.http_connections bounds them in all, limits.connections_per_network those of one /24 or /48 (not on the loopback listener: a proxy or
// an onion service is one address for everybody). One too many is closed without a word. Counts are in memory only, apart from those of XMPP:
// whoever uses up these keeps nobody from chatting. Nothing about a request is logged, its path least of all: it can be a key.
// Lifetime: outlives the listeners that call accept(), and the io_context's run. Thread: core.
#pragma once
#include <map>

#include "server/http/connection.h"
#include "server/stream/login_throttle.h"

namespace lethe::http {

enum class Listening : std::uint8_t { tls, loopback };

class Server {
public:
    Server(core::Core& core, Router router, std::shared_ptr<net::TlsContext> tls) : core_(core), router_(std::move(router)), tls_(std::move(tls)) {}
    void accept(asio::ip::tcp::socket socket, Listening kind);
    /// For connections from now on.
    void use(std::shared_ptr<net::TlsContext> tls) { tls_ = std::move(tls); }
    void stop();

private:
    core::Core& core_;
    const Router router_;
    std::shared_ptr<net::TlsContext> tls_;
    std::map<stream::Network, unsigned> per_network_;
    std::map<const Connection*, std::weak_ptr<Connection>> connections_;
};

}  // namespace lethe::http
