// SPDX-License-Identifier: AGPL-3.0-or-later
// Tokens that log in in the place of a password (XEP-0484) and open the vault as one does.
//
// With HT-SHA-256-NONE and -ENDP (draft-schmaus-kitten-sasl-ht-09) what a client shows to prove that it has its token is always the same: v =
// HMAC-SHA-256(token, "Initiator" ‖ channel binding). So the token itself is forgotten when it was issued. Kept in the account record is a
// hash that recognises v, and what v opens: the vault secret, and the answer that proves the server to the client. The record alone, with the
// node key or without, opens nothing. (Mechanisms whose v changes from connection to connection would need the token on the disk.)
// Thread: values; any thread.
#pragma once
#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/secret.h"

namespace lethe::crypto {

/// Values are on disk.
enum class TokenMechanism : std::uint8_t { none = 1, end_point = 2 };

inline constexpr std::size_t most_login_tokens = 8;  ///< of one account

/// One of an account's tokens, as its record holds it.
struct LoginToken {
    TokenMechanism mechanism = TokenMechanism::none;
    std::array<std::uint8_t, 16> client{};  ///< client_mark() of whom it was issued to
    std::int64_t expiry = 0;                ///< microseconds since 1970
    std::array<std::uint8_t, 32> check{};   ///< recognises v
    Bytes wrap;                             ///< login_token_wrap_bytes: the responder's answer and the vault secret, under v
    friend bool operator==(const LoginToken&, const LoginToken&) = default;
};

inline constexpr std::size_t login_token_wrap_bytes = 24 + 32 + 32 + 16;

/// A client's installation, by the id that it gave itself (XEP-0388 section 2.2): the same for the same account only.
std::array<std::uint8_t, 16> client_mark(const AccountId& id, std::string_view user_agent);

struct IssuedToken {
    std::string text;  ///< for the client; nobody else keeps it
    LoginToken token;
};
/// A fresh one. `binding`: tls-server-end-point's data for end_point, else empty.
IssuedToken issue_login_token(const AccountId& id, TokenMechanism mechanism, ByteView binding, std::string_view user_agent, std::int64_t expiry,
                              const VaultSecret& secret);

/// Which of them v belongs to, whatever its expiry: compared in constant time. Null: none of this mechanism and client.
const LoginToken* find_login_token(const std::vector<LoginToken>& tokens, const AccountId& id, TokenMechanism mechanism, std::string_view user_agent,
                                   ByteView v);

struct OpenedToken {
    VaultSecret secret;
    std::array<std::uint8_t, 32> answer;  ///< HMAC-SHA-256(token, "Responder" ‖ channel binding)
};
std::expected<OpenedToken, Unopenable> open_login_token(const LoginToken& token, const AccountId& id, ByteView v);

}  // namespace lethe::crypto
