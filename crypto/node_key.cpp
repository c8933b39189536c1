// SPDX-License-Identifier: AGPL-3.0-or-later
// Node key files: 32 bytes, nothing else.
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "crypto/account.h"
#include "crypto/key_file.h"

namespace lethe::crypto {

void random_bytes(std::span<std::uint8_t> out) { randombytes_buf(out.data(), out.size()); }

std::expected<NodeKey, std::string> load_node_key(std::string_view path) {
    const std::string name(path);
    auto file = key_file::open_private(name, 0177);
    if (!file) return std::unexpected(file.error());
    if (file->size != NodeKey::size)
        return std::unexpected(name + ": a node key has exactly 32 bytes, this file has " +
                               std::to_string(file->size) + "; restore it from your copy");
    std::expected<void, std::string> read;
    bool empty = true;
    NodeKey key = NodeKey::make([&](std::span<std::uint8_t, NodeKey::size> out) {
        read = key_file::read_all(*file, out, name);
        empty = sodium_is_zero(out.data(), out.size()) == 1;
    });
    if (!read) return std::unexpected(read.error());
    // What a file system leaves of a file that was never synced.
    if (empty) return std::unexpected(name + ": this node key is all zeros; restore it from your copy");
    return key;
}

std::expected<NodeKey, std::string> create_node_key(std::string_view path) {
    NodeKey key = NodeKey::generate();
    auto written = key.with_bytes([&](std::span<const std::uint8_t, NodeKey::size> k) {
        return key_file::create(std::string(path), k);
    });
    if (!written) return std::unexpected(written.error());
    return key;
}

}  // namespace lethe::crypto
