// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/stream/registration_limits.h"

namespace lethe::stream {
namespace {

constexpr std::int64_t window = 3'600'000'000;  // an hour
constexpr double window_seconds = 3600;
constexpr std::size_t networks = 4096;
constexpr std::string_view everybody = "all";

std::string_view text_of(const Network& network) { return {reinterpret_cast<const char*>(network.data()), network.size()}; }

}  // namespace

RegistrationLimits::RegistrationLimits(Limits limits)
    : limits_(limits), networks_({networks, limits.per_network / window_seconds, window}), all_({8, limits.in_all / window_seconds, window}) {}

bool RegistrationLimits::allows(const Network& network, std::int64_t now) const {
    if (limits_.per_network && networks_.level(networks_.key({text_of(network)}), now) + 1 > limits_.per_network) return false;
    return !limits_.in_all || all_.level(all_.key({everybody}), now) + 1 <= limits_.in_all;
}

void RegistrationLimits::count(const Network& network, std::int64_t now) {
    if (network != behind_proxy) networks_.add(networks_.key({text_of(network)}), 1, now);
    all_.add(all_.key({everybody}), 1, now);
}

}  // namespace lethe::stream
