// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include "server/http/response.h"

using namespace lethe::http;

namespace {

constexpr lethe::retention::Time sunday = 784'111'777'000'000;  // RFC 9110's example

struct Asked {
    RangeVerdict verdict;
    Range range;
};
Asked asked(std::string_view field, std::uint64_t size) {
    Asked out{};
    out.verdict = parse_range(field, size, out.range);
    return out;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_SUITE("http/response") {
    TEST_CASE("every answer forbids what a page could load, and says nothing of this program") {
        const std::string head = head_of(plain(404), sunday, true);
        CHECK(head.starts_with("HTTP/1.1 404 Not Found\r\n"));
        CHECK(head.ends_with("\r\n\r\n"));
        for (const auto* part : {"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "default-src 'none'", "sandbox", "frame-ancestors 'none'", "X-Content-Type-Options: nosniff\r\n",
                                 "Referrer-Policy: no-referrer\r\n", "Cache-Control: no-store\r\n", "Content-Length: 14\r\n"})
            CHECK_MESSAGE(has(head, part), part);
        for (const auto* part : {"Server:", "Set-Cookie", "lethe", "Connection"}) CHECK_MESSAGE(!has(head, part), part);
        CHECK(has(head_of(plain(404), sunday, false), "Connection: close\r\n"));
        const Response upgrade{.status = 426, .fields = {{"Upgrade", "websocket"}}};
        CHECK(has(head_of(upgrade, sunday, true), "Connection: Upgrade\r\n"));
        CHECK(has(head_of(upgrade, sunday, false), "Connection: Upgrade, close\r\n"));
    }

    TEST_CASE("a field of the answer takes the place of the one that every answer has") {
        const std::string head = head_of({.fields = {{"Cache-Control", "no-cache"}}}, sunday, true);
        CHECK(has(head, "Cache-Control: no-cache\r\n"));
        CHECK_FALSE(has(head, "no-store"));
    }

    TEST_CASE("an answer that has no body tells no length") {
        for (const int status : {204, 304}) CHECK_FALSE(has(head_of({.status = status}, sunday, true), "Content-Length"));
        CHECK(has(head_of({.status = 200}, sunday, true), "Content-Length: 0\r\n"));
    }

    TEST_CASE("ranges of RFC 9110 section 14.1.2") {
        const auto part = [](std::string_view field, std::uint64_t first, std::uint64_t length) {
            CAPTURE(field);
            const auto got = asked(field, 10000);
            CHECK(got.verdict == RangeVerdict::part);
            CHECK(got.range == Range{first, length});
        };
        part("bytes=0-499", 0, 500);
        part("Bytes=0-499", 0, 500);
        part("bytes=500-999", 500, 500);
        part("bytes=-500", 9500, 500);
        part("bytes=9500-", 9500, 500);
        part("bytes=0-0", 0, 1);
        part("bytes=9999-20000", 9999, 1);
        part("bytes=-20000", 0, 10000);
        part("bytes=0-18446744073709551615", 0, 10000);
        for (const auto* field : {"bytes=10000-", "bytes=10000-10001", "bytes=-0"}) CHECK_MESSAGE(asked(field, 10000).verdict == RangeVerdict::unsatisfiable, field);
        CHECK(asked("bytes=0-", 0).verdict == RangeVerdict::unsatisfiable);
        CHECK(asked("bytes=-1", 0).verdict == RangeVerdict::unsatisfiable);
        for (const auto* field : {"", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-4", "bytes=0-1,5-6", "lines=0-1", "bytes 0-1", "bytes=0-99999999999999999999", "bytes=--1"}) {
            CAPTURE(field);
            const auto got = asked(field, 10000);
            CHECK(got.verdict == RangeVerdict::whole);
            CHECK(got.range == Range{0, 10000});
        }
    }

    TEST_CASE("a part is announced to who asks for one of what is there now, with GET") {
        const auto ask = [](Method method, std::string range, std::string if_range) {
            Request request{.method = method, .fields = {{"range", std::move(range)}}};
            if (!if_range.empty()) request.fields.push_back({"if-range", std::move(if_range)});
            return request;
        };
        Response part, whole;
        CHECK(*range_for(ask(Method::get, "bytes=2-5", "\"tag\""), "\"tag\"", 10, part) == Range{2, 4});
        CHECK(part.status == 206);
        CHECK(has(head_of(part, sunday, true), "Content-Range: bytes 2-5/10\r\n"));
        for (const auto& request : {ask(Method::head, "bytes=2-5", ""), ask(Method::get, "bytes=2-5", "\"other\""), ask(Method::get, "bytes=2-5", "W/\"tag\"")})
            CHECK(*range_for(request, "\"tag\"", 10, whole) == Range{0, 10});
        CHECK(whole.status == 200);
        CHECK(whole.fields.empty());
        const auto refused = range_for(ask(Method::get, "bytes=10-", ""), "\"tag\"", 10, whole);
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().status == 416);
        CHECK(has(head_of(refused.error(), sunday, true), "Content-Range: bytes */10\r\n"));
    }

    TEST_CASE("lists and words of fields") {
        CHECK(elements("").empty());
        CHECK(elements("a") == std::vector<std::string_view>{"a"});
        CHECK(elements(" a,\tb c ,,d ") == std::vector<std::string_view>{"a", "b c", "", "d"});
        CHECK(same_word("WebSocket", "websocket"));
        CHECK_FALSE(same_word("websocket2", "websocket"));
        CHECK_FALSE(same_word("[ebsocket", "{ebsocket"));
        CHECK(in_lower_case("Content-TYPE[\xc3\x84") == "content-type[\xc3\x84");
    }

    TEST_CASE("entity tags of a list") {
        for (const auto how : {Comparison::weak, Comparison::strong}) {
            CHECK(matches("\"a\"", "\"a\"", how));
            CHECK(matches("\"b\" , \"a\"", "\"a\"", how));
            CHECK(matches("*", "\"a\"", how));
            for (const auto* list : {"", "a", "\"ab\"", "w/\"a\""}) CHECK_FALSE_MESSAGE(matches(list, "\"a\"", how), list);
        }
        CHECK(matches("W/\"a\"", "\"a\"", Comparison::weak));
        CHECK_FALSE(matches("W/\"a\"", "\"a\"", Comparison::strong));
    }

    TEST_CASE("conditions in the order of RFC 9110 section 13.2.2") {
        const auto judged = [](std::vector<Field> fields, Method method = Method::get) { return precondition({.method = method, .fields = std::move(fields)}, "\"a\"").value_or(0); };
        CHECK(judged({}) == 0);
        CHECK(judged({{"if-match", "\"a\""}}) == 0);
        CHECK(judged({{"if-match", "*"}}) == 0);
        CHECK(judged({{"if-match", "W/\"a\""}}) == 412);
        CHECK(judged({{"if-match", "\"b\""}}) == 412);
        CHECK(judged({{"if-match", ""}}) == 412);
        CHECK(judged({{"if-none-match", "W/\"a\""}}) == 304);
        CHECK(judged({{"if-none-match", "\"b\""}}, Method::head) == 0);
        CHECK(judged({{"if-match", "\"a\""}, {"if-none-match", "*"}}, Method::head) == 304);
        CHECK(judged({{"if-match", "\"b\""}, {"if-none-match", "\"a\""}}) == 412);
        CHECK(judged({{"if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT"}, {"if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT"}}) == 0);
    }

    TEST_CASE("the language that weighs most, else the first") {
        const std::vector<std::string_view> both{"en", "de"};
        for (const auto* field : {"", "*", "fr", "en", "en-GB,de;q=0.9", "de;q=0.2, en;q=0.21", "de;q=0", "de;q=x", "de;level=1", "EN"}) CHECK_MESSAGE(choose_language(field, both) == 0, field);
        for (const auto* field : {"de", "de-AT", "DE", "fr, de;q=0.5, en;q=0.4", "en;q=0.999,de", "en;q=0, de;q=0.001", "de;q=1.0,en;q=1"}) CHECK_MESSAGE(choose_language(field, both) == 1, field);
    }
}
