// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/stream/connections.h"

#include <sys/resource.h>

#include <algorithm>

namespace lethe::stream {
namespace {

/// A session that said nothing between two rounds gives its parser's memory back: long enough that one in a conversation does not make a
/// new parser for every stanza.
constexpr std::chrono::seconds between_rounds{10};
/// Environments and their lock files, listeners, log files, the control socket, and some air.
constexpr rlim_t other_descriptors = 512;
/// Connections that are told why they are refused; each waits a few seconds at most until the other side has
/// read it.
constexpr std::size_t most_refused = 64;

}  // namespace

Connections::Connections(ClientService& service)
    : service_(service), collector_(service.core.env.io), watch_(service.core.env.io) {
    collect_memory();
    check_alive();
}

void Connections::accept(net::Stream stream, Transport transport) {
    const auto& limits = service_.core.env.config.limits;
    auto client = std::make_shared<ClientStream>(service_, std::move(stream), transport);
    if (!client->peer()) return;
    const auto network = client->network();
    if (streams_.size() >= limits.connections) {
        if (!std::exchange(full_, true))
            log_refusal(client->address(), retention::Word("resource-constraint"));
        return refuse(client, transport, xmpp::StreamCondition::resource_constraint,
                      "The server has as many connections as it takes (connections)");
    }
    const bool proxied = network == behind_proxy;
    if (const auto crowd = per_network_.find(network);
        crowd != per_network_.end() && crowd->second >= (proxied ? limits.http_connections : limits.connections_per_network)) {
        if (crowded_.insert(network).second)
            log_refusal(client->address(), retention::Word("policy-violation"));
        return refuse(client, transport, xmpp::StreamCondition::policy_violation,
                      proxied ? "There are as many connections through a proxy as there may be (http_connections)"
                              : "Your network has as many connections as one may have (connections_per_network)");
    }
    ++per_network_[network];
    streams_.emplace(client.get(), client);
    client->start([this, network, raw = client.get()] {
        streams_.erase(raw);
        full_ = false;
        crowded_.erase(network);
        if (--per_network_[network] == 0) per_network_.erase(network);
    });
}

void Connections::log_refusal(retention::Address from, retention::Word condition) {
    service_.core.env.log.write(retention::Event::stream_error, {from, condition});
}

void Connections::refuse(const std::shared_ptr<ClientStream>& client, Transport transport,
                         xmpp::StreamCondition condition, std::string_view text) {
    if (transport == Transport::direct_tls || refused_.size() >= most_refused) return;
    refused_.insert(client.get());
    client->start([this, raw = client.get()] { refused_.erase(raw); });
    client->finish(condition, text);
}

void Connections::stop() {
    collector_.cancel();
    watch_.cancel();
    const auto open = streams_;
    for (const auto& [_, weak] : open)
        if (const auto client = weak.lock()) client->finish(xmpp::StreamCondition::system_shutdown);
}

void Connections::collect_memory() {
    collector_.expires_after(between_rounds);
    collector_.async_wait([this](std::error_code error) {
        if (error) return;
        // It goes to the next sessions, not to the kernel: the pieces are small and stand between those that stay.
        for (const auto& [_, weak] : streams_)
            if (const auto client = weak.lock()) client->release_idle_memory();
        collect_memory();
    });
}

void Connections::check_alive() {
    // Often enough that what the limits say is late by a quarter at most.
    const auto& limits = service_.core.env.config.limits;
    const auto shortest = limits.ping_seconds == 0 ? limits.answer_seconds : std::min(limits.ping_seconds, limits.answer_seconds);
    watch_.expires_after(std::min(std::chrono::milliseconds(10'000), std::chrono::milliseconds(shortest * 250)));
    watch_.async_wait([this](std::error_code error) {
        if (error) return;
        const auto now = std::chrono::steady_clock::now();
        const auto open = streams_;
        for (const auto& [_, weak] : open)
            if (const auto client = weak.lock()) client->check_alive(now);
        check_alive();
    });
}

std::expected<void, std::string> Connections::reserve_descriptors(unsigned connections, unsigned others) {
    rlimit files{};
    const rlim_t wanted = rlim_t{connections} + others + other_descriptors;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= wanted) return {};
    if (files.rlim_max >= wanted) {
        files.rlim_cur = wanted;
        if (setrlimit(RLIMIT_NOFILE, &files) == 0) return {};
    }
    return std::unexpected("limits.connections = " + std::to_string(connections) +
                           (others == 0 ? "" : " and limits.http_connections = " + std::to_string(others)) + " in lethe.toml needs " + std::to_string(wanted) +
                           " open files and this process may have " + std::to_string(files.rlim_max) +
                           "; set LimitNOFILE=" + std::to_string(wanted) + " in the systemd unit (or ulimit -n), or lower limits.connections");
}

}  // namespace lethe::stream
