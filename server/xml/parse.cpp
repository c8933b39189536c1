// SPDX-License-Identifier: AGPL-3.0-or-later
#include <optional>
#include <utility>

#include "server/xml/element.h"
#include "server/xml/reader.h"

namespace lethe::xml {
namespace {

/// A reader that stands behind a stream header, ready for one element at a time.
class RecordReader {
public:
    RecordReader()
        : reader_("jabber:client", limits(), {.stanza = [this](Document d) { take(std::move(d)); }}) {
        (void)reader_.feed("<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client'>");
    }

    /// Empty unless `bytes` are exactly one element; the reader is then of no further use.
    std::optional<Document> read(std::string_view bytes) {
        found_.reset();
        count_ = 0;
        if (!bytes.starts_with('<') || !bytes.ends_with('>')) return std::nullopt;
        if (reader_.feed(bytes) != ReadError::none || count_ != 1 || !reader_.idle()) return std::nullopt;
        return std::exchange(found_, std::nullopt);
    }

private:
    /// What arrived was held to the limits of its stream; canonical form can double the attributes and
    /// repeats namespaces, and the server wraps stanzas in a few levels of its own.
    static Limits limits() { return {.stanza_bytes = 64u << 20, .depth = 1024, .attributes = 4096}; }
    void take(Document d) {
        ++count_;
        found_ = std::move(d);
    }
    std::optional<Document> found_;
    std::size_t count_ = 0;
    Reader reader_;
};

}  // namespace

Document parse(std::string_view bytes) {
    // Kept from call to call, since reading an archive page parses hundreds of records.
    thread_local std::optional<RecordReader> reader;
    if (!reader) reader.emplace();
    std::optional<Document> found = reader->read(bytes);
    if (found) return std::move(*found);
    reader.reset();
    return Document();
}

}  // namespace lethe::xml
