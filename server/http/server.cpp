// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/http/server.h"

namespace lethe::http {

void Server::accept(asio::ip::tcp::socket socket, Listening kind) {
    const auto& limits = core_.env.config.limits;
    if (connections_.size() >= limits.http_connections) return;
    auto connection = std::make_shared<Connection>(core_, router_, std::move(socket), kind == Listening::tls ? tls_ : nullptr);
    const auto peer = connection->peer();
    if (!peer) return;
    const auto network = stream::network_of(*peer);
    const bool counted = kind == Listening::tls;
    if (counted) {
        if (const auto count = per_network_.find(network); count != per_network_.end() && count->second >= limits.connections_per_network) return;
        ++per_network_[network];
    }
    connections_.emplace(connection.get(), connection);
    connection->start([this, network, counted, raw = connection.get()] {
        connections_.erase(raw);
        if (counted && --per_network_[network] == 0) per_network_.erase(network);
    });
}

void Server::stop() {
    const auto open = connections_;
    for (const auto& [_, weak] : open)
        if (const auto connection = weak.lock()) connection->close();
}

}  // namespace lethe::http
