// SPDX-License-Identifier: AGPL-3.0-or-later
// Where the node key comes from: a private file, a file sealed by a passphrase, or a systemd credential.
//
// Errors are one sentence that names the path and the remedy; none holds a byte of a key or of a passphrase.
// Thread: any. The two functions with a passphrase are slow on purpose (Argon2id, 256 MiB, about a second).
#pragma once
#include <expected>
#include <string>
#include <string_view>

#include "crypto/secret.h"

namespace lethe::crypto {

/// A file of exactly 32 bytes, mode 0600 or stricter, owned by this user or root.
std::expected<NodeKey, std::string> load_node_key(std::string_view path);
/// Fails if the file exists; file and directory are synced. Mode 0600.
std::expected<NodeKey, std::string> create_node_key(std::string_view path);

/// The same, sealed: without the passphrase the file is worth nothing. The passphrase is taken byte for byte: the caller removes the line
/// end, and wipes its copy. An empty one is refused.
std::expected<NodeKey, std::string> load_sealed_node_key(std::string_view path, std::string_view passphrase);
std::expected<NodeKey, std::string> create_sealed_node_key(std::string_view path, std::string_view passphrase);

/// 32 bytes that systemd hands over as the credential `name` (LoadCredential= or LoadCredentialEncrypted=, the latter bound to the TPM or
/// the machine). Read from $CREDENTIALS_DIRECTORY; systemd may show it as 0440 there, which is as private as 0400 (an access control
/// list for this user alone), so group-readable is accepted here and nowhere else.
std::expected<NodeKey, std::string> load_node_key_credential(std::string_view name);

}  // namespace lethe::crypto
