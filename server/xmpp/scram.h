// SPDX-License-Identifier: AGPL-3.0-or-later
// SCRAM (RFC 5802, RFC 7677) as the server sees it, pure: messages in, messages out.
//
// The server keeps StoredKey and ServerKey only, and recovers ClientKey during each successful login. Lethe opens the account's
// vault with it (crypto/README.md), so ClientKey travels in a type that wipes itself.
// Thread: values; derive_credential() is slow on purpose (PBKDF2) and belongs on the pool.
#pragma once
#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lethe::xmpp::scram {

enum class Hash : std::uint8_t { sha_1 = 1, sha_256 = 2 };
constexpr std::size_t size_of(Hash h) { return h == Hash::sha_1 ? 20 : 32; }
constexpr std::string_view mechanism_name(Hash h) { return h == Hash::sha_1 ? "SCRAM-SHA-1" : "SCRAM-SHA-256"; }

/// ClientKey. Move-only, wiped on destruction and when moved from.
class ClientKey {
public:
    explicit ClientKey(std::span<const std::uint8_t> bytes);  ///< at most 32 bytes, copied
    ClientKey(ClientKey&&) noexcept;
    ClientKey& operator=(ClientKey&&) noexcept;
    ~ClientKey();
    template <class F> decltype(auto) with_bytes(F&& f) const {
        return std::forward<F>(f)(std::span<const std::uint8_t>(bytes_.data(), size_));
    }

private:
    std::array<std::uint8_t, 32> bytes_{};
    std::size_t size_ = 0;
};

/// What the server stores to check a login.
struct Verifier {
    Hash hash = Hash::sha_256;
    std::uint32_t iterations = 0;
    std::vector<std::uint8_t> salt;
    std::vector<std::uint8_t> stored_key, server_key;
};
struct Derived {
    Verifier verifier;
    ClientKey client_key;
};

/// RFC 3454 section 7: what is stored (a password) may hold no character unknown to Unicode 3.2, what is looked up (a user name) may.
enum class Unassigned { prohibited, allowed };
/// SASLprep (RFC 4013, by the ICU profile); empty when the string is prohibited. An empty string stays one: callers refuse it.
std::optional<std::string> saslprep(std::string_view text, Unassigned unassigned = Unassigned::prohibited);
/// From a password already through saslprep. Slow.
Derived derive_credential(Hash hash, std::string_view prepared_password, std::span<const std::uint8_t> salt,
                          std::uint32_t iterations);

/// Channel binding data of this connection; absent types are not available (then no -PLUS is offered for them).
struct ChannelBinding {
    std::optional<std::vector<std::uint8_t>> tls_server_end_point;  // RFC 5929
    std::optional<std::vector<std::uint8_t>> tls_exporter;          // RFC 9266
    std::optional<std::vector<std::uint8_t>> tls_unique;            // RFC 5929, never on TLS 1.3
    bool any() const { return tls_server_end_point || tls_exporter || tls_unique; }
    std::vector<std::string> types() const;  ///< names of those that are available, as XEP-0440 announces them
};

/// What the server-first-message says of what was offered, so that nobody in between can take a stronger mechanism or binding off the list
/// unnoticed (XEP-0474 version 0.5.0 section 5.1): base64. `bindings` is what XEP-0440 announced; empty if it announced nothing.
std::string offer_digest(Hash hash, std::vector<std::string> mechanisms, std::vector<std::string> bindings);

/// RFC 6120 section 6.5 conditions this exchange can end in: a message outside the grammar or a header that does not fit the
/// mechanism; one that is well formed but proves nothing (proof, nonce, channel binding, downgrade); broken base64 inside a message.
enum class Failure { malformed_request, not_authorized, incorrect_encoding };

/// One exchange. Calls in order: client_first, server_first, client_final; after a Failure no further call.
class Exchange {
public:
    /// plus: the client chose the -PLUS mechanism. server_nonce: printable, at least 18 random bytes in base64.
    Exchange(Hash hash, bool plus, const ChannelBinding& binding, std::string server_nonce);

    struct ClientFirst {
        std::string username;               ///< saslprep'ed, unescaped
        std::optional<std::string> authzid; ///< as sent, unescaped
    };
    /// Checks gs2 header: 'y' is refused when -PLUS was offered (downgrade); 'p=' must name an available binding.
    std::expected<ClientFirst, Failure> client_first(std::string_view message);
    /// The verifier may be a made-up one (unknown account): the exchange then runs the same way and fails at client_final.
    /// `offer` is an offer_digest(), sent as attribute "h"; none if it is empty.
    std::string server_first(Verifier verifier, std::string_view offer = {});

    struct Success {
        std::string server_final;
        ClientKey client_key;
    };
    /// Compares in constant time.
    std::expected<Success, Failure> client_final(std::string_view message);

private:
    Hash hash_;
    bool plus_;
    ChannelBinding binding_;
    std::string server_nonce_;
    Verifier verifier_;
    std::string gs2_header_, cb_type_, client_first_bare_, server_first_, nonce_;
};

}  // namespace lethe::xmpp::scram
