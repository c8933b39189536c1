// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/stream/login_throttle.h"

#include <algorithm>

namespace lethe::stream {
namespace {

constexpr std::int64_t window = 600'000'000;  // ten minutes
constexpr double window_seconds = 600;
constexpr std::size_t names = 4096;

std::string_view text_of(const Network& network) { return {reinterpret_cast<const char*>(network.data()), network.size()}; }

}  // namespace

Network network_of(const net::PeerAddress& peer) {
    Network network{};
    network[0] = peer.v6 ? 6 : 4;
    std::copy_n(peer.ip.begin(), peer.v6 ? 6 : 3, network.begin() + 1);
    return network;
}

LoginThrottle::LoginThrottle(Limits limits)
    : limits_(limits),
      networks_({names, limits.per_network / window_seconds, window}),
      accounts_({names, limits.per_account / window_seconds, window}),
      pairs_({names, 0, window}) {}

bool LoginThrottle::allows(const Network& network, std::string_view account, std::int64_t now) const {
    if (limits_.per_network && networks_.level(networks_.key({text_of(network)}), now) + 1 > limits_.per_network) return false;
    if (!limits_.per_account || accounts_.level(accounts_.key({account}), now) + 1 <= limits_.per_account) return true;
    return pairs_.level(pairs_.key({text_of(network), account}), now) == 0;
}

void LoginThrottle::failed(const Network& network, std::string_view account, std::int64_t now) {
    if (network != behind_proxy) networks_.add(networks_.key({text_of(network)}), 1, now);
    accounts_.add(accounts_.key({account}), 1, now);
    pairs_.add(pairs_.key({text_of(network), account}), 1, now);
}

}  // namespace lethe::stream
