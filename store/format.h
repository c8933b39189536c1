// SPDX-License-Identifier: AGPL-3.0-or-later
// Every constant and every encoding of what this folder writes, beside FORMAT.md. Integers are big-endian.
// Decoders are strict: what decodes re-encodes to the same bytes.
#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "store/store.h"

namespace lethe::store::format {

inline constexpr std::uint32_t version = 4;  ///< of state.mdb, of the keyring and of buckets alike

// Tables, in the order in which Environment::table counts them.
inline constexpr std::array<const char*, 9> state_tables{"meta",   "accounts", "roster",  "blocklist",  "settings",
                                                         "policy", "personal", "profile", "invitations"};
/// Those that every directory of this version has. The others came later and are added by the next open.
inline constexpr std::size_t first_state_tables = 8;
inline constexpr std::array<const char*, 3> bucket_tables{"info", "heads", "entries"};
enum StateTable : std::size_t { meta, accounts, roster, blocklist, settings, policy, personal, profile, invitations };
/// Those whose rows belong to accounts: gone with the account and with a reset.
inline constexpr std::array<StateTable, 5> account_tables{roster, blocklist, settings, personal, profile};
enum BucketTable : std::size_t { info, heads, entries };
StateTable state_table(Table table);

/// The only row of policy.
inline constexpr std::string_view key_standing = "standing";

// Keys of meta.
inline constexpr std::string_view key_format = "format";
inline constexpr std::string_view key_jid_normalisation = "jid_normalisation_version";
inline constexpr std::string_view key_domain = "domain";
Bytes high_water_key(ClassId cls);  ///< "bucket_high_water" ‖ class
Bytes encode_u32(std::uint32_t v);
std::optional<std::uint32_t> decode_u32(ByteView bytes);

/// Value of invitations: deadline ‖ sealed record.
Bytes encode_invitation(const InvitationRow& row);
std::optional<InvitationRow> decode_invitation(ByteView bytes);

using store::SlotRef;

/// Value of accounts: slot ‖ generation ‖ sealed record.
Bytes encode_account(const SlotRef& slot, const Sealed& record);
struct AccountValue {
    SlotRef slot;
    ByteView record;
};
std::optional<AccountValue> decode_account(ByteView bytes);

/// The only row of info.
inline constexpr std::string_view key_info = "bucket";
struct BucketInfo {
    std::uint32_t version = format::version;
    BucketId id;
    BucketSpan span;
};
Bytes encode_info(const BucketInfo& info);
std::optional<BucketInfo> decode_info(ByteView bytes);

/// Keys of roster, blocklist, settings, personal, profile: AccountId ‖ BlindKey.
std::array<std::uint8_t, 32> row_key(const AccountId& account, const BlindKey& key);
/// Keys of heads: prefix ‖ segment.
std::array<std::uint8_t, 20> head_key(const LogPrefix& prefix, std::uint32_t segment);
/// Keys of entries: prefix ‖ segment ‖ index.
std::array<std::uint8_t, 22> entry_key(const LogPrefix& prefix, std::uint32_t segment, std::uint16_t index);

// The keyring: block 0 is the head, block i (i >= 1) is slot i.
inline constexpr std::size_t block_size = 4096;
enum class Part : std::uint8_t { free = 0, account = 1, bucket = 2 };
using Owner = std::array<std::uint8_t, 16>;
Owner owner_of(const AccountId& id);
Owner owner_of(const BucketId& id);  ///< class ‖ number ‖ zeros
std::optional<BucketId> bucket_of(const Owner& owner);
/// part ‖ index ‖ generation ‖ owner
std::array<std::uint8_t, 25> slot_associated_data(Part part, const SlotRef& slot, const Owner& owner);
// Offsets inside a slot. All that matters lies in the first 512 bytes, which disks write whole; what follows
// is random.
inline constexpr std::size_t slot_part = 0, slot_generation = 4, slot_owner = 8, slot_nonce = 24,
                             slot_sealed = 48, slot_end = 128;

// Names below DATA.
inline constexpr std::string_view state_file = "state.mdb", keyring_file = "keyring", lock_file = "lock",
                                  buckets_directory = "buckets";
/// Their directories are there from the beginning; those of archive choices come with their first bucket.
inline constexpr std::array<ClassId, 3> first_classes{ClassId::archive, ClassId::letterbox, ClassId::subscriptions};
inline std::string class_directory(ClassId cls) { return crypto::class_name(cls); }
std::filesystem::path bucket_path(const std::filesystem::path& data, const BucketId& id);
/// The bucket that a file name (NUMBER.mdb, no leading zero) belongs to; nothing for any other name.
std::optional<std::uint32_t> bucket_number(std::string_view file_name);
inline std::filesystem::path lock_of(std::filesystem::path environment) { return environment += "-lock"; }

}  // namespace lethe::store::format
