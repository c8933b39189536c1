// SPDX-License-Identifier: AGPL-3.0-or-later
// Memory that forgets: what clients say, a new password among it (XEP-0077), must not stand in freed memory.
//
// Internal to server/xml/. The reader's own copies (Expat's buffers, text under way, the tree's character data) are overwritten before they
// are freed; strings made from them belong to whoever asked.
#pragma once
#include <string.h>  // explicit_bzero

#include <cstddef>
#include <memory>
#include <string>

namespace lethe::xml {

template <class T>
struct WipingAllocator {
    using value_type = T;
    WipingAllocator() = default;
    template <class U>
    WipingAllocator(const WipingAllocator<U>&) {}
    T* allocate(std::size_t n) { return std::allocator<T>().allocate(n); }
    void deallocate(T* p, std::size_t n) noexcept {
        explicit_bzero(p, n * sizeof(T));
        std::allocator<T>().deallocate(p, n);
    }
    friend bool operator==(const WipingAllocator&, const WipingAllocator&) { return true; }
};

/// Short strings live inside the object: wipe() those.
using WipingString = std::basic_string<char, std::char_traits<char>, WipingAllocator<char>>;

/// Empties it and overwrites what it held; the capacity stays.
inline void wipe(WipingString& text) {
    explicit_bzero(text.data(), text.size());
    text.clear();
}

}  // namespace lethe::xml
