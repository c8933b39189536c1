// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tools/audit/search.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "tools/audit/even.h"

namespace lethe::audit {

namespace {

constexpr std::size_t piece = 1 << 20;
constexpr std::size_t around = 1 << 16;  // of a run is looked at to judge it: as long as a policy file is
constexpr std::uint64_t most_index =
    512;  // a page's head and its table of rows, which grow over what stood there before
constexpr std::uint64_t smallest_page = 4096;  // edges of larger pages are edges of these

bool printable(std::uint8_t byte) { return byte >= 0x20 && byte < 0x7f; }
/// What a text file may hold, in UTF-8.
bool of_text(std::uint8_t byte) {
    return printable(byte) || byte >= 0x80 || byte == '\t' || byte == '\n' || byte == '\r';
}

bool begins_policy_line(std::string_view line) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.empty()) return true;
    // A comment, a section, an item of a list or its end.
    if (std::string_view("#[]\"'").contains(line.front())) return true;
    const auto key = line.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.-");
    if (key == 0 || key == line.npos) return false;
    const auto equals = line.find_first_not_of(" \t", key);
    return equals != line.npos && line[equals] == '=';
}

}  // namespace

bool may_be_policy(ByteView bytes, std::size_t at, std::uint64_t page) {
    const auto in_page = [&](std::size_t i) { return (page + i) % smallest_page; };
    std::size_t begin = at;
    while (begin > 0 && of_text(bytes[begin - 1]) && bytes[begin - 1] != '\n' && in_page(begin) != 0) --begin;
    if (begin == 0 || in_page(begin) < most_index) return true;
    std::size_t first = begin, last = at;
    while (first > 0 && of_text(bytes[first - 1])) --first;
    while (last < bytes.size() && of_text(bytes[last])) ++last;
    const auto block = as_text(bytes.subspan(first, last - first));
    for (const std::string_view quotes : {"\"\"\"", "'''"})
        if (block.contains(quotes)) return true;
    const auto line = as_text(bytes.subspan(begin, last - begin));
    if (begins_policy_line(line)) return true;
    // In front of a text stands its length, 00 00 and two bytes that may look like letters.
    const auto zero = [&](std::size_t back) { return begin >= back && bytes[begin - back] == 0; };
    if ((zero(1) || (zero(2) && zero(3))) && begins_policy_line(line.substr(1))) return true;
    return zero(1) && zero(2) && line.size() > 2 && begins_policy_line(line.substr(2));
}

namespace {

/// In `bytes`, between `from` and `to`.
bool foreign_text(ByteView bytes, std::size_t from, std::size_t to, std::uint64_t page, Texts allowed) {
    while (from < to) {
        const auto found = find_text(bytes.subspan(from));
        if (!found || from + *found >= to) return false;
        if (allowed == Texts::none || !may_be_policy(bytes, from + *found, page)) return true;
        from += *found;
        while (from < bytes.size() && printable(bytes[from])) ++from;
    }
    return false;
}

}  // namespace

bool text_in_file(int fd, std::uint64_t size, Texts allowed) {
    std::vector<std::uint8_t> window;
    std::uint64_t begin = 0;  // where the window begins in the file
    std::size_t judged = 0;   // of the window
    auto at = ::lseek(fd, 0, SEEK_DATA);
    while (at >= 0 && static_cast<std::uint64_t>(at) < size) {
        const auto place = static_cast<std::uint64_t>(at);
        if (place != begin + window.size()) {
            if (foreign_text(window, judged, window.size(), begin, allowed)) return true;
            window.clear();
            begin = place;
            judged = 0;
        }
        const auto kept = window.size();
        window.resize(kept + piece);
        const auto n = ::pread(fd, window.data() + kept, piece, at);
        window.resize(kept + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
        if (n <= 0) break;
        const auto until = window.size() - std::min(window.size(), around);
        if (foreign_text(window, judged, until, begin, allowed)) return true;
        judged = std::max(judged, until);
        if (judged > around) {
            const auto gone = judged - around;
            window.erase(window.begin(), window.begin() + static_cast<std::ptrdiff_t>(gone));
            begin += gone;
            judged -= gone;
        }
        at = ::lseek(fd, at + n, SEEK_DATA);
    }
    return foreign_text(window, judged, window.size(), begin, allowed);
}

}  // namespace lethe::audit
