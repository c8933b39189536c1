// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/http/request_parser.h"

#include <http_parser.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace lethe::http {
namespace {

bool is_token(std::string_view text) {
    constexpr std::string_view others = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::ranges::all_of(text, [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || others.find(c) != others.npos;
    });
}

bool only(std::string_view text, std::string_view allowed) { return text.find_first_not_of(allowed) == text.npos; }

constexpr std::string_view digits = "0123456789";

/// RFC 9110 section 7.2: uri-host [ ":" port ].
bool is_host(std::string_view text) {
    std::string_view host = text, port;
    if (const std::size_t colon = text.rfind(':'); colon != text.npos && text.find(']', colon) == text.npos) {
        host = text.substr(0, colon);
        port = text.substr(colon + 1);
        if (port.empty() || port.size() > 5 || !only(port, digits)) return false;
    }
    if (host.size() > 255 || host.empty()) return false;
    if (host.front() == '[') return host.size() > 3 && host.back() == ']' && only(host.substr(1, host.size() - 2), "0123456789abcdefABCDEF:.");
    return only(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~");
}

/// Of these a second one is a contradiction; of the others a list.
bool is_single(std::string_view name) {
    constexpr std::array<std::string_view, 11> names{"host",  "content-length", "transfer-encoding", "content-type",      "expect",             "range",
                                                     "if-range", "authorization",  "origin",            "if-modified-since", "if-unmodified-since"};
    return std::ranges::find(names, name) != names.end();
}

struct Collected {
    std::string target;
    std::vector<Field> fields;
    bool value_begun = true;
    bool keep_alive = false;
};

Collected& of(http_parser* parser) { return *static_cast<Collected*>(parser->data); }

http_parser_settings callbacks() {
    http_parser_settings out;
    http_parser_settings_init(&out);
    out.on_url = [](http_parser* p, const char* at, std::size_t size) { return of(p).target.append(at, size), 0; };
    out.on_header_field = [](http_parser* p, const char* at, std::size_t size) {
        if (std::exchange(of(p).value_begun, false)) of(p).fields.emplace_back();
        of(p).fields.back().name.append(at, size);
        return 0;
    };
    out.on_header_value = [](http_parser* p, const char* at, std::size_t size) {
        of(p).value_begun = true;
        of(p).fields.back().value.append(at, size);
        return 0;
    };
    out.on_headers_complete = [](http_parser* p) {
        of(p).keep_alive = http_should_keep_alive(p) != 0;
        return 1;  // the body is not for it to read
    };
    return out;
}

Method method_of(unsigned method) {
    switch (method) {
        case HTTP_GET: return Method::get;
        case HTTP_HEAD: return Method::head;
        case HTTP_POST: return Method::post;
        case HTTP_PUT: return Method::put;
        case HTTP_OPTIONS: return Method::options;
        default: return Method::other;
    }
}

}  // namespace

void RequestParser::refuse(int status) {
    if (state_ == State::refused) return;
    state_ = State::refused;
    status_ = status;
    head_.clear();
}

Request RequestParser::take() {
    Request out = std::move(request_);
    *this = RequestParser(limits_);
    return out;
}

std::size_t RequestParser::feed(std::string_view bytes) {
    std::size_t used = 0;
    while (used < bytes.size() && state_ == State::reading) octet(bytes[used++]);
    return used;
}

void RequestParser::octet(char c) {
    const auto value = static_cast<unsigned char>(c);
    const bool after_cr = head_.ends_with('\r');
    if (after_cr != (c == '\n')) return refuse(400);
    if ((value < 0x20 && c != '\t' && c != '\r' && c != '\n') || value == 0x7f) return refuse(400);
    if (head_.size() >= limits_.head_bytes) return refuse(lines_ == 0 ? 414 : 431);
    if (lines_ == 0 && head_.size() >= limits_.target_bytes + 32) return refuse(414);
    head_ += c;
    if (c != '\n') return;
    line(std::string_view(head_).substr(line_start_, head_.size() - line_start_ - 2));
    if (state_ == State::reading) line_start_ = head_.size();
}

void RequestParser::line(std::string_view text) {
    if (text.empty() && lines_ == 0) {
        // RFC 9112 section 2.2: one empty line before a request is a habit of old clients.
        if (std::exchange(skipped_, true)) return refuse(400);
        head_.clear();
        return;
    }
    if (text.empty()) return parse();
    lines_ == 0 ? request_line(text) : field_line(text);
    ++lines_;
}

/// Exactly two spaces. http-parser would take more.
void RequestParser::request_line(std::string_view text) {
    const std::size_t first = text.find(' '), last = text.rfind(' ');
    if (first == text.npos || std::ranges::count(text, ' ') != 2 || text.find('\t') != text.npos) return refuse(400);
    if (!is_token(text.substr(0, first)) || !text.substr(last + 1).starts_with("HTTP/")) return refuse(400);
    if (text.substr(last + 1) != "HTTP/1.1" && text.substr(last + 1) != "HTTP/1.0") return refuse(505);
    if (last - first - 1 > limits_.target_bytes) return refuse(414);
}

/// A name, and the colon right behind it; so a line that begins with a space (obs-fold) is none. http-parser would take both.
void RequestParser::field_line(std::string_view text) {
    if (!is_token(text.substr(0, text.find(':'))) || text.find(':') == text.npos) return refuse(400);
    if (lines_ > limits_.fields) return refuse(431);
}

void RequestParser::parse() {
    static const http_parser_settings settings = callbacks();
    http_parser parser;
    http_parser_init(&parser, HTTP_REQUEST);
    Collected collected;
    parser.data = &collected;
    const std::size_t parsed = http_parser_execute(&parser, &settings, head_.data(), head_.size());
    if (HTTP_PARSER_ERRNO(&parser) == HPE_INVALID_METHOD) return refuse(501);
    if (HTTP_PARSER_ERRNO(&parser) != HPE_OK || parsed != head_.size()) return refuse(400);
    for (Field& field : collected.fields) {
        field.name = in_lower_case(field.name);
        field.value.erase(field.value.find_last_not_of(" \t") + 1);
    }
    auto target = parse_target(collected.target);
    if (!target || (target->path == "*" && parser.method != HTTP_OPTIONS)) return refuse(400);
    request_ = {.method = method_of(parser.method), .path = std::move(target->path), .query = std::move(target->query),
                .fields = std::move(collected.fields), .content_length = {}, .keep_alive = collected.keep_alive, .expects_continue = false};
    const bool old = parser.http_minor == 0;
    if (!old && !request_.has("host")) return refuse(400);
    judge();
    if (old) request_.keep_alive = request_.expects_continue = false;
}

void RequestParser::judge() {
    for (std::size_t i = 0; i < request_.fields.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
            if (is_single(request_.fields[i].name) && request_.fields[i].name == request_.fields[j].name) return refuse(400);
    if (request_.has("host") && !is_host(request_.field("host"))) return refuse(400);
    if (request_.has("transfer-encoding")) return refuse(request_.has("content-length") ? 400 : same_word(request_.field("transfer-encoding"), "chunked") ? 411 : 501);
    if (request_.has("content-length")) {
        const std::string text = request_.field("content-length");
        std::uint64_t length = 0;
        const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), length);
        if (text.size() > 18 || error != std::errc{} || rest != text.data() + text.size()) return refuse(400);
        request_.content_length = length;
    }
    if (request_.has("expect")) {
        if (!same_word(request_.field("expect"), "100-continue")) return refuse(417);
        request_.expects_continue = true;
    }
    state_ = State::complete;
    std::string().swap(head_);
}

}  // namespace lethe::http
