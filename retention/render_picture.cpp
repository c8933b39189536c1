// SPDX-License-Identifier: AGPL-3.0-or-later
// How long things are kept, drawn: one bar each on a scale from seconds to centuries.
//
// Drawn 360 units wide, which is a phone's width in pixels, so that its text needs no magnifying glass there.
// Says nothing by colour: a bar that whoever has the disk can read is hollow, one without an end has an arrow
// head, what is not stored has an empty, dashed track, and each says so in words above it, too.
#include <algorithm>
#include <array>
#include <cmath>

#include "retention/render_page.h"

namespace lethe::retention::page {

namespace {

constexpr int whole = 360, track = 342, line = 18, bar = 14, gap = 16;
constexpr std::size_t most_characters = 44, most_bold = 40;  ///< in a line, of a font whose letters are wide

struct Tick {
    double seconds;
    std::array<std::string_view, 2> name;  ///< en, de
};
constexpr double day = 86400;
constexpr std::array ticks{Tick{1, {"1 s", "1 s"}},
                           Tick{60, {"1 min", "1 min"}},
                           Tick{3600, {"1 h", "1 h"}},
                           Tick{day, {"1 day", "1 Tag"}},
                           Tick{7 * day, {"1 week", "1 Woche"}},
                           Tick{30 * day, {"1 month", "1 Monat"}},
                           Tick{365 * day, {"1 year", "1 Jahr"}},
                           Tick{3650 * day, {"10 years", "10 Jahre"}},
                           Tick{36500 * day, {"100 years", "100 Jahre"}}};

/// From the mark before the shortest time to the one behind the longest.
struct Scale {
    double low = 60, high = 365 * day;

    explicit Scale(const std::vector<Picture::Bar>& bars) {
        double shortest = HUGE_VAL, longest = 0;
        for (const auto& b : bars)
            if (b.keep.stored() && !b.keep.unlimited) {
                shortest = std::min(shortest, seconds(b.keep));
                longest = std::max(longest, seconds(b.keep));
            }
        if (longest == 0) return;
        low = 0.1;
        for (const Tick& tick : ticks)
            if (tick.seconds < shortest) low = tick.seconds;
        high = longest;
        for (const Tick& tick : ticks)
            if (tick.seconds >= longest) {
                high = tick.seconds;
                break;
            }
    }
    static double seconds(const Keep& keep) { return static_cast<double>(keep.micros) / 1e6; }
    int at(double s) const {
        return static_cast<int>(std::lround(track * std::log(s / low) / std::log(high / low)));
    }
};

std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::vector<std::string> wrapped(std::string_view text, std::size_t most) {
    std::vector<std::string> lines(1);
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        const std::string_view word = text.substr(0, end);
        std::string& last = lines.back();
        if (!last.empty() && characters(last) + 1 + characters(word) > most)
            lines.emplace_back(word);
        else
            last += (last.empty() ? "" : " ") + std::string(word);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

/// What is not stored has no readers.
std::string what_of(const Picture::Bar& one, std::string_view between) {
    return one.kept + (one.keep.stored() ? std::string(between) + one.reader : "");
}

std::string number(const char* name, int value) {
    return ' ' + std::string(name) + "=\"" + std::to_string(value) + '"';
}

class Drawing {
public:
    Drawing(const Picture& picture, Language language)
        : picture_(picture), scale_(picture.bars), language_(static_cast<std::size_t>(language)) {}

    std::string draw(const std::string& id) {
        constexpr std::size_t few = 5;  // more of them do not fit on a screen together with the marks' names
        name_ticks();
        for (const auto& b : picture_.bars) one(b);
        if (picture_.bars.size() > few) name_ticks();
        std::string described;
        for (const auto& b : picture_.bars)
            described += (described.empty() ? "" : "; ") + b.name + ": " + what_of(b, ", ");
        return "<svg role=\"img\" aria-labelledby=\"" + id + "t " + id + "d\" viewBox=\"0 0 " +
               std::to_string(whole) + ' ' + std::to_string(y_) + "\"><title id=\"" + id + "t\">" +
               escaped(picture_.title) + "</title><desc id=\"" + id + "d\">" + escaped(described) +
               "</desc>\n" + out_ + "</svg>\n";
    }

private:
    void rectangle(const char* kind, int x, int y, int width, int height) {
        out_ += "<rect class=\"" + std::string(kind) + '"' + number("x", x) + number("y", y) +
                number("width", width) + number("height", height) + "/>";
    }
    void write(int x, const char* kind, std::string_view text) {
        out_ += "<text" + (*kind != 0 ? " class=\"" + std::string(kind) + '"' : "") + number("x", x) +
                number("y", y_ + line - 5) + '>' + escaped(text) + "</text>\n";
    }

    /// Those that have room beside the one before; the first and the last always have.
    void name_ticks() {
        constexpr int letter = 8;
        const auto width = [this](const Tick& tick) {
            return letter * static_cast<int>(characters(tick.name[language_]));
        };
        std::vector<const Tick*> shown;
        for (const Tick& tick : ticks)
            if (tick.seconds >= scale_.low && tick.seconds <= scale_.high) shown.push_back(&tick);
        int free_from = 0;
        for (std::size_t i = 0; i < shown.size(); ++i) {
            const Tick& tick = *shown[i];
            const int x = scale_.at(tick.seconds),
                      left = std::clamp(x - width(tick) / 2, 0, whole - width(tick));
            const bool last = i + 1 == shown.size();
            const int before = last ? whole
                                    : std::clamp(scale_.at(shown.back()->seconds) - width(*shown.back()) / 2,
                                                 0, whole - width(*shown.back()));
            if (left < free_from || (!last && left + width(tick) + letter > before)) continue;
            write(left, "tick", tick.name[language_]);
            free_from = left + width(tick) + letter;
        }
        y_ += line + 4;
    }

    void one(const Picture::Bar& b) {
        for (const auto& text : wrapped(b.name, most_characters)) {
            write(0, "", text);
            y_ += line;
        }
        for (const auto& text : wrapped(what_of(b, " · "), most_bold)) {
            write(0, "kept", text);
            y_ += line;
        }
        rectangle(b.keep.stored() ? "track" : "track none", 0, y_, track, bar);
        for (const Tick& tick : ticks)
            if (tick.seconds > scale_.low && tick.seconds < scale_.high)
                rectangle("mark", scale_.at(tick.seconds), y_, 1, bar);
        const char* kind = b.open ? "bar open" : "bar";
        if (b.keep.unlimited)
            out_ += "<path class=\"" + std::string(kind) + "\" d=\"M0 " + std::to_string(y_ + 2) + 'H' +
                    std::to_string(track) + "v-4l" + std::to_string(whole - track - 2) + ' ' +
                    std::to_string(bar / 2 + 2) + "l-" + std::to_string(whole - track - 2) + ' ' +
                    std::to_string(bar / 2 + 2) + "v-4H0z\"/>\n";
        else if (b.keep.stored())
            rectangle(kind, 0, y_ + 2, std::max(4, scale_.at(Scale::seconds(b.keep))), bar - 4);
        y_ += bar + gap;
    }

    const Picture& picture_;
    Scale scale_;
    std::size_t language_;
    std::string out_;
    int y_ = 0;
};

}  // namespace

std::string draw(const Picture& picture, Language language, const std::string& id) {
    return Drawing(picture, language).draw(id);
}

}  // namespace lethe::retention::page
