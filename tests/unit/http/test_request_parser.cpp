// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include "server/http/request_parser.h"

using namespace lethe::http;

namespace {

using State = RequestParser::State;

RequestParser fed(std::string_view text, RequestParser::Limits limits = {}) {
    RequestParser parser(limits);
    parser.feed(text);
    return parser;
}

/// The status of the refusal, 0 if the head is a good one, -1 if more is waited for.
int judged(const std::string& text, RequestParser::Limits limits = {}) {
    const auto parser = fed(text, limits);
    return parser.state() == State::refused ? parser.status() : parser.state() == State::complete ? 0 : -1;
}

int with(const std::string& fields) { return judged("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"); }

}  // namespace

TEST_SUITE("http/request_parser") {
    TEST_CASE("a head is method, path, query and fields") {
        auto parser = fed("PUT /f/a%20b%2Bc?x=%2e&y HTTP/1.1\r\nHost: chat.example:5443\r\nContent-Length: 42\r\nACCEPT-Language:  de \r\nAccept-language: en\r\n\r\n");
        REQUIRE(parser.state() == State::complete);
        const Request request = parser.take();
        CHECK(request.method == Method::put);
        CHECK(request.path == "/f/a b+c");
        CHECK(request.query == "x=%2e&y");
        CHECK(request.content_length == 42);
        CHECK(request.keep_alive);
        CHECK(request.field("host") == "chat.example:5443");
        CHECK(request.field("accept-language") == "de, en");
        CHECK_FALSE(request.has("range"));
    }

    TEST_CASE("however the bytes are split, the request is the same, and what follows it is left") {
        const std::string first = "\r\nGET /policy HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", second = "HEAD / HTTP/1.0\r\n\r\n";
        const std::string both = first + second;
        for (std::size_t split = 0; split <= both.size(); ++split) {
            RequestParser parser({});
            std::string rest = both.substr(0, split);
            std::vector<Request> requests;
            for (int piece = 0; piece < 2; ++piece) {
                for (std::size_t used = 1; used > 0 && !rest.empty();) {
                    used = parser.feed(rest);
                    rest.erase(0, used);
                    if (parser.state() == State::complete) requests.push_back(parser.take());
                }
                rest += piece == 0 ? both.substr(split) : "";
            }
            REQUIRE(requests.size() == 2);
            CHECK(requests[0].path == "/policy");
            CHECK_FALSE(requests[0].keep_alive);
            CHECK(requests[1].method == Method::head);
            CHECK_FALSE(requests[1].keep_alive);
            CHECK(rest.empty());
            CHECK_FALSE(parser.begun());
        }
    }

    TEST_CASE("what two programs could read in two ways is refused") {
        CHECK(with("") == 0);
        CHECK(with("Content-Length: 5\r\nContent-Length: 5\r\n") == 400);
        CHECK(with("Content-Length: 5\r\nContent-Length: 6\r\n") == 400);
        CHECK(with("Content-Length: 5, 5\r\n") == 400);
        CHECK(with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") == 400);
        CHECK(with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") == 400);
        CHECK(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n") == 400);
        CHECK(with("Transfer-Encoding : chunked\r\n") == 400);
        CHECK(with("Transfer-Encoding: chunked\r\n") == 411);
        for (const std::string length : {"-1", "+5", "0x5", "5 5", "5a", "", "99999999999999999999", "184467440737095516160"}) {
            CAPTURE(length);
            CHECK(with("Content-Length: " + length + "\r\n") == 400);
        }
        for (const std::string coding : {"gzip, chunked", "xchunked", "chunked, chunked", "identity"}) {
            CAPTURE(coding);
            const int status = with("Transfer-Encoding: " + coding + "\r\n");
            CHECK_MESSAGE((status == 400 || status == 501), status);
        }
    }

    TEST_CASE("lines end in CR LF, begin with a name, and hold no controls") {
        CHECK(with("A: b\n") == 400);
        CHECK(with("A: b\rc\r\n") == 400);
        CHECK(with("A: b\r\n c\r\n") == 400);
        CHECK(with("A: b\r\n\tc\r\n") == 400);
        CHECK(with(" A: b\r\n") == 400);
        CHECK(with("A : b\r\n") == 400);
        CHECK(with("A\r\n") == 400);
        CHECK(with(": b\r\n") == 400);
        CHECK(with("A(b: c\r\n") == 400);
        CHECK(with("\xc3\xa4: c\r\n") == 400);
        CHECK(with(std::string("A: b\0c\r\n", 8)) == 400);
        CHECK(with("A: b\x7f\r\n") == 400);
        CHECK(with("A: b\x1b\r\n") == 400);
        CHECK(with("A:\tb \xc3\xa4\r\n") == 0);
        CHECK(judged("GET / HTTP/1.1\nHost: a\n\n") == 400);
        CHECK(judged("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
    }

    TEST_CASE("a request has one Host, and it is one") {
        CHECK(judged("GET / HTTP/1.1\r\n\r\n") == 400);
        CHECK(judged("GET / HTTP/1.0\r\n\r\n") == 0);
        for (const std::string host : {"", "a b", "a/b", "a:b", "a:", ":80", "a:123456", "user@a", "a,b", "[::1", "[x]", "a\\b", "a%00"}) {
            CAPTURE(host);
            CHECK(judged("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n") == 400);
        }
        for (const std::string host : {"a", "a.example:5443", "[::1]:80", "[::1]", "127.0.0.1", "xn--bcher-kva.example"}) {
            CAPTURE(host);
            CHECK(judged("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n") == 0);
        }
        CHECK(with("Host: a\r\n") == 400);
        CHECK(with("host: b\r\n") == 400);
    }

    TEST_CASE("request lines of another form are refused") {
        const auto line = [](const std::string& text) { return judged(text + "\r\nHost: a\r\n\r\n"); };
        CHECK(line("GET / HTTP/1.1") == 0);
        for (const std::string text : {"GET  / HTTP/1.1", " GET / HTTP/1.1", "GET / HTTP/1.1 ", "GET\t/\tHTTP/1.1", "GET /", "GET", "/ HTTP/1.1", "G(T / HTTP/1.1", "GET / http/1.1",
                                       "GET / HTP/1.1", "CONNECT a:80 HTTP/1.1", "GET a:80 HTTP/1.1", "GET * HTTP/1.1"}) {
            CAPTURE(text);
            CHECK(line(text) == 400);
        }
        for (const std::string version : {"HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "HTTP/11", "HTTP/"}) CHECK(line("GET / " + version) == 505);
        CHECK(line("BREW / HTTP/1.1") == 501);
        CHECK(line("OPTIONS * HTTP/1.1") == 0);
        CHECK(line("PATCH / HTTP/1.1") == 0);
        CHECK(with("Upgrade: websocket\r\nConnection: Upgrade\r\n") == 0);
        CHECK(with("Expect: 100-continue\r\n") == 0);
        CHECK(with("Expect: 100-Continue\r\n") == 0);
        CHECK(with("Transfer-Encoding: Chunked\r\n") == 411);
        CHECK(with("Expect: wonders\r\n") == 417);
    }

    TEST_CASE("paths that could mean another one are refused") {
        for (const std::string path : {"/..", "/a/../b", "/a/..", "/.", "/a/./b", "/%2e%2e", "/%2E/x", "/.%2e/x", "//", "//a", "/a//b", "/a%2fb", "/a%2Fb", "/a%5cb", "/a\\b", "/%00", "/%0d%0a", "/%7f",
                                       "/%", "/%2", "/%zz", "/a#b", "/<a>", "/\"", "/\xc3\xa4", "a", "?a", "http://", "http:///a", "http://u@a/b", "ftp://a/b", "https://a?b",
                                       "https://a?b/c", "https://a?/c", "http://a:80?/c", "http://[::1]?/c"}) {
            CAPTURE(path);
            CHECK_FALSE(parse_target(path).has_value());
        }
        const auto same = [](const char* text, const char* path) {
            const auto target = parse_target(text);
            REQUIRE(target.has_value());
            CHECK(target->path == path);
        };
        same("/", "/");
        same("/policy/", "/policy/");
        same("/%70olicy", "/policy");
        same("/...", "/...");
        same("/f/%C3%A4.jpg", "/f/\xc3\xa4.jpg");
        same("https://chat.example:5443/policy?x", "/policy");
        same("http://[::1]/policy", "/policy");
        CHECK(parse_target("/a?b?c")->query == "b?c");
        CHECK(parse_target("/a?../..//%2f")->path == "/a");
    }

    TEST_CASE("a head has an end") {
        const RequestParser::Limits limits{.head_bytes = 4096, .target_bytes = 100, .fields = 5};
        const auto fields = [](int count) {
            std::string out;
            for (int i = 0; i < count; ++i) out += "A: b\r\n";
            return out;
        };
        CHECK(judged("GET /" + std::string(99, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", limits) == 0);
        CHECK(judged("GET /" + std::string(100, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", limits) == 414);
        CHECK(judged(std::string(5000, 'A'), limits) == 414);
        CHECK(judged("GET / HTTP/1.1\r\nHost: a\r\n" + fields(4) + "\r\n", limits) == 0);
        CHECK(judged("GET / HTTP/1.1\r\nHost: a\r\n" + fields(5) + "\r\n", limits) == 431);
        CHECK(judged("GET / HTTP/1.1\r\nHost: a\r\nA: " + std::string(5000, 'b'), limits) == 431);
    }
}
