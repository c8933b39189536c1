// SPDX-License-Identifier: AGPL-3.0-or-later
// How a stream and its stanzas become bytes and come out of them: what ClientStream leaves to its transport. Two kinds: one XML document over TCP
// (RFC 6120, tcp_framing.cpp) and one WebSocket message for each element (RFC 7395, websocket_framing.cpp).
//
// Pure: bytes in, events out; elements in, bytes to write out. Everything waits in the outbox in one form, that of a stream over TCP, and becomes
// bytes only when it is written: so what one kind of connection did not get is sent on another kind as it is (XEP-0198 resumption).
// Events run inside feed(); set_limits() and restart() may be called there. After an error nothing more is read. Thread: core.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "server/core/outbox.h"
#include "server/xml/reader.h"

namespace lethe::stream {

/// Of RFC 7395's <open/> and <close/>.
inline constexpr std::string_view framing_ns = "urn:ietf:params:xml:ns:xmpp-framing";

class Framing {
public:
    struct Events {
        std::function<void(const xml::StreamHeader&)> opened;
        std::function<void(xml::Document)> element;
        std::function<void()> closed;  ///< the peer ends its stream
        std::function<void()> left;    ///< the peer ends the connection, and said nothing of its stream
    };
    virtual ~Framing() = default;

    /// Any split of the input yields the same events, and an error or none. The first error stays.
    virtual xml::ReadError feed(std::string_view bytes) = 0;
    /// Precondition: the error is policy_violation.
    virtual xml::Limit exceeded() const = 0;
    /// A sentence about the error if it is not one of XML.
    virtual std::string_view problem() const { return {}; }
    virtual void set_limits(const xml::Limits& limits) = 0;
    /// The peer opens its stream anew (RFC 6120 section 4.3.3): what it said before that was answered is dropped.
    virtual void restart() = 0;
    /// Between elements, gives back what only the next one needs.
    virtual void release_memory() = 0;

    /// Our stream header. `to`: whom the peer said that it is (RFC 6120 section 4.7.2), empty if it did not.
    virtual std::string open(std::string_view id, std::string_view domain, std::string_view to) const = 0;
    /// The end of our stream.
    virtual std::string close() const = 0;
    /// Bytes for these, which may live in `buffer` or in the items; with what else is owed to the peer.
    virtual std::string_view pack(const std::deque<core::Outgoing>& items, std::string& buffer) = 0;
    /// Something is owed to the peer that is no element.
    virtual bool owes() const { return false; }
    /// What the connection ends with, after everything else.
    virtual std::string last_words() const { return {}; }
};

std::unique_ptr<Framing> tcp_framing(const xml::Limits& limits, Framing::Events events);
std::unique_ptr<Framing> websocket_framing(const xml::Limits& limits, Framing::Events events);

}  // namespace lethe::stream
