// SPDX-License-Identifier: AGPL-3.0-or-later
// A password on its way from a keyboard, a stanza or the control socket to its derivation. Move-only, wiped
// on destruction.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <string_view>

#include "crypto/secret.h"

namespace lethe::admin {

class Password {
public:
    /// SASLprep works on strings of any length; nobody types more than this, and one request line holds it
    /// however it is escaped.
    static constexpr std::size_t longest = 1023;

    Password() : bytes_(std::make_unique<std::array<char, longest>>()) {}
    /// Precondition: text.size() <= longest.
    explicit Password(std::string_view text) : Password() {
        size_ = std::min(text.size(), longest);
        std::copy_n(text.begin(), size_, bytes_->begin());
    }
    Password(Password&& o) noexcept : bytes_(std::move(o.bytes_)), size_(std::exchange(o.size_, 0)) {}
    Password& operator=(Password&& o) noexcept {
        std::swap(bytes_, o.bytes_);
        std::swap(size_, o.size_);
        return *this;
    }
    ~Password() {
        if (bytes_) crypto::detail::wipe(bytes_->data(), longest);
    }
    bool push_back(char c) {  ///< false when full
        if (!bytes_ || size_ == longest) return false;
        (*bytes_)[size_++] = c;
        return true;
    }
    void pop_back() {
        if (size_ > 0) --size_;
    }
    std::string_view view() const {
        return bytes_ ? std::string_view(bytes_->data(), size_) : std::string_view{};
    }
    bool empty() const { return size_ == 0; }

private:
    std::unique_ptr<std::array<char, longest>> bytes_;
    std::size_t size_ = 0;
};

}  // namespace lethe::admin
