// SPDX-License-Identifier: AGPL-3.0-or-later
// Invitations: rows that are found and opened with the invitation's token and the node key together.
//
// The token is in the link and nowhere else: the disk holds its keyed hash, and under a key made of both what the invitation is good for and
// who invited. Every record has one size. The deadline stands beside it in clear, so that the server can destroy what is due and an
// auditor can see that it does.
// Thread: values; const functions from any thread.
#pragma once
#include <array>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/account.h"

namespace lethe::crypto {

/// Keyed hash of a token under the node key: names its row.
using InvitationId = Id<struct InvitationIdTag, 16>;

/// 16 random bytes; in links 32 lower-case hexadecimal digits.
class InvitationToken {
public:
    static InvitationToken generate();
    /// Strict: one spelling for each token.
    static std::optional<InvitationToken> parse(std::string_view text);
    std::string text() const;
    ByteView view() const { return bytes_; }

private:
    InvitationToken() = default;
    std::array<std::uint8_t, 16> bytes_{};
};

struct Inviter {
    std::string local;     ///< of the address, at our own domain; at most 1023 bytes
    VaultPublicKey vault;  ///< the account's at that time: a later one of the same name, or after a reset, has not invited
    friend bool operator==(const Inviter&, const Inviter&) = default;
};

struct Invitation {
    std::int64_t until = 0;          ///< microseconds: from then on nobody begins to use it
    std::uint32_t uses = 0;          ///< that are left
    std::optional<Inviter> inviter;  ///< none: the operator
    friend bool operator==(const Invitation&, const Invitation&) = default;
};

InvitationId invitation_id(const NodeKeys& keys, const InvitationToken& token);
/// `deadline`: when the row goes, microseconds. It is bound to the record.
Sealed seal_invitation(const NodeKeys& keys, const InvitationToken& token, std::int64_t deadline, const Invitation& invitation);
std::expected<Invitation, Unopenable> open_invitation(const NodeKeys& keys, const InvitationToken& token, std::int64_t deadline, const Sealed& sealed);

}  // namespace lethe::crypto
