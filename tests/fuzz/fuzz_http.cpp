// SPDX-License-Identifier: AGPL-3.0-or-later
// HTTP requests: any bytes are a request, a refusal or the beginning of one, however they are split; what is accepted can be read in one way.
#include <algorithm>

#include "server/admin/uploads.h"
#include "server/feature/upload.h"
#include "server/http/request_parser.h"
#include "server/http/response.h"
#include "tests/fuzz/driver.h"

namespace lethe::fuzz {
namespace {

using namespace http;
using State = RequestParser::State;

constexpr RequestParser::Limits limits{.head_bytes = 2048, .target_bytes = 256, .fields = 16};

struct Outcome {
    State state = State::reading;
    int status = 0;
    std::size_t used = 0;
    std::string path, query;
    std::size_t fields = 0;
    bool operator==(const Outcome&) const = default;
};

Outcome outcome(std::string_view text, std::size_t step) {
    RequestParser parser(limits);
    Outcome out;
    while (out.used < text.size() && parser.state() == State::reading) {
        const std::size_t used = parser.feed(text.substr(out.used, step));
        require(used > 0, "it goes on");
        out.used += used;
    }
    out.state = parser.state();
    out.status = parser.status();
    require((out.state == State::refused) == (out.status >= 400), "a refusal has a status");
    require(out.used <= limits.head_bytes + 4, "a head has an end");
    if (out.state != State::complete) return out;
    const Request request = parser.take();
    out.path = request.path;
    out.query = request.query;
    out.fields = request.fields.size();
    require(!request.has("transfer-encoding"), "a body ends where its length says");
    require(request.has("content-length") == request.content_length.has_value(), "and the length is one");
    require(std::ranges::count(request.fields, "host", &Field::name) <= 1, "one host");
    require(out.path == "*" || out.path.starts_with('/'), "a path is from the root");
    for (const auto* part : {"//", "/../", "/./", "\\"}) require(out.path.find(part) == std::string::npos, "a path means one thing");
    require(!out.path.ends_with("/..") && !out.path.ends_with("/."), "and goes nowhere up");
    require(std::ranges::none_of(out.path, [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; }), "no controls");
    return out;
}

/// What becomes of a file's name, type and address (XEP-0363), whoever wrote them.
void upload(std::string_view input) {
    static const bool ready = crypto::initialise().has_value();
    require(ready, "memory for keys");
    const std::string token(43, 'A'), segment = feature::path_segment(input);
    if (!input.empty()) {
        const auto target = parse_target("/f/" + token + '/' + segment);
        require(target.has_value(), "any name ends an address");
        require(target->query.empty() && target->path.starts_with("/f/" + token + '/') && target->path.size() > 47, "behind the token");
        require(target->path.find('/', 47) == std::string::npos, "as one segment");
    }
    if (const auto parsed = crypto::parse_upload_token(input)) require(crypto::to_text(*parsed) == input, "a token has one text");
    if (feature::is_media_type(input))
        require(input.find('/') != input.npos && std::ranges::all_of(input, [](char c) { return c >= ' ' && c <= '~'; }), "a type is fit for a field");
    (void)admin::token_in(input);
}

}  // namespace

void run(std::string_view input) {
    upload(input);
    const Outcome whole = outcome(input, input.size() + 1);
    for (const std::size_t step : {1, 2, 3, 7}) require(outcome(input, step) == whole, "the split does not matter");
    if (whole.state == State::complete) {
        const auto head = input.substr(0, whole.used);
        for (std::size_t at = head.find('\n'); at != head.npos; at = head.find('\n', at + 1)) {
            require(at > 0 && head[at - 1] == '\r', "lines end in CR LF");
            require(at + 1 >= head.size() || (head[at + 1] != ' ' && head[at + 1] != '\t'), "and are not folded");
        }
    }
    for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{10}, UINT64_MAX}) {
        Range range;
        if (parse_range(input, size, range) == RangeVerdict::part)
            require(range.length > 0 && range.first < size && range.length <= size - range.first, "a range is inside");
    }
    require(matches(input, "\"a\"", http::Comparison::weak) || !matches(input, "\"a\"", http::Comparison::strong), "what is the same is the same weakly");
    require(choose_language(input, {"en", "de"}) < 2, "one of them");
}

std::vector<std::string> seeds() {
    return {"GET /policy HTTP/1.1\r\nHost: chat.example\r\nAccept-Language: de;q=0.5\r\n\r\n",
            "PUT /f/AAAA/a%20b.jpg?x HTTP/1.1\r\nHost: [::1]:5443\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n0123456789",
            "\r\nHEAD https://a/b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
            "bytes=0-9",
            "bytes=-5",
            "en-GB,de;q=0.9,*;q=0.1",
            "W/\"a\", \"b\"",
            "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s",
            "https://chat.example/f/-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s/..%2f\xc3\xa4?.jpg",
            "text/plain;charset=utf-8"};
}

std::vector<std::string> words() {
    return {"\r\n", "\n", "\r", " ", "\t", "\r\n ", "Content-Length: ", "Transfer-Encoding: chunked", "Host: ", ":", "%2e", "%2f", "..", "//", "/", "HTTP/1.1", "GET ", "\r\n\r\n",
            "18446744073709551615", "bytes=", ";q=", "http://a@b/"};
}

}  // namespace lethe::fuzz
