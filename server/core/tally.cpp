// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/tally.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace lethe::core {

Tally::Tally(Rules rules) : rules_(rules), entries_((std::max<std::size_t>(rules.names, 1) + ways - 1) / ways * ways) {
    static_assert(crypto_shorthash_KEYBYTES == 16 && crypto_shorthash_BYTES == sizeof(Key));
    randombytes_buf(secret_.data(), secret_.size());
}

Tally::Key Tally::key(std::initializer_list<std::string_view> parts) const {
    std::string message;
    for (const auto part : parts) {
        const std::uint64_t size = part.size();
        message.append(reinterpret_cast<const char*>(&size), sizeof size).append(part);
    }
    Key key = 0;
    crypto_shorthash(reinterpret_cast<unsigned char*>(&key), reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                     secret_.data());
    return key;
}

double Tally::level_of(const Entry& entry, std::int64_t now) const {
    const auto passed = std::max<std::int64_t>(now - entry.at, 0);
    if (passed >= rules_.forget_after) return 0;
    return std::max(0.0, entry.level - rules_.drain_per_second * static_cast<double>(passed) / 1e6);
}

double Tally::level(Key key, std::int64_t now) const {
    const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(set_of(key));
    const auto found = std::find_if(begin, begin + ways, [key](const Entry& e) { return e.level > 0 && e.key == key; });
    return found == begin + ways ? 0 : level_of(*found, now);
}

void Tally::add(Key key, double amount, std::int64_t now) {
    const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(set_of(key));
    auto place = std::find_if(begin, begin + ways, [key](const Entry& e) { return e.level > 0 && e.key == key; });
    if (place == begin + ways) {
        place = std::min_element(begin, begin + ways,
                                 [&](const Entry& a, const Entry& b) { return level_of(a, now) < level_of(b, now); });
        *place = Entry{key, 0, now};
    }
    place->level = level_of(*place, now) + amount;
    place->at = now;
}

void Tally::forget(Key key) {
    const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(set_of(key));
    for (auto it = begin; it != begin + ways; ++it)
        if (it->key == key) *it = Entry{};
}

}  // namespace lethe::core
