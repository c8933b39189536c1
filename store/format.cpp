// SPDX-License-Identifier: AGPL-3.0-or-later
#include "store/format.h"

#include <algorithm>
#include <charconv>

#include "crypto/codec.h"

namespace lethe::store::format {

using crypto::Decoder;
using crypto::Encoder;

StateTable state_table(Table table) {
    switch (table) {
        case Table::roster:
            return roster;
        case Table::blocklist:
            return blocklist;
        case Table::settings:
            return settings;
        case Table::personal:
            return personal;
    }
    std::abort();
}

Bytes high_water_key(ClassId cls) {
    return Encoder().raw(as_bytes("bucket_high_water")).u8(static_cast<std::uint8_t>(cls)).take();
}

Bytes encode_u32(std::uint32_t v) { return Encoder().u32(v).take(); }

std::optional<std::uint32_t> decode_u32(ByteView bytes) {
    Decoder in(bytes);
    const auto v = in.u32();
    if (!in.finished()) return std::nullopt;
    return v;
}

Bytes encode_invitation(const InvitationRow& row) {
    return crypto::Encoder().i64(row.deadline).raw(row.value.view()).take();
}

std::optional<InvitationRow> decode_invitation(ByteView bytes) {
    constexpr std::size_t front = 8;
    if (bytes.size() < front) return std::nullopt;
    crypto::Decoder in(bytes.first(front));
    return InvitationRow{in.i64(), Sealed::from_disk(bytes.subspan(front))};
}

Bytes encode_account(const SlotRef& slot, const Sealed& record) {
    return Encoder().u32(slot.index).u32(slot.generation).raw(record.view()).take();
}

std::optional<AccountValue> decode_account(ByteView bytes) {
    if (bytes.size() < 8) return std::nullopt;
    Decoder in(bytes.first(8));
    AccountValue value;
    value.slot.index = in.u32();
    value.slot.generation = in.u32();
    value.record = bytes.subspan(8);
    if (!in.finished()) return std::nullopt;
    return value;
}

Bytes encode_info(const BucketInfo& info) {
    return Encoder()
        .u32(info.version)
        .u8(static_cast<std::uint8_t>(info.id.cls))
        .u32(info.id.number)
        .i64(info.span.start)
        .i64(info.span.end)
        .i64(info.span.deadline)
        .take();
}

std::optional<BucketInfo> decode_info(ByteView bytes) {
    Decoder in(bytes);
    BucketInfo info;
    info.version = in.u32();
    info.id.cls = static_cast<ClassId>(in.u8());
    info.id.number = in.u32();
    info.span.start = in.i64();
    info.span.end = in.i64();
    info.span.deadline = in.i64();
    if (!in.finished()) return std::nullopt;
    return info;
}

std::array<std::uint8_t, 32> row_key(const AccountId& account, const BlindKey& key) {
    std::array<std::uint8_t, 32> out;
    std::ranges::copy(account.bytes, out.begin());
    std::ranges::copy(key.bytes, out.begin() + AccountId::size);
    return out;
}

std::array<std::uint8_t, 20> head_key(const LogPrefix& prefix, std::uint32_t segment) {
    std::array<std::uint8_t, 20> out;
    std::ranges::copy(prefix.bytes, out.begin());
    for (int i = 0; i < 4; ++i)
        out[16 + static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(segment >> (24 - 8 * i));
    return out;
}

std::array<std::uint8_t, 22> entry_key(const LogPrefix& prefix, std::uint32_t segment, std::uint16_t index) {
    std::array<std::uint8_t, 22> out;
    std::ranges::copy(head_key(prefix, segment), out.begin());
    out[20] = static_cast<std::uint8_t>(index >> 8);
    out[21] = static_cast<std::uint8_t>(index);
    return out;
}

Owner owner_of(const AccountId& id) { return id.bytes; }

Owner owner_of(const BucketId& id) {
    Owner owner{};
    std::ranges::copy(Encoder().u8(static_cast<std::uint8_t>(id.cls)).u32(id.number).take(), owner.begin());
    return owner;
}

std::optional<BucketId> bucket_of(const Owner& owner) {
    Decoder in(ByteView(owner).first(5));
    BucketId id;
    id.cls = static_cast<ClassId>(in.u8());
    id.number = in.u32();
    const auto known = crypto::all_classes();
    if (owner_of(id) != owner || std::ranges::find(known, id.cls) == known.end()) return std::nullopt;
    return id;
}

std::array<std::uint8_t, 25> slot_associated_data(Part part, const SlotRef& slot, const Owner& owner) {
    std::array<std::uint8_t, 25> out;
    const auto bytes =
        Encoder().u8(static_cast<std::uint8_t>(part)).u32(slot.index).u32(slot.generation).raw(owner).take();
    std::ranges::copy(bytes, out.begin());
    return out;
}

std::filesystem::path bucket_path(const std::filesystem::path& data, const BucketId& id) {
    return data / buckets_directory / class_directory(id.cls) / (std::to_string(id.number) + ".mdb");
}

std::optional<std::uint32_t> bucket_number(std::string_view file_name) {
    constexpr std::string_view ending = ".mdb";
    if (!file_name.ends_with(ending)) return std::nullopt;
    file_name.remove_suffix(ending.size());
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(file_name.data(), file_name.data() + file_name.size(), number);
    if (error != std::errc() || end != file_name.data() + file_name.size()) return std::nullopt;
    if (std::to_string(number) != file_name) return std::nullopt;
    return number;
}

}  // namespace lethe::store::format
