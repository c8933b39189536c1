// SPDX-License-Identifier: AGPL-3.0-or-later
// Node keys as they are: 32 bytes in a file, nothing else.
#include "crypto/node_key.h"

#include <sodium.h>

#include <cstdlib>

#include "crypto/key_file.h"
#include "crypto/sealed_node_key.h"

namespace lethe::crypto {
namespace {

std::expected<NodeKey, std::string> load(const std::string& path, mode_t forbidden) {
    auto file = key_file::open_private(path, forbidden);
    if (!file) return std::unexpected(file.error());
    if (file->size == sealed_node_key_bytes)
        return std::unexpected(
            path + ": this node key is sealed by a passphrase; set source = \"passphrase\" in [node_key]");
    if (file->size != NodeKey::size)
        return std::unexpected(path + ": a node key has exactly 32 bytes, this file has " +
                               std::to_string(file->size) + "; restore it from your copy");
    std::expected<void, std::string> read;
    bool empty = true;
    NodeKey key = NodeKey::make([&](std::span<std::uint8_t, NodeKey::size> out) {
        read = key_file::read_all(*file, out, path);
        empty = sodium_is_zero(out.data(), out.size()) == 1;
    });
    if (!read) return std::unexpected(read.error());
    // What a file system leaves of a file that was never synced.
    if (empty) return std::unexpected(path + ": this node key is all zeros; restore it from your copy");
    return key;
}

}  // namespace

std::expected<NodeKey, std::string> load_node_key(std::string_view path) {
    return load(std::string(path), key_file::nobody_else);
}

std::expected<NodeKey, std::string> create_node_key(std::string_view path) {
    NodeKey key = NodeKey::generate();
    auto written = key.with_bytes([&](std::span<const std::uint8_t, NodeKey::size> k) {
        return key_file::create(std::string(path), k);
    });
    if (!written) return std::unexpected(written.error());
    return key;
}

std::expected<NodeKey, std::string> load_node_key_credential(std::string_view name) {
    const std::string credential(name);
    if (credential.empty() || credential.starts_with('.') || credential.find('/') != std::string::npos)
        return std::unexpected(credential + ": not the name of a systemd credential");
    const char* const directory = secure_getenv("CREDENTIALS_DIRECTORY");
    if (directory == nullptr)
        return std::unexpected(credential +
                               ": systemd gave no credentials; add 'LoadCredential=" + credential +
                               ":/path/to/node.key' to the unit and start the server through systemd");
    return load(std::string(directory) + "/" + credential, key_file::group_may_read);
}

}  // namespace lethe::crypto
