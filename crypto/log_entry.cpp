// SPDX-License-Identifier: AGPL-3.0-or-later
// The payload of a log entry (crypto/README.md, "Log entry").
#include "crypto/codec.h"
#include "crypto/log.h"
#include "crypto/place.h"

namespace lethe::crypto {
namespace {

bool known_type(std::uint8_t value) {
    switch (static_cast<LogEntry::Type>(value)) {
        case LogEntry::Type::stanza:
        case LogEntry::Type::subscription:
        case LogEntry::Type::instruction:
            return true;
    }
    return false;
}

LogPlace decode_place(Decoder& in) {
    LogPlace place;
    const auto cls = in.u8();
    if (!known_class(cls)) in.fail();
    place.cls = static_cast<ClassId>(cls);
    place.bucket = in.u32();
    place.segment = in.u32();
    place.index = in.u16();
    if (place.index >= segment_entries) in.fail();
    return place;
}

}  // namespace

Bytes encode(const LogEntry& entry) {
    Encoder out;
    out.u8(static_cast<std::uint8_t>(entry.type)).i64(entry.received);
    out.flag(entry.outgoing).flag(entry.vault_closed).str(entry.peer);
    out.flag(entry.archived.has_value());
    if (entry.archived) out.raw(to_bytes(*entry.archived));
    out.str(entry.stanza);
    return out.take();
}

std::optional<LogEntry> decode_log_entry(ByteView bytes) {
    Decoder in(bytes);
    LogEntry entry;
    const auto type = in.u8();
    if (!known_type(type)) in.fail();
    entry.type = static_cast<LogEntry::Type>(type);
    entry.received = in.i64();
    entry.outgoing = in.flag();
    entry.vault_closed = in.flag();
    entry.peer = in.str();
    if (in.flag()) entry.archived = decode_place(in);
    entry.stanza = in.str();
    if (!in.finished()) return std::nullopt;
    return entry;
}

}  // namespace lethe::crypto
