// SPDX-License-Identifier: AGPL-3.0-or-later
// What a client says, a new password perhaps, does not stand in memory that was given back.
#include <doctest/doctest.h>
#include <malloc.h>

#include <cstdlib>
#include <new>
#include <pugixml.hpp>
#include <string>
#include <string_view>

#include "server/xml/reader.h"

using namespace lethe::xml;

namespace {

std::string_view wanted;   // looked for in what is freed, while set
std::size_t freed_with_it = 0;
std::size_t held = 0;      // by C++, in bytes

void look(const void* p) {
    if (!p || wanted.empty()) return;
    const std::string_view bytes(static_cast<const char*>(p), malloc_usable_size(const_cast<void*>(p)));
    if (bytes.find(wanted) != bytes.npos) ++freed_with_it;
}

}  // namespace

// All of this program's deallocations by C++ pass here, those of pugixml by its own door.
void operator delete(void* p) noexcept {
    look(p);
    held -= malloc_usable_size(p);
    std::free(p);
}
void operator delete(void* p, std::size_t) noexcept { operator delete(p); }
void* operator new(std::size_t size) {
    void* const p = std::malloc(size);
    if (!p) throw std::bad_alloc();
    held += malloc_usable_size(p);
    return p;
}

TEST_SUITE("xml/wiping") {
    TEST_CASE("text of a stanza is gone from memory with its tree, however it came and whatever became of it") {
        pugi::set_memory_management_functions([](std::size_t n) { return std::malloc(n); },
                                              [](void* p) {
                                                  look(p);
                                                  std::free(p);
                                              });
        const std::string password = "correct-horse-battery-staple-" + std::string(200, 'q');
        const std::string header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
        const std::string stanza = "<iq><query xmlns='jabber:iq:register'><password>" + password + "</password></query></iq>";
        for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, stanza.size()}) {
            for (const bool whole : {true, false}) {
                CAPTURE(piece);
                CAPTURE(whole);
                std::size_t stanzas = 0;
                const auto sent = std::string_view(stanza).substr(0, whole ? stanza.npos : stanza.find("</password>"));
                wanted = std::string_view(password).substr(0, 20);
                freed_with_it = 0;
                {
                    Reader reader("jabber:client", Limits{}, {.stream_opened = [](const StreamHeader&) {},
                                                              .stanza = [&](Document) { ++stanzas; },
                                                              .stream_closed = [] {}});
                    REQUIRE(reader.feed(header) == ReadError::none);
                    for (std::size_t at = 0; at < sent.size(); at += piece) reader.feed(sent.substr(at, piece));
                    if (whole) reader.release_memory();
                }
                wanted = {};
                CHECK(stanzas == (whole ? 1 : 0));
                CHECK(freed_with_it == 0);
            }
        }
    }

    TEST_CASE("one long text costs nothing any more when its stanza was taken") {
        Reader reader("jabber:client", Limits{}, {.stream_opened = [](const StreamHeader&) {}, .stanza = [](Document) {}, .stream_closed = [] {}});
        REQUIRE(reader.feed("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>") == ReadError::none);
        reader.release_memory();
        const std::size_t before = held;
        const std::string text(100'000, 'q');
        for (const auto& piece : {std::string("<message><body>"), text, std::string("</body></message>")}) REQUIRE(reader.feed(piece) == ReadError::none);
        reader.release_memory();
        CHECK(held < before + text.capacity() + 16'384);
    }
}
