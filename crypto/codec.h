// SPDX-License-Identifier: AGPL-3.0-or-later
// The one binary encoding of plaintext records: big-endian integers, u32-length-prefixed strings. Strict on reading.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "crypto/bytes.h"

namespace lethe::crypto {

class Encoder {
public:
    Encoder& u8(std::uint8_t v);
    Encoder& u16(std::uint16_t v);
    Encoder& u32(std::uint32_t v);
    Encoder& u64(std::uint64_t v);
    Encoder& i64(std::int64_t v) { return u64(static_cast<std::uint64_t>(v)); }
    Encoder& flag(bool v) { return u8(v ? 1 : 0); }
    Encoder& raw(ByteView v);
    Encoder& str(std::string_view v);
    Encoder& blob(ByteView v) { return str(as_text(v)); }
    Bytes take() { return std::move(out_); }

private:
    Bytes out_;
};

/// Reading past the end or a flag that is neither 0 nor 1 makes it bad for good; finished() is true only if all was read and nothing was bad.
class Decoder {
public:
    explicit Decoder(ByteView in) : in_(in) {}
    std::uint8_t u8();
    std::uint16_t u16();
    std::uint32_t u32();
    std::uint64_t u64();
    std::int64_t i64() { return static_cast<std::int64_t>(u64()); }
    bool flag();
    void raw(std::span<std::uint8_t> out);
    std::string str();
    Bytes blob();
    void fail() { bad_ = true; }
    bool bad() const { return bad_; }
    bool finished() const { return !bad_ && in_.empty(); }

private:
    ByteView in_;
    bool bad_ = false;
};

}  // namespace lethe::crypto
