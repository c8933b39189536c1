// SPDX-License-Identifier: AGPL-3.0-or-later
// From bytes to one request's head. Pure.
//
// The data's way: the bytes of a head are looked at one by one as they arrive and kept (at most Limits::head_bytes); a bare CR or LF, a folded or
//   nameless field, a control character or a request line of another form ends it at once; the whole head then goes through http-parser, and
//   what two programs could understand in two ways (two lengths, a length and a coding, no Host or two) is refused; what is left is a Request.
// There is no chunked body: whoever sends one is told to say its length (411), so a body ends where Content-Length says and nowhere else.
// After a refusal the connection is over: where the next request would begin cannot be known.
#pragma once
#include "server/http/request.h"

namespace lethe::http {

class RequestParser {
public:
    struct Limits {
        std::size_t head_bytes = 16384;
        std::size_t target_bytes = 4096;
        std::size_t fields = 64;
    };
    enum class State : std::uint8_t { reading, complete, refused };

    explicit RequestParser(Limits limits) : limits_(limits) {}
    /// How many bytes belong to this head: all, unless it ended or was refused.
    std::size_t feed(std::string_view bytes);
    State state() const { return state_; }
    /// Some of it is there.
    bool begun() const { return !head_.empty() || state_ != State::reading; }
    /// Of a refusal: 400, 411, 414, 417, 431, 501 or 505.
    int status() const { return status_; }
    /// Precondition: complete. Then the next one is read.
    Request take();

private:
    void octet(char c);
    void line(std::string_view text);
    void request_line(std::string_view text);
    void field_line(std::string_view text);
    void parse();
    void judge();
    void refuse(int status);

    Limits limits_;
    State state_ = State::reading;
    int status_ = 0;
    std::string head_;
    std::size_t line_start_ = 0, lines_ = 0;
    bool skipped_ = false;  ///< an empty line before the request
    Request request_;
};

}  // namespace lethe::http
