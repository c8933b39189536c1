// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/stream/websocket_frames.h"

#include <string.h>  // explicit_bzero
#include <sys/types.h>
#include <wslay/wslay.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>
#include <utility>

namespace lethe::stream::websocket {

struct FrameReader::Impl {
    Events events;
    wslay_event_context_ptr context = nullptr;
    std::string_view input;
    std::string held;                 ///< the beginning of a Close
    std::uint64_t fed = 0, used = 0;  ///< bytes given to wslay, and of those the ones that it has told about
    std::uint64_t frame_end = 0;      ///< where the frame ends that we are in
    std::uint8_t opcode = 0;
    bool in_frame = false, in_message = false, text_begun = false, closed = false;
    std::optional<Close> error;

    explicit Impl(Events e) : events(std::move(e)) {}
    ~Impl() { release(); }
    static Impl& self(void* user_data) { return *static_cast<Impl*>(user_data); }

    void make();
    void release();
    ssize_t give(std::uint8_t* into, std::size_t room);
    std::size_t beginning();
    void frame_begins(const wslay_event_on_frame_recv_start_arg& frame);
    void chunk(const std::uint8_t* data, std::size_t size);
    void message(const wslay_event_on_msg_recv_arg& message);
};

void FrameReader::Impl::make() {
    wslay_event_callbacks callbacks{};
    callbacks.recv_callback = [](wslay_event_context_ptr, std::uint8_t* into, std::size_t room, int, void* u) { return self(u).give(into, room); };
    callbacks.on_frame_recv_start_callback = [](wslay_event_context_ptr, const wslay_event_on_frame_recv_start_arg* frame, void* u) { self(u).frame_begins(*frame); };
    callbacks.on_frame_recv_chunk_callback = [](wslay_event_context_ptr, const wslay_event_on_frame_recv_chunk_arg* a, void* u) { self(u).chunk(a->data, a->data_length); };
    callbacks.on_frame_recv_end_callback = [](wslay_event_context_ptr, void* u) { self(u).in_frame = false; };
    callbacks.on_msg_recv_callback = [](wslay_event_context_ptr, const wslay_event_on_msg_recv_arg* a, void* u) { self(u).message(*a); };
    if (wslay_event_context_server_init(&context, &callbacks, this) != 0) throw std::bad_alloc();
    wslay_event_config_set_no_buffering(context, 1);
    wslay_event_config_set_max_recv_msg_length(context, UINT64_MAX);
    wslay_event_shutdown_write(context);
    fed = used = frame_end = 0;
}

void FrameReader::Impl::release() {
    if (context) wslay_event_context_free(context);
    context = nullptr;
}

/// How many bytes of a frame that is not begun yet wslay may have. A Close only whole, all of 131 bytes at most: of one in pieces wslay
/// judges the text of its reason otherwise.
std::size_t FrameReader::Impl::beginning() {
    constexpr std::size_t head = 2 + 4;
    const auto octet = [this](std::size_t at) { return static_cast<unsigned char>(input[at]); };
    if (octet(0) != (0x80 | WSLAY_CONNECTION_CLOSE) || (input.size() > 1 && octet(1) - 0x80u > 125)) return 1;  // not one, or a wrong one
    if (input.size() > 1 && input.size() >= head + octet(1) - 0x80) return head + octet(1) - 0x80;
    held = input;
    input = {};
    return 0;
}

/// One frame at a time, and its head byte by byte.
ssize_t FrameReader::Impl::give(std::uint8_t* into, std::size_t room) {
    std::size_t size = std::min(room, input.size());
    if (size > 0) size = static_cast<std::size_t>(std::min<std::uint64_t>(size, in_frame ? frame_end - fed : fed == used ? beginning() : 1));
    if (size == 0) {
        wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    std::memcpy(into, input.data(), size);
    input.remove_prefix(size);
    fed += size;
    return static_cast<ssize_t>(size);
}

void FrameReader::Impl::frame_begins(const wslay_event_on_frame_recv_start_arg& frame) {
    opcode = frame.opcode;
    in_frame = true;
    used += 2 + 4 + (frame.payload_length > 0xffff ? 8u : frame.payload_length > 125 ? 2u : 0u);
    frame_end = used + frame.payload_length;
    if (opcode == WSLAY_TEXT_FRAME) in_message = true;
    if (opcode == WSLAY_BINARY_FRAME) {
        error = Close::unsupported_data;
        wslay_event_shutdown_read(context);
    }
}

void FrameReader::Impl::chunk(const std::uint8_t* data, std::size_t size) {
    used += size;
    if (error || closed || size == 0) return;
    if (wslay_is_ctrl_frame(opcode)) return;
    events.text({reinterpret_cast<const char*>(data), size});
    // It is wslay's own buffer, and wslay is done with this part of it.
    explicit_bzero(const_cast<std::uint8_t*>(data), size);
}

void FrameReader::Impl::message(const wslay_event_on_msg_recv_arg& message) {
    if (error || closed) return;
    if (message.opcode == WSLAY_PING) return events.ping({reinterpret_cast<const char*>(message.msg), message.msg_length});
    if (message.opcode == WSLAY_CONNECTION_CLOSE) {
        if (message.msg_length == 1) {
            error = Close::protocol_error;
            return;
        }
        closed = true;
        return events.close(message.status_code == 0 ? Close::normal : static_cast<Close>(message.status_code));
    }
    if (message.opcode != WSLAY_TEXT_FRAME) return;
    in_message = false;
    events.end();
}

FrameReader::FrameReader(Events events) : impl_(std::make_unique<Impl>(std::move(events))) {}
FrameReader::~FrameReader() = default;

std::optional<Close> FrameReader::feed(std::string_view bytes) {
    Impl& i = *impl_;
    if (i.error || i.closed) return i.error;
    if (!i.context) i.make();
    const std::string joined = i.held.empty() ? std::string() : std::exchange(i.held, {}).append(bytes);
    i.input = joined.empty() ? bytes : joined;
    int result = 0;
    // A round ends where give() gave less than wslay would have.
    for (std::size_t left = i.input.size() + 1; result == 0 && i.input.size() < left && wslay_event_get_read_enabled(i.context);) {
        left = i.input.size();
        result = wslay_event_recv(i.context);
    }
    i.input = {};
    if (i.error || i.closed) return i.error;
    // Heads are judged before a frame begins and texts only inside one.
    if (result != 0) i.error = Close::protocol_error;
    else if (!wslay_event_get_read_enabled(i.context)) i.error = i.in_frame ? Close::invalid_text : Close::protocol_error;
    return i.error;
}

void FrameReader::release_memory() {
    Impl& i = *impl_;
    if (!i.error && !i.closed && !i.in_frame && !i.in_message && i.fed == i.used) i.release();
}

namespace {

/// One for all: it holds nothing between two frames.
class FrameWriter {
public:
    FrameWriter() {
        wslay_frame_callbacks callbacks{};
        callbacks.send_callback = [](const std::uint8_t* data, std::size_t size, int, void* u) {
            static_cast<FrameWriter*>(u)->out_->append(reinterpret_cast<const char*>(data), size);
            return static_cast<ssize_t>(size);
        };
        if (wslay_frame_context_init(&context_, &callbacks, this) != 0) throw std::bad_alloc();
    }
    ~FrameWriter() { wslay_frame_context_free(context_); }
    FrameWriter(const FrameWriter&) = delete;

    void append(std::string& out, std::uint8_t opcode, std::string_view data) {
        wslay_frame_iocb frame{};
        frame.fin = 1;
        frame.opcode = opcode;
        frame.payload_length = frame.data_length = data.size();
        frame.data = reinterpret_cast<const std::uint8_t*>(data.data());
        out_ = &out;
        [[maybe_unused]] const auto written = wslay_frame_send(context_, &frame);
        assert(written == static_cast<ssize_t>(data.size()));
    }

private:
    wslay_frame_context_ptr context_ = nullptr;
    std::string* out_ = nullptr;
};

void append_frame(std::string& out, std::uint8_t opcode, std::string_view data) {
    thread_local FrameWriter writer;
    writer.append(out, opcode, data);
}

}  // namespace

void append_text(std::string& out, std::string_view text) { append_frame(out, WSLAY_TEXT_FRAME, text); }
void append_pong(std::string& out, std::string_view data) { append_frame(out, WSLAY_PONG, data); }

void append_close(std::string& out, Close code) {
    const auto number = static_cast<std::uint16_t>(code);
    const char bytes[] = {static_cast<char>(number >> 8), static_cast<char>(number & 0xff)};
    append_frame(out, WSLAY_CONNECTION_CLOSE, {bytes, sizeof bytes});
}

}  // namespace lethe::stream::websocket
