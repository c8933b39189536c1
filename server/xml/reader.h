// SPDX-License-Identifier: AGPL-3.0-or-later
// Bytes of one XML stream in, whole stanzas out (RFC 6120 sections 4 and 11), read by Expat.
//
// Refuses comments, processing instructions, DTDs, entities other than the five predefined ones, encodings other than UTF-8, unbound
// prefixes, duplicate attributes; enforces size, depth, attribute and name-count limits before a tree exists. Reparse
// deferral is switched off (where Expat has it) so that no end tag is held back. Expat interns names for the parser's life: after
// `Limits::distinct_names` distinct names the parser is replaced between stanzas, re-fed the stream header.
// After an error the reader stays in error. Any split of the input yields the same events.
// Lifetime: callbacks run inside feed(). Calling reset() inside a callback is allowed (STARTTLS, SASL success): the rest of the
// bytes given to feed() is discarded (they were sent before the restart was answered and must not be trusted). So is set_limits().
// A callback must not throw (Expat's C frames lie between), call feed(), or destroy the reader.
// Thread: one at a time.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "server/xml/element.h"

namespace lethe::xml {

struct Limits {
    std::size_t stanza_bytes = 262144;   ///< of one top-level element, tags included
    std::size_t header_bytes = 8192;     ///< of the stream header
    std::size_t depth = 64;              ///< elements open below the stream root
    std::size_t attributes = 128;        ///< per element, namespace declarations included
    std::size_t distinct_names = 4096;   ///< before the parser is replaced; so is one that holds more than parser_bytes
    std::size_t parser_bytes = 262144;
};

/// Each maps to one stream error condition of RFC 6120 section 4.9.3 with the same name.
enum class ReadError {
    none,
    not_well_formed,
    restricted_xml,
    bad_namespace_prefix,
    unsupported_encoding,
    invalid_namespace,  ///< root is not in http://etherx.jabber.org/streams, or content namespace is not the expected one
    bad_format,         ///< root is not <stream>
    policy_violation,   ///< a limit
};

/// Which of the limits a policy_violation is about.
enum class Limit { stanza_bytes, header_bytes, depth, attributes, memory };

/// Attributes of the stream header the negotiation needs; absent ones are empty.
struct StreamHeader {
    std::string to, from, id, version, lang, content_ns;
};

class Reader {
public:
    struct Events {
        std::function<void(const StreamHeader&)> stream_opened;
        std::function<void(Document)> stanza;         ///< one complete top-level element
        std::function<void()> stream_closed;          ///< </stream:stream>
    };
    /// `content_ns`: "jabber:client" or "jabber:server".
    Reader(std::string_view content_ns, const Limits& limits, Events events);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    /// Bytes in; events out, in order. Returns the first error and stays there.
    ReadError feed(std::string_view bytes);
    /// Precondition: the error is policy_violation.
    Limit exceeded() const;
    /// A new stream follows (RFC 6120 section 4.3.3).
    void reset();
    void set_limits(const Limits& limits);
    /// True between stanzas: everything fed so far has been reported and no byte is kept back.
    bool idle() const;
    /// Between stanzas, gives the parser's memory back (about 10 KiB); the next feed() makes a new one for some microseconds.
    void release_memory();
    /// Nothing of what was read is left in that memory.
    /// What the parser holds now.
    std::size_t parser_bytes() const;
    /// Text character data between stanzas is whitespace keep-alive only; anything else is not_well_formed.

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace lethe::xml
