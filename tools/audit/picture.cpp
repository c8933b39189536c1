// SPDX-License-Identifier: AGPL-3.0-or-later
#include <algorithm>
#include <map>

#include "tools/audit/deadlines.h"
#include "tools/audit/escape.h"
#include "tools/audit/output.h"

namespace lethe::audit {

namespace {

// In units of the drawing, which is as wide as a phone so that its letters can be read there.
constexpr double wide = 360, left = 4, right = 356, bar = 5, gap = 2, below_label = 11, below_class = 22;
constexpr std::size_t most_bars = 26;

struct Class {
    std::vector<store::BucketSpan> spans;
    std::uint64_t bytes = 0;
};

std::string number(double value) {
    // One digit after the point is a tenth of a unit, and enough.
    const auto tenths = static_cast<long>(value * 10);
    return std::to_string(tenths / 10) + '.' + std::to_string(tenths % 10);
}

std::string size_text(std::uint64_t bytes) {
    if (bytes < 10'240) return std::to_string(bytes) + " bytes";
    if (bytes < (10u << 20)) return std::to_string(bytes >> 10) + " KiB";
    return std::to_string(bytes >> 20) + " MiB";
}

/// Without those parts of a date that say nothing at this scale.
std::string short_time(Time time, Time scale) {
    const auto text = to_text(time);
    if (text.size() < 19) return text;
    constexpr Time day = 86'400 * Time{1'000'000};
    return scale > 3 * day ? text.substr(0, 10) : text.substr(5, scale > day / 24 ? 11 : 14);
}

class Drawing {
public:
    Drawing(const std::map<std::string, Class>& classes, Time now) : classes_(classes), now_(now), from_(now), to_(now) {
        for (const auto& [name, cls] : classes)
            for (const auto& span : cls.spans) {
                from_ = std::min(from_, span.start);
                if (span.deadline != store::no_deadline) to_ = std::max(to_, span.deadline);
            }
        if (to_ == from_) ++to_;
        // Room for what has no deadline, and so that the line of the present is not at the edge.
        const Time margin = (to_ - from_) / 40 + 1;
        from_ -= margin;
        to_ += margin;
    }

    std::string draw() {
        double y = 16;
        std::string rows;
        for (const auto& [name, cls] : classes_) rows += row(name, cls, y);
        const double x = at(now_);
        std::string out = "<svg viewBox=\"0 0 " + number(wide) + ' ' + number(y + 36) +
                          "\" role=\"img\" aria-labelledby=\"pic-title pic-desc\">\n<title id=\"pic-title\">What is stored, until when</title>\n"
                          "<desc id=\"pic-desc\">One bar for each bucket or log file, from its first moment to its deadline. The table below says the same "
                          "in numbers.</desc>\n" + rows;
        out += "<line class=\"now\" x1=\"" + number(x) + "\" x2=\"" + number(x) + "\" y1=\"4\" y2=\"" + number(y + 4) + "\"/>\n";
        out += "<line class=\"line\" x1=\"" + number(left) + "\" x2=\"" + number(right) + "\" y1=\"" + number(y + 4) + "\" y2=\"" + number(y + 4) + "\"/>\n";
        out += text(left, y + 18, "start", short_time(from_, to_ - from_)) + text(right, y + 18, "end", short_time(to_, to_ - from_));
        const auto anchor = x < wide / 4 ? "start" : x > wide * 3 / 4 ? "end" : "middle";
        out += text(x, y + 32, anchor, "audit, " + short_time(now_, to_ - from_));
        return out + "</svg>\n";
    }

private:
    double at(Time time) const {
        const auto part = static_cast<double>(std::clamp(time, from_, to_) - from_) / static_cast<double>(to_ - from_);
        return left + part * (right - left);
    }
    static std::string text(double x, double y, std::string_view anchor, const std::string& what) {
        return "<text class=\"soft\" x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + std::string(anchor) + "\">" + html_text(what) + "</text>\n";
    }

    std::string row(const std::string& name, const Class& cls, double& y) const {
        std::string out = "<text x=\"" + number(left) + "\" y=\"" + number(y + 4) + "\">" + html_text(name) + "</text>\n";
        y += below_label;
        auto spans = cls.spans;
        std::ranges::sort(spans, {}, &store::BucketSpan::start);
        // More than fit are drawn together, from the first start to the last deadline.
        const auto each = (spans.size() + most_bars - 1) / most_bars;
        for (std::size_t i = 0; i < spans.size(); i += each) {
            auto whole = spans[i];
            for (std::size_t j = i; j < std::min(i + each, spans.size()); ++j) whole.deadline = std::max(whole.deadline, spans[j].deadline);
            const bool past = whole.deadline < now_ - grace;  // no deadline is the largest number
            out += std::string("<rect class=\"") + (past ? "past" : "bar") + "\" x=\"" + number(at(whole.start)) + "\" y=\"" + number(y) +
                   "\" height=\"" + number(bar) + "\" width=\"" + number(std::max(2.0, at(whole.deadline) - at(whole.start))) + "\"><title>" +
                   to_text(whole.start) + " to " + (whole.deadline == store::no_deadline ? "no deadline" : to_text(whole.deadline)) +
                   (past ? ", past its deadline" : "") + "</title></rect>\n";
            y += bar + gap;
        }
        y += below_class;
        return out;
    }

    const std::map<std::string, Class>& classes_;
    Time now_, from_, to_;
};

std::string table(const std::map<std::string, Class>& classes) {
    std::string out = "<table><thead><tr><th scope=\"col\">Class</th><th scope=\"col\">Buckets</th><th scope=\"col\">On disk</th>"
                      "<th scope=\"col\">Since</th><th scope=\"col\">All gone by</th></tr></thead><tbody>\n";
    for (const auto& [name, cls] : classes) {
        Time since = store::no_deadline, until = 0;
        for (const auto& span : cls.spans) {
            since = std::min(since, span.start);
            until = std::max(until, span.deadline);
        }
        out += "<tr><th scope=\"row\">" + html_text(name) + "</th><td data-label=\"Buckets\">" + std::to_string(cls.spans.size()) + "</td><td data-label=\"On disk\">" +
               size_text(cls.bytes) + "</td><td data-label=\"Since\">" + to_text(since) + "</td><td data-label=\"All gone by\">" + (until == store::no_deadline ? "no deadline" : to_text(until)) + "</td></tr>\n";
    }
    return out + "</tbody></table>\n";
}

}  // namespace

std::string picture(const Report& report) {
    constexpr Time most_time = Time{253'402'300'800} * 1'000'000;
    std::map<std::string, Class> classes;
    for (const auto& stored : report.stored) {
        auto span = stored.span;
        // A span that cannot be is a finding already. One that a wrong clock put into the future is drawn from where it was closed.
        if (span.start > span.end || span.start > span.deadline) span.start = std::min(span.end, span.deadline);
        if (span.start < 0 || span.start > most_time || (span.deadline != store::no_deadline && (span.deadline < span.start || span.deadline > most_time)))
            continue;
        classes[stored.cls].spans.push_back(span);
        classes[stored.cls].bytes += stored.bytes;
    }
    if (classes.empty()) return "<p>Nothing: there is no bucket and no log file.</p>\n";
    return "<figure>\n" + Drawing(classes, report.at).draw() +
           "<figcaption>One bar for each bucket or log file: from the first moment of what is in it to its deadline, when its key is destroyed. "
           "An outline instead of a full bar is past its deadline.</figcaption>\n" + table(classes) + "</figure>\n";
}

}  // namespace lethe::audit
