// SPDX-License-Identifier: AGPL-3.0-or-later
// One Expat parser that knows how much memory it holds.
//
// Expat interns every element, attribute and prefix name it meets for as long as the parser lives, one
// allocation each, so its live allocations count the distinct names, and counting costs nothing while a
// stream uses the names it used before. Internal to server/xml/.
#pragma once
#include <expat.h>

#include <cstddef>
#include <string_view>

namespace lethe::xml {

class ExpatParser {
public:
    /// Stands between namespace name and local name in what Expat reports. No XML document can contain it,
    /// not even as a character reference, so no namespace name can forge the border.
    static constexpr char separator = '\x01';

    ExpatParser();
    ~ExpatParser();
    ExpatParser(const ExpatParser&) = delete;
    ExpatParser& operator=(const ExpatParser&) = delete;

    XML_Parser get() const { return parser_; }
    XML_Status parse(std::string_view bytes);
    /// Where the event begins that is at hand, or the first byte that Expat could not use yet, counted from
    /// the first byte of all.
    std::size_t offset() const;
    /// Where the event ends that is at hand.
    std::size_t event_end() const;
    /// The bytes from offset() on, valid until the next parse(); without data where Expat has none.
    std::string_view rest() const;
    std::size_t live_allocations() const { return tally_.count; }
    std::size_t live_bytes() const { return tally_.bytes; }

    struct Tally {
        std::size_t count = 0, bytes = 0;
    };

private:
    Tally tally_;
    XML_Parser parser_;
};

}  // namespace lethe::xml
