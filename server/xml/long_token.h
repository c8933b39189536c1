// SPDX-License-Identifier: AGPL-3.0-or-later
// Says when a long piece of markup that arrives in small pieces can be complete.
//
// Expat scans an unfinished tag from its beginning each time bytes arrive: a tag of 256 KiB sent byte by byte
// would cost half a minute. Expat's own remedy, reparse deferral, delays end tags without bound. Here bytes
// are held back only while they cannot end the tag. Internal to server/xml/.
#pragma once
#include <cstddef>
#include <string_view>

namespace lethe::xml {

class LongToken {
public:
    static constexpr std::size_t worth_watching = 4096;  ///< bytes; below this scanning again is cheap

    bool active() const { return active_; }
    void stop() { active_ = false; }
    /// `token`: what there is of it so far, from its first byte.
    void start(std::string_view token) {
        active_ = true;
        quote_ = 0;
        reference_ = token.starts_with('&');
        (void)may_end(token);
    }
    /// True if the token may end within `more`: at a '>' outside quotes, or the ';' of a reference.
    bool may_end(std::string_view more) {
        for (char c : more) {
            if (quote_) {
                if (c == quote_) quote_ = 0;
            } else if (c == (reference_ ? ';' : '>')) {
                return true;
            } else if (!reference_ && (c == '\'' || c == '"')) {
                quote_ = c;
            }
        }
        return false;
    }

private:
    bool active_ = false, reference_ = false;
    char quote_ = 0;
};

}  // namespace lethe::xml
