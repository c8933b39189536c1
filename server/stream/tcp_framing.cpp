// SPDX-License-Identifier: AGPL-3.0-or-later
// RFC 6120 section 4: both directions are one XML document each.
#include "server/stream/framing.h"

namespace lethe::stream {
namespace {

class TcpFraming final : public Framing {
public:
    TcpFraming(const xml::Limits& limits, Events events)
        : reader_("jabber:client", limits,
                  {.stream_opened = std::move(events.opened), .stanza = std::move(events.element), .stream_closed = std::move(events.closed)}) {}

    xml::ReadError feed(std::string_view bytes) override { return reader_.feed(bytes); }
    xml::Limit exceeded() const override { return reader_.exceeded(); }
    void set_limits(const xml::Limits& limits) override { reader_.set_limits(limits); }
    void restart() override { reader_.reset(); }
    void release_memory() override { reader_.release_memory(); }

    std::string open(std::string_view id, std::string_view domain, std::string_view to) const override {
        return "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='" + xml::escape(id) + "' from='" +
               xml::escape(domain) + (to.empty() ? "" : "' to='" + xml::escape(to)) + "' version='1.0' xml:lang='en'>";
    }
    std::string close() const override { return "</stream:stream>"; }
    std::string_view pack(const std::deque<core::Outgoing>& items, std::string& buffer) override {
        if (items.size() == 1) return *items.front().bytes;
        for (const auto& item : items) buffer += *item.bytes;
        return buffer;
    }

private:
    xml::Reader reader_;
};

}  // namespace

std::unique_ptr<Framing> tcp_framing(const xml::Limits& limits, Framing::Events events) { return std::make_unique<TcpFraming>(limits, std::move(events)); }

}  // namespace lethe::stream
