// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/net/certificate.h"

#include <mbedtls/md.h>
#include <mbedtls/x509.h>
#include <sodium.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>

#include "crypto/regular_file.h"
#include "server/mbedtls_compat.h"

namespace lethe::net {

namespace {

using Failure = std::unexpected<std::string>;

/// A chain of a dozen large certificates has 30 KB.
constexpr std::size_t largest_file = 1 << 20;

/// File contents followed by a NUL, as mbedTLS wants PEM; wiped, because one of the files is the key.
struct FileText {
    std::string bytes;
    FileText() = default;
    FileText(FileText&& other) noexcept : bytes(std::move(other.bytes)) { other.bytes.clear(); }
    FileText(const FileText&) = delete;
    ~FileText() { sodium_memzero(bytes.data(), bytes.size()); }
    const unsigned char* data() const { return reinterpret_cast<const unsigned char*>(bytes.c_str()); }
    std::size_t size_with_nul() const { return bytes.size() + 1; }
};

std::string octal(mode_t mode) {
    std::string digits = "0000";
    for (std::size_t i = 4; i-- > 0; mode >>= 3) digits[i] = static_cast<char>('0' + (mode & 7));
    return digits;
}

Failure unreadable(const std::string& what, const crypto::FileFault& fault) {
    if (fault.code == ENOENT)
        return Failure(what + " does not exist: create it (lethectl init makes a self-signed one) or correct its path in lethe.toml.");
    if (fault.code == EACCES)
        return Failure(what + " cannot be read by the server's user: give that user or its group the right to read it.");
    if (fault.code != 0) return Failure(what + ' ' + fault.text + ": check the file and its disk.");
    return Failure(what + ' ' + fault.text + ": correct its path in lethe.toml.");
}

/// `what` begins every error: "The TLS key /etc/…".
std::expected<FileText, std::string> read_file(const std::string& path, const std::string& what, bool secret) {
    const auto file = crypto::open_regular(path, largest_file);
    if (!file) return unreadable(what, file.error());
    // certbot leaves the key to root and the server's group with 0640; anything wider gives it away.
    if (secret && (file->mode & 0137) != 0)
        return Failure(what + " is open to others (mode " + octal(file->mode & 0777) +
                       "): chmod 0600 it, or 0640 if the server reads it through its own group.");
    FileText text;
    text.bytes.resize(file->size);
    std::size_t have = 0;
    while (have < text.bytes.size()) {
        const ssize_t n = ::read(file->fd, text.bytes.data() + have, text.bytes.size() - have);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return Failure(what + " cannot be read (" + std::generic_category().message(errno) + "): check the file and its disk.");
        if (n == 0) break;
        have += static_cast<std::size_t>(n);
    }
    text.bytes.resize(have);
    return text;
}

bool is_pem(const FileText& text) {
    return text.bytes.find("-----BEGIN ") != std::string::npos && text.bytes.find('\0') == std::string::npos;
}

std::string date(const mbedtls_x509_time& t) {
    auto two = [](int n) { return std::string(n < 10 ? "0" : "") + std::to_string(n); };
    return std::to_string(t.year) + "-" + two(t.mon) + "-" + two(t.day);
}

std::expected<void, std::string> parse_chain(const FileText& text, const std::string& what, mbedtls_x509_crt* chain) {
    if (!is_pem(text)) return Failure(what + " is not PEM: convert it so that it begins with -----BEGIN CERTIFICATE-----.");
    if (text.bytes.find("-----BEGIN CERTIFICATE-----") == std::string::npos)
        return Failure(what + " holds no certificate: name the file with the certificate chain in lethe.toml.");
    // Positive: so many of the file's certificates were not understood. A chain with holes is a broken chain.
    if (mbedtls_x509_crt_parse(chain, text.data(), text.size_with_nul()) != 0)
        return Failure(what + " holds a certificate that is damaged or of a kind the TLS library does not know: use an ECDSA P-256 or RSA certificate.");
    if (mbedtls_x509_time_is_past(&chain->valid_to))
        return Failure(what + " expired on " + date(chain->valid_to) + ": renew it.");
    if (mbedtls_x509_time_is_future(&chain->valid_from))
        return Failure(what + " is not valid before " + date(chain->valid_from) + ": check the clock, or use a certificate that is valid now.");
    return {};
}

std::expected<void, std::string> parse_key(const FileText& text, const std::string& what, mbedtls_pk_context* key) {
    if (!is_pem(text)) return Failure(what + " is not PEM: convert it so that it begins with -----BEGIN PRIVATE KEY-----.");
    const int rc = mbedtls_compat::parse_key(key, text.data(), text.size_with_nul(), random_bytes);
    if (rc == MBEDTLS_ERR_PK_PASSWORD_REQUIRED || text.bytes.find("-----BEGIN ENCRYPTED ") != std::string::npos)
        return Failure(what + " is encrypted with a passphrase: remove it with openssl pkey, so that the server can start alone.");
    if (rc != 0)
        return Failure(what + " holds no private key that the TLS library knows: use an ECDSA P-256 or RSA key.");
    if (!mbedtls_pk_can_do(key, MBEDTLS_PK_ECDSA) && !mbedtls_pk_can_do(key, MBEDTLS_PK_RSA))
        return Failure(what + " cannot sign: use an ECDSA P-256 or RSA key.");
    return {};
}

/// RFC 5929 section 4.1: the hash of the certificate's own signature, but SHA-256 in place of MD5 and SHA-1.
std::vector<std::uint8_t> end_point_hash(const mbedtls_x509_crt& certificate) {
    mbedtls_md_type_t md = mbedtls_compat::signature_hash(certificate);
    if (md == MBEDTLS_MD_MD5 || md == MBEDTLS_MD_SHA1) md = MBEDTLS_MD_SHA256;
    const mbedtls_md_info_t* info = mbedtls_md_info_from_type(md);
    if (info == nullptr) return {};
    std::vector<std::uint8_t> hash(mbedtls_md_get_size(info));
    if (mbedtls_md(info, certificate.raw.p, certificate.raw.len, hash.data()) != 0) return {};
    return hash;
}

}  // namespace

int random_bytes(void*, unsigned char* out, std::size_t size) {
    randombytes_buf(out, size);
    return 0;
}

Certificate::Certificate() {
    mbedtls_x509_crt_init(&chain);
    mbedtls_pk_init(&key);
}

Certificate::~Certificate() {
    mbedtls_pk_free(&key);
    mbedtls_x509_crt_free(&chain);
}

std::expected<void, std::string> load_certificate(const std::string& chain_path, const std::string& key_path,
                                                  Certificate& into) {
    const std::string chain_name = "The TLS certificate " + chain_path;
    const std::string key_name = "The TLS key " + key_path;
    const auto chain_text = read_file(chain_path, chain_name, false);
    if (!chain_text) return Failure(chain_text.error());
    const auto key_text = read_file(key_path, key_name, true);
    if (!key_text) return Failure(key_text.error());
    if (auto parsed = parse_chain(*chain_text, chain_name, &into.chain); !parsed) return parsed;
    if (auto parsed = parse_key(*key_text, key_name, &into.key); !parsed) return parsed;
    if (mbedtls_compat::check_pair(&into.chain, &into.key, random_bytes) != 0)
        return Failure(key_name + " does not belong to the first certificate in " + chain_path +
                       ": use the two files of one issue, with the server's own certificate first.");
    into.end_point = end_point_hash(into.chain);
    if (into.end_point.empty())
        return Failure(chain_name + " is signed with a hash that the TLS library does not know: use SHA-256.");
    return {};
}

}  // namespace lethe::net
