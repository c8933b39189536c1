// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/xml/expat_parser.h"

#include <malloc.h>
#include <string.h>  // explicit_bzero

#include <algorithm>
#include <climits>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace lethe::xml {
namespace {

// Expat hands its memory functions no context, so the parser at work on this thread is noted here. Never null
// while Expat runs.
thread_local ExpatParser::Tally* current = nullptr;

class Counting {
public:
    explicit Counting(ExpatParser::Tally& tally) : before_(current) { current = &tally; }
    ~Counting() { current = before_; }
    Counting(const Counting&) = delete;
    Counting& operator=(const Counting&) = delete;

private:
    ExpatParser::Tally* before_;  // a callback may use another reader
};

void* counted_malloc(std::size_t size) {
    void* p = std::malloc(size);
    if (p) {
        ++current->count;
        current->bytes += malloc_usable_size(p);
    }
    return p;
}

void counted_free(void* p) {
    if (!p) return;
    --current->count;
    const std::size_t size = malloc_usable_size(p);
    current->bytes -= size;
    explicit_bzero(p, size);  // it may be a part of the stream, and that a password
    std::free(p);
}

void* counted_realloc(void* p, std::size_t size) {
    if (!p) return counted_malloc(size);
    // By hand, because realloc() would leave the old copy as it is.
    void* q = counted_malloc(size);
    if (!q) return nullptr;
    std::memcpy(q, p, std::min(size, malloc_usable_size(p)));
    counted_free(p);
    return q;
}

}  // namespace

ExpatParser::ExpatParser() {
    const Counting counting(tally_);
    static constexpr XML_Memory_Handling_Suite memory{counted_malloc, counted_realloc, counted_free};
    static constexpr XML_Char separators[] = {separator, 0};
    parser_ = XML_ParserCreate_MM("UTF-8", &memory, separators);
    if (!parser_) throw std::bad_alloc();
#ifdef LETHE_EXPAT_HAS_REPARSE_DEFERRAL
    // Deferral holds back an end tag that arrives in a small piece until more bytes follow, which in XMPP may
    // be never. The quadratic work it guards against is bounded here by the size limits.
    XML_SetReparseDeferralEnabled(parser_, XML_FALSE);
#endif
}

ExpatParser::~ExpatParser() {
    const Counting counting(tally_);
    XML_ParserFree(parser_);
}

XML_Status ExpatParser::parse(std::string_view bytes) {
    static_assert(sizeof(int) >= 4);
    const Counting counting(tally_);
    return XML_Parse(parser_, bytes.data(), static_cast<int>(bytes.size()), XML_FALSE);
}

// Expat 2.9 wants to be asked in 64 bits, and calls it deprecated to be asked otherwise; older ones cannot
// be.
#ifdef LETHE_EXPAT_HAS_64_BIT_POSITIONS
std::size_t ExpatParser::offset() const {
    return static_cast<std::size_t>(XML_GetCurrentByteIndex64(parser_));
}

std::size_t ExpatParser::event_end() const {
    return offset() + static_cast<std::size_t>(XML_GetCurrentByteCount64(parser_));
}

std::string_view ExpatParser::rest() const {
    std::int64_t at = 0;
    std::uint64_t size = 0;
    const char* buffer = XML_GetInputContext64(parser_, &at, &size);
    return buffer
               ? std::string_view(buffer + at, static_cast<std::size_t>(size) - static_cast<std::size_t>(at))
               : std::string_view();
}
#else
std::size_t ExpatParser::offset() const { return static_cast<std::size_t>(XML_GetCurrentByteIndex(parser_)); }

std::size_t ExpatParser::event_end() const {
    return offset() + static_cast<std::size_t>(XML_GetCurrentByteCount(parser_));
}

std::string_view ExpatParser::rest() const {
    int at = 0, size = 0;
    const char* buffer = XML_GetInputContext(parser_, &at, &size);
    return buffer ? std::string_view(buffer + at, static_cast<std::size_t>(size - at)) : std::string_view();
}
#endif

}  // namespace lethe::xml
