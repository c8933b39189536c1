// SPDX-License-Identifier: AGPL-3.0-or-later
// The node key under a passphrase (crypto/README.md, "Node key files").
#include "crypto/sealed_node_key.h"

#include <sodium.h>

#include <cerrno>
#include <cstring>

#include "crypto/codec.h"
#include "crypto/key_file.h"
#include "crypto/node_key.h"
#include "crypto/primitives.h"

namespace lethe::crypto {
namespace {

using PassphraseKey = Secret<struct PassphraseKeyTag, key_bytes>;
using File = std::array<std::uint8_t, sealed_node_key_bytes>;

constexpr std::size_t label_bytes = labels::sealed_node_key.size();
static_assert(sealed_node_key_front == label_bytes + 8 + crypto_pwhash_SALTBYTES);
// Beyond these a file is damaged or hostile: opening it must not take the machine's memory or hours.
constexpr std::uint32_t most_operations = 16;
constexpr std::uint32_t least_memory_kib = 8, most_memory_kib = 4u << 20;

struct Cost {
    std::uint32_t operations, memory_kib;
};

std::expected<PassphraseKey, int> stretch(std::string_view passphrase, const Cost& cost,
                                          const std::uint8_t* salt) {
    int failed = 0;
    PassphraseKey key = PassphraseKey::make([&](std::span<std::uint8_t, key_bytes> out) {
        failed =
            crypto_pwhash(out.data(), out.size(), passphrase.data(), passphrase.size(), salt, cost.operations,
                          std::size_t{cost.memory_kib} << 10, crypto_pwhash_ALG_ARGON2ID13);
    });
    if (failed != 0) return std::unexpected(errno);
    return key;
}

std::string no_memory(const std::string& path, const Cost& cost) {
    return path + ": the passphrase needs " + std::to_string(cost.memory_kib >> 10) +
           " MiB of memory for a moment, and the system does not give it; raise MemoryMax in the systemd "
           "unit or stop other programs";
}

std::expected<File, std::string> read_file(const std::string& path) {
    const auto file = key_file::open_private(path, key_file::nobody_else);
    if (!file) return std::unexpected(file.error());
    if (file->size == NodeKey::size)
        return std::unexpected(
            path + ": this node key is not sealed by a passphrase; set source = \"file\" in [node_key]");
    File bytes{};
    if (file->size != bytes.size())
        return std::unexpected(path + ": a sealed node key has exactly " + std::to_string(bytes.size()) +
                               " bytes, this file has " + std::to_string(file->size) +
                               "; restore it from your copy");
    const auto read = key_file::read_all(*file, bytes, path);
    if (!read) return std::unexpected(read.error());
    return bytes;
}

}  // namespace

std::expected<NodeKey, std::string> load_sealed_node_key(std::string_view path, std::string_view passphrase) {
    const std::string name(path);
    const auto bytes = read_file(name);
    if (!bytes) return std::unexpected(bytes.error());
    const ByteView all(*bytes);
    Decoder in(all.subspan(label_bytes, 8));
    Cost cost{};
    cost.operations = in.u32();
    cost.memory_kib = in.u32();
    const bool sane = as_text(all.first(label_bytes)) == labels::sealed_node_key && cost.operations >= 1 &&
                      cost.operations <= most_operations && cost.memory_kib >= least_memory_kib &&
                      cost.memory_kib <= most_memory_kib;
    if (!sane)
        return std::unexpected(
            name + ": this is not a sealed node key, or it is damaged; restore it from your copy");

    const auto key = stretch(passphrase, cost, all.data() + label_bytes + 8);
    if (!key) return std::unexpected(no_memory(name, cost));
    const std::uint8_t* const nonce = all.data() + sealed_node_key_front;
    const std::uint8_t* const text = nonce + nonce_bytes;
    bool opened = false;
    NodeKey node_key = NodeKey::make([&](std::span<std::uint8_t, key_bytes> out) {
        key->with_bytes([&](KeyView k) {
            opened = crypto_aead_xchacha20poly1305_ietf_decrypt_detached(
                         out.data(), nullptr, text, out.size(), text + out.size(), all.data(),
                         sealed_node_key_front, nonce, k.data()) == 0;
        });
    });
    if (!opened) return std::unexpected(name + ": wrong passphrase (or the file is damaged); try again");
    return node_key;
}

std::expected<NodeKey, std::string> create_sealed_node_key(std::string_view path,
                                                           std::string_view passphrase) {
    const std::string name(path);
    if (passphrase.empty())
        return std::unexpected(name + ": an empty passphrase protects nothing; choose one");
    const Cost cost{crypto_pwhash_OPSLIMIT_MODERATE, crypto_pwhash_MEMLIMIT_MODERATE >> 10};
    File bytes;
    std::uint8_t* const salt = bytes.data() + label_bytes + 8;
    std::uint8_t* const nonce = bytes.data() + sealed_node_key_front;
    std::uint8_t* const text = nonce + nonce_bytes;
    const Bytes front =
        Encoder().raw(as_bytes(labels::sealed_node_key)).u32(cost.operations).u32(cost.memory_kib).take();
    std::memcpy(bytes.data(), front.data(), front.size());
    randombytes_buf(salt, crypto_pwhash_SALTBYTES);
    randombytes_buf(nonce, nonce_bytes);

    const auto key = stretch(passphrase, cost, salt);
    if (!key) return std::unexpected(no_memory(name, cost));
    NodeKey node_key = NodeKey::generate();
    key->with_bytes([&](KeyView k) {
        node_key.with_bytes([&](KeyView plain) {
            crypto_aead_xchacha20poly1305_ietf_encrypt_detached(
                text, text + plain.size(), nullptr, plain.data(), plain.size(), bytes.data(),
                sealed_node_key_front, nullptr, nonce, k.data());
        });
    });
    const auto written = key_file::create(name, bytes);
    if (!written) return std::unexpected(written.error());
    return node_key;
}

}  // namespace lethe::crypto
