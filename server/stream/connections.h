// SPDX-License-Identifier: AGPL-3.0-or-later
// All client connections: how many there may be, and what the idle ones give back.
//
// limits.connections bounds them in all, limits.connections_per_network those of one /24 or /48, limits.http_connections those whose network a
// proxy on this machine hides. One too many gets a stream error that names the limit, if a stream can be had without a TLS handshake and not too
// many others are being told so; else it is closed. Of a network that has too many the log is told once, until it
// has fewer again. Counts are in memory only. Lifetime: outlives the listeners that call accept(), and the
// io_context's run. Thread: core.
#pragma once
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <expected>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "server/stream/client_stream.h"
#include "server/stream/login_throttle.h"

namespace lethe::stream {

class Connections {
public:
    explicit Connections(ClientService& service);
    void accept(net::Stream stream, Transport transport);
    /// Tells every client that the server stops; no memory is collected any more.
    void stop();
    std::size_t count() const { return streams_.size(); }

    /// Raises this process's limit of open files so that `connections`, `others` (of HTTP) and the store's files fit; the error names the
    /// limit and the remedy.
    static std::expected<void, std::string> reserve_descriptors(unsigned connections, unsigned others);

private:
    void refuse(const std::shared_ptr<ClientStream>& client, Transport transport, xmpp::StreamCondition condition, std::string_view text);
    void log_refusal(retention::Address from, retention::Word condition);
    void collect_memory();
    void check_alive();

    ClientService& service_;
    std::map<Network, unsigned> per_network_;
    std::map<const ClientStream*, std::weak_ptr<ClientStream>> streams_;
    std::set<const ClientStream*> refused_;  ///< being told so
    std::set<Network> crowded_;              ///< of which the log was told
    bool full_ = false;                      ///< the log was told
    asio::steady_timer collector_;
    asio::steady_timer watch_;
};

}  // namespace lethe::stream
