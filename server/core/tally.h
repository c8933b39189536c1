// SPDX-License-Identifier: AGPL-3.0-or-later
// How much of something each of very many names has had lately, in a table of fixed size, in memory only.
//
// A name's level rises by what is added, drains at a fixed rate and is forgotten when nothing was added for a while. The table holds keyed
// hashes, never names, under a key of its own, so that nobody can choose names that meet in one place. When a place is full the
// lowest level in it is forgotten: what a flood of new names can wash out is first of all each other.
// Times are microseconds of any clock that does not run backwards. Thread: one at a time.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace lethe::core {

class Tally {
public:
    using Key = std::uint64_t;
    struct Rules {
        std::size_t names;              ///< how many it can hold, at 24 bytes each
        double drain_per_second = 0;
        std::int64_t forget_after = 0;  ///< microseconds since the last addition
    };
    explicit Tally(Rules rules);

    /// SipHash of the parts, each with its length.
    Key key(std::initializer_list<std::string_view> parts) const;
    double level(Key key, std::int64_t now) const;
    void add(Key key, double amount, std::int64_t now);
    void forget(Key key);

private:
    struct Entry {
        Key key = 0;
        double level = 0;
        std::int64_t at = 0;
    };
    static constexpr std::size_t ways = 8;  ///< places a name may stand in
    std::size_t set_of(Key key) const { return static_cast<std::size_t>(key % (entries_.size() / ways)) * ways; }
    double level_of(const Entry& entry, std::int64_t now) const;

    Rules rules_;
    std::array<std::uint8_t, 16> secret_;
    std::vector<Entry> entries_;
};

}  // namespace lethe::core
