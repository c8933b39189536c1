// SPDX-License-Identifier: AGPL-3.0-or-later
// The keys of RFC 5802 section 3.
#include "server/xmpp/scram_keys.h"

#include <mbedtls/md.h>
#include <mbedtls/platform_util.h>

#include <algorithm>
#include <cassert>
#include <exception>

#include "server/mbedtls_compat.h"
#include "server/xmpp/scram.h"

namespace lethe::xmpp::scram {
namespace {

mbedtls_md_type_t md_type(Hash h) { return h == Hash::sha_1 ? MBEDTLS_MD_SHA1 : MBEDTLS_MD_SHA256; }

/// Hashing fails only where the library lacks the hash or memory has run out: nothing a login could go on
/// from.
void must(int rc) {
    if (rc != 0) std::terminate();
}

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

Digest::~Digest() { mbedtls_platform_zeroize(bytes_.data(), bytes_.size()); }

void hmac(Hash hash, std::span<const std::uint8_t> key, std::string_view text, Digest& out) {
    out.resize(size_of(hash));
    must(mbedtls_md_hmac(mbedtls_md_info_from_type(md_type(hash)), key.data(), key.size(), bytes_of(text),
                         text.size(), out.data()));
}

void digest(Hash hash, std::span<const std::uint8_t> data, Digest& out) {
    out.resize(size_of(hash));
    must(mbedtls_md(mbedtls_md_info_from_type(md_type(hash)), data.data(), data.size(), out.data()));
}

ClientKey::ClientKey(std::span<const std::uint8_t> bytes) : size_(bytes.size()) {
    assert(bytes.size() <= bytes_.size());
    std::ranges::copy(bytes, bytes_.begin());
}

ClientKey::ClientKey(ClientKey&& other) noexcept : bytes_(other.bytes_), size_(other.size_) {
    mbedtls_platform_zeroize(other.bytes_.data(), other.bytes_.size());
    other.size_ = 0;
}

ClientKey& ClientKey::operator=(ClientKey&& other) noexcept {
    if (this == &other) return *this;
    bytes_ = other.bytes_;
    size_ = other.size_;
    mbedtls_platform_zeroize(other.bytes_.data(), other.bytes_.size());
    other.size_ = 0;
    return *this;
}

ClientKey::~ClientKey() { mbedtls_platform_zeroize(bytes_.data(), bytes_.size()); }

Derived derive_credential(Hash hash, std::string_view prepared_password, std::span<const std::uint8_t> salt,
                          std::uint32_t iterations) {
    Digest salted, client_key, stored_key, server_key;
    salted.resize(size_of(hash));
    must(mbedtls_compat::pbkdf2_hmac(md_type(hash), bytes_of(prepared_password), prepared_password.size(),
                                     salt.data(), salt.size(), iterations,
                                     static_cast<std::uint32_t>(size_of(hash)), salted.data()));
    hmac(hash, salted.view(), "Client Key", client_key);
    digest(hash, client_key.view(), stored_key);
    hmac(hash, salted.view(), "Server Key", server_key);
    return {.verifier = {.hash = hash,
                         .iterations = iterations,
                         .salt = {salt.begin(), salt.end()},
                         .stored_key = {stored_key.view().begin(), stored_key.view().end()},
                         .server_key = {server_key.view().begin(), server_key.view().end()}},
            .client_key = ClientKey(client_key.view())};
}

}  // namespace lethe::xmpp::scram
