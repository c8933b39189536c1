// SPDX-License-Identifier: AGPL-3.0-or-later
// A self-signed certificate to start with, until a real one takes its place.
#pragma once
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace lethe::lethectl {

inline constexpr int certificate_days = 730;

struct SelfSigned {
    std::string certificate;  ///< PEM
    std::string key;          ///< PEM, secret: wipe it
    std::string fingerprint;  ///< SHA-256 in hexadecimal with colons, as clients show it
    std::string until;        ///< last day, YYYY-MM-DD
};
/// EC P-256, for `domain` (normalised, Unicode) as DNS name or IP address and as XMPP address (RFC 6120
/// section 13.7.1.4). The error is one sentence.
std::expected<SelfSigned, std::string> make_certificate(std::string_view domain, std::int64_t now_seconds);

}  // namespace lethe::lethectl
