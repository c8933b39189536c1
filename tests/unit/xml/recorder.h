// SPDX-License-Identifier: AGPL-3.0-or-later
// A reader whose events are written down, so that two ways of feeding can be compared.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "server/xml/reader.h"

namespace lethe::xml::test {

inline constexpr std::string_view header =
    "<?xml version='1.0'?><stream:stream to='a.example' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>";

inline std::string_view name_of(ReadError e) {
    switch (e) {
        case ReadError::none:
            return "none";
        case ReadError::not_well_formed:
            return "not-well-formed";
        case ReadError::restricted_xml:
            return "restricted-xml";
        case ReadError::bad_namespace_prefix:
            return "bad-namespace-prefix";
        case ReadError::unsupported_encoding:
            return "unsupported-encoding";
        case ReadError::invalid_namespace:
            return "invalid-namespace";
        case ReadError::bad_format:
            return "bad-format";
        case ReadError::policy_violation:
            return "policy-violation";
    }
    return "?";
}

struct Recorder {
    explicit Recorder(const Limits& limits = {}, std::string_view content_ns = "jabber:client")
        : reader(content_ns, limits,
                 {.stream_opened =
                      [this](const StreamHeader& h) {
                          log.push_back("open to=" + h.to + " from=" + h.from + " id=" + h.id +
                                        " version=" + h.version + " lang=" + h.lang + " ns=" + h.content_ns);
                      },
                  .stanza = [this](Document d) { log.push_back(serialize(d.root())); },
                  .stream_closed = [this] { log.push_back("close"); }}) {}

    /// The error, if there is one, ends the log once.
    ReadError feed(std::string_view bytes) {
        const ReadError e = reader.feed(bytes);
        if (e != ReadError::none && !failed) log.push_back("error " + std::string(name_of(e)));
        failed = failed || e != ReadError::none;
        return e;
    }

    std::vector<std::string> log;
    bool failed = false;
    Reader reader;
};

/// What a whole stream amounts to.
inline std::vector<std::string> events_of(std::string_view bytes, const Limits& limits = {}) {
    Recorder r(limits);
    r.feed(bytes);
    return r.log;
}

/// The events behind a good header.
inline std::vector<std::string> after_header(std::string_view bytes, const Limits& limits = {}) {
    Recorder r(limits);
    r.feed(header);
    r.log.clear();
    r.feed(bytes);
    return r.log;
}

inline std::string joined(const std::vector<std::string>& lines) {
    std::string out;
    for (const std::string& line : lines) out += (out.empty() ? "" : " | ") + line;
    return out;
}

inline std::string outcome(std::string_view bytes, const Limits& limits = {}) {
    return joined(after_header(bytes, limits));
}

}  // namespace lethe::xml::test
