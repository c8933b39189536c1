// SPDX-License-Identifier: AGPL-3.0-or-later
// Hashing for SCRAM, with results that wipe themselves. Internal to server/xmpp/.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "server/xmpp/scram.h"

namespace lethe::xmpp::scram {

/// Room for the longest hash in use.
class Digest {
public:
    Digest() = default;
    ~Digest();
    Digest(const Digest&) = delete;
    Digest& operator=(const Digest&) = delete;
    void resize(std::size_t size) { size_ = size; }
    std::uint8_t* data() { return bytes_.data(); }
    std::span<const std::uint8_t> view() const { return {bytes_.data(), size_}; }

private:
    std::array<std::uint8_t, 32> bytes_{};
    std::size_t size_ = 0;
};

void hmac(Hash hash, std::span<const std::uint8_t> key, std::string_view text, Digest& out);
void digest(Hash hash, std::span<const std::uint8_t> data, Digest& out);

}  // namespace lethe::xmpp::scram
