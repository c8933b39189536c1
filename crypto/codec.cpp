// SPDX-License-Identifier: AGPL-3.0-or-later
#include "crypto/codec.h"

#include <algorithm>
#include <cstdlib>

namespace lethe::crypto {
namespace {

template <class T>
void put(Bytes& out, T v) {
    for (std::size_t i = sizeof(T); i-- > 0;) out.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
}

template <class T>
T get(ByteView& in, bool& bad) {
    if (bad || in.size() < sizeof(T)) {
        bad = true;
        return 0;
    }
    T v = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
        v = static_cast<T>(static_cast<std::uint64_t>(v) << 8 | in[i]);
    in = in.subspan(sizeof(T));
    return v;
}

/// The next length-prefixed bytes; empty when bad. Checked against what is there before anything is
/// allocated.
ByteView counted(ByteView& in, bool& bad) {
    const auto n = get<std::uint32_t>(in, bad);
    if (bad || n > in.size()) {
        bad = true;
        return {};
    }
    const ByteView found = in.first(n);
    in = in.subspan(n);
    return found;
}

}  // namespace

Encoder& Encoder::u8(std::uint8_t v) {
    out_.push_back(v);
    return *this;
}
Encoder& Encoder::u16(std::uint16_t v) {
    put(out_, v);
    return *this;
}
Encoder& Encoder::u32(std::uint32_t v) {
    put(out_, v);
    return *this;
}
Encoder& Encoder::u64(std::uint64_t v) {
    put(out_, v);
    return *this;
}
Encoder& Encoder::raw(ByteView v) {
    out_.insert(out_.end(), v.begin(), v.end());
    return *this;
}
Encoder& Encoder::str(std::string_view v) {
    if (v.size() > UINT32_MAX) std::abort();  // sizes are bounded long before
    return u32(static_cast<std::uint32_t>(v.size())).raw(as_bytes(v));
}

std::uint8_t Decoder::u8() { return get<std::uint8_t>(in_, bad_); }
std::uint16_t Decoder::u16() { return get<std::uint16_t>(in_, bad_); }
std::uint32_t Decoder::u32() { return get<std::uint32_t>(in_, bad_); }
std::uint64_t Decoder::u64() { return get<std::uint64_t>(in_, bad_); }

bool Decoder::flag() {
    const auto v = u8();
    if (v > 1) bad_ = true;
    return !bad_ && v == 1;
}

void Decoder::raw(std::span<std::uint8_t> out) {
    if (bad_ || out.size() > in_.size()) {
        bad_ = true;
        std::fill(out.begin(), out.end(), std::uint8_t{0});
        return;
    }
    std::copy_n(in_.begin(), out.size(), out.begin());
    in_ = in_.subspan(out.size());
}

std::string Decoder::str() { return std::string(as_text(counted(in_, bad_))); }

Bytes Decoder::blob() {
    const ByteView v = counted(in_, bad_);
    return Bytes(v.begin(), v.end());
}

}  // namespace lethe::crypto
