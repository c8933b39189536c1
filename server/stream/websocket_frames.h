// SPDX-License-Identifier: AGPL-3.0-or-later
// WebSocket frames of the server's side (RFC 6455 section 5), by wslay: bytes to text messages and pings, and back. Pure.
//
// A message's text is given on as it arrives and never collected here, so a frame may claim any size: whoever reads the text has the limit. What
// is not a client's frame ends it: unmasked, reserved bits or opcodes, fragmented or long control frames, text that is not UTF-8, binary messages, a
// Close with half a code or one that nobody may send.
// Every answer is left to the caller; wslay is not allowed to write. Text is wiped from wslay's buffer once it was given on: it may be a password.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace lethe::stream::websocket {

/// RFC 6455 section 7.4.1; a peer's may be another one.
enum class Close : std::uint16_t { normal = 1000, protocol_error = 1002, unsupported_data = 1003, invalid_text = 1007, policy_violation = 1008, too_big = 1009 };

class FrameReader {
public:
    struct Events {
        std::function<void(std::string_view)> text;  ///< some of a message
        std::function<void()> end;                   ///< of that message
        std::function<void(std::string_view)> ping;  ///< at most 125 bytes
        std::function<void(Close)> close;            ///< nothing follows; the peer's code, or normal if it gave none
    };
    explicit FrameReader(Events events);
    ~FrameReader();
    FrameReader(const FrameReader&) = delete;

    /// Bytes in; events out, in order. The error is what the connection is closed with, and stays.
    std::optional<Close> feed(std::string_view bytes);
    /// Between frames of no message, gives 8 KiB back; the next feed() takes them again.
    void release_memory();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// Each appends one frame.
void append_text(std::string& out, std::string_view text);
void append_pong(std::string& out, std::string_view data);
void append_close(std::string& out, Close code);

}  // namespace lethe::stream::websocket
