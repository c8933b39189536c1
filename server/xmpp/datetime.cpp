// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/xmpp/datetime.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace lethe::xmpp {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Time = std::chrono::sys_time<microseconds>;

/// Reads the text from its front; after something unexpected it stays bad.
class Scanner {
public:
    explicit Scanner(std::string_view text) : text_(text) {}
    bool good() const { return good_; }
    bool done() const { return good_ && text_.empty(); }
    bool next_is(char c) const { return text_.starts_with(c); }

    int digits(std::size_t count) {
        int value = 0;
        for (; count > 0; --count) {
            if (text_.empty() || text_[0] < '0' || text_[0] > '9') {
                good_ = false;
                return 0;
            }
            value = value * 10 + (text_[0] - '0');
            text_.remove_prefix(1);
        }
        return value;
    }
    void expect(char c) {
        if (next_is(c)) {
            text_.remove_prefix(1);
        } else {
            good_ = false;
        }
    }
    /// One digit or more; what is finer than a microsecond is cut off.
    microseconds fraction() {
        int value = digits(1) * 100'000;
        for (int unit = 10'000; good_ && !text_.empty() && text_[0] >= '0' && text_[0] <= '9'; unit /= 10)
            value += digits(1) * unit;
        return microseconds(value);
    }

private:
    std::string_view text_;
    bool good_ = true;
};

/// `Z`, or what has to be added to UTC to get the time given.
minutes zone(Scanner& in, bool& valid) {
    if (in.next_is('Z')) {
        in.expect('Z');
        return minutes(0);
    }
    const int sign = in.next_is('-') ? -1 : 1;
    in.expect(sign < 0 ? '-' : '+');
    const int h = in.digits(2);
    in.expect(':');
    const int m = in.digits(2);
    // XEP-0082 takes its lexical form from XML Schema, which ends at 14 hours.
    valid = valid && m < 60 && (h < 14 || (h == 14 && m == 0));
    return sign * (hours(h) + minutes(m));
}

}  // namespace

std::string format_datetime(std::int64_t unix_micros) {
    using std::chrono::year;
    // Four digits for the year are all the format has.
    constexpr Time first = std::chrono::sys_days(year(1) / 1 / 1);
    constexpr Time last = Time(std::chrono::sys_days(year(10000) / 1 / 1)) - microseconds(1);
    const Time time = std::clamp(Time(microseconds(unix_micros)), first, last);
    const auto day = std::chrono::floor<days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(time - day);
    char out[40];
    std::snprintf(out, sizeof out, "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ", int(date.year()),
                  unsigned(date.month()), unsigned(date.day()), int(clock.hours().count()),
                  int(clock.minutes().count()), int(clock.seconds().count()),
                  int(clock.subseconds().count()));
    return out;
}

std::optional<std::int64_t> parse_datetime(std::string_view text) {
    Scanner in(text);
    const int year = in.digits(4);
    in.expect('-');
    const int month = in.digits(2);
    in.expect('-');
    const int day = in.digits(2);
    in.expect('T');
    const int h = in.digits(2);
    in.expect(':');
    const int m = in.digits(2);
    in.expect(':');
    const int s = in.digits(2);
    microseconds fraction(0);
    if (in.next_is('.')) {
        in.expect('.');
        fraction = in.fraction();
    }
    const std::chrono::year_month_day date{std::chrono::year(year),
                                           std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    bool valid = year > 0 && date.ok() && h < 24 && m < 60 && s < 60;
    const minutes ahead = zone(in, valid);
    if (!in.done() || !valid) return std::nullopt;
    const Time time = std::chrono::sys_days(date) + hours(h) + minutes(m) + seconds(s) + fraction - ahead;
    return time.time_since_epoch().count();
}

}  // namespace lethe::xmpp
