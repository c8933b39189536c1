// SPDX-License-Identifier: AGPL-3.0-or-later
// Every key-derivation context and message label of the project, in one place. A label is never changed and
// never reused: changing one makes every stored byte under it unreadable. crypto/README.md shows where each
// one is used.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace lethe::crypto::labels {

/// crypto_kdf takes exactly eight bytes of context; the sub-key number is always 1.
using Context = std::array<char, 8>;
constexpr Context context(const char (&text)[9]) {
    Context c{};
    for (std::size_t i = 0; i < c.size(); ++i) c[i] = text[i];
    return c;
}
inline constexpr std::uint64_t subkey_number = 1;

// Sub-keys of the node key.
inline constexpr Context node_account_id = context("nAccntId");
inline constexpr Context node_credential = context("nCredent");
inline constexpr Context node_keyring = context("nKeyring");
inline constexpr Context node_fake_salt = context("nFakeSlt");
inline constexpr Context node_ledger = context("nLedgerS");
inline constexpr Context node_profile = context("nProfile");
inline constexpr Context node_upload_slot = context("nUpldSlt");
inline constexpr Context node_invitation = context("nInvitat");
// Reserved for what the design names and nothing uses yet.
inline constexpr Context node_room = context("nRoomKey");

// Sub-keys of the vault secret.
inline constexpr Context vault_roster_index = context("vRosterI");
inline constexpr Context vault_blocklist_index = context("vBlcklsI");
inline constexpr Context vault_settings_index = context("vSettngI");
inline constexpr Context vault_personal_index = context("vPersonI");
inline constexpr Context vault_record = context("vRecordK");
inline constexpr Context vault_archive_id_mac = context("vArcIdMc");
inline constexpr Context vault_archive_id_pad = context("vArcIdPd");
inline constexpr Context vault_exchange = context("vX25519K");

inline constexpr std::array all_contexts = {
    node_account_id,       node_credential,      node_keyring,
    node_fake_salt,        node_profile,         node_room,
    node_invitation,       node_upload_slot,      node_ledger,          vault_roster_index,
    vault_blocklist_index, vault_settings_index, vault_record,
    vault_archive_id_mac,  vault_archive_id_pad, vault_exchange,
    vault_personal_index,
};
consteval bool all_distinct() {
    for (std::size_t i = 0; i < all_contexts.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
            if (all_contexts[i] == all_contexts[j]) return false;
    return true;
}
static_assert(all_distinct());

// First part of keyed BLAKE2b messages.
inline constexpr std::string_view account_record_key = "lethe account record v1";
inline constexpr std::string_view profile_index_key = "lethe profile lookup v1";
inline constexpr std::string_view profile_record_key = "lethe profile record v1";
inline constexpr std::string_view invitation_index_key = "lethe invitation lookup v1";
inline constexpr std::string_view invitation_record_key = "lethe invitation record v1";
inline constexpr std::string_view vault_wrap_key = "lethe vault wrap v1";
inline constexpr std::string_view token_check = "lethe login token check v1";
inline constexpr std::string_view token_wrap_key = "lethe login token wrap v1";
inline constexpr std::string_view token_client = "lethe login token client v1";
inline constexpr std::string_view upload_key = "lethe upload v1";
inline constexpr std::string_view log_entry_key = "entry";
inline constexpr std::string_view log_next_key = "next";

// First bytes of a node key file sealed by a passphrase.
inline constexpr std::string_view sealed_node_key = "lethe node key 1";

}  // namespace lethe::crypto::labels
