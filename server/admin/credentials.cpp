// SPDX-License-Identifier: AGPL-3.0-or-later
// The half of the account operations that needs no store: addresses and passwords.
#include <algorithm>
#include <array>

#include "server/admin/operations.h"
#include "server/admin/password_rule.h"

namespace lethe::admin {
namespace {

using xmpp::scram::Hash;

std::unexpected<Failure> usage(std::string text) {
    return std::unexpected(Failure{Status::usage, std::move(text)});
}

void wipe(std::string& text) { crypto::detail::wipe(text.data(), text.size()); }

/// Of UTF-8, which SASLprep gives: all bytes but those that go on with a character.
std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

std::expected<std::string, Failure> prepare_text(const Password& password) {
    auto prepared = xmpp::scram::saslprep(password.view());
    if (!prepared)
        return usage("the password holds a character that SASLprep (RFC 4013) prohibits; choose another one");
    // Checked after preparation: a password of soft hyphens is as empty as none.
    if (prepared->empty()) return usage("the password is empty; choose one");
    if (characters(*prepared) >= shortest_password) return std::move(*prepared);
    wipe(*prepared);
    return usage("the password has fewer than " + std::to_string(shortest_password) + " characters; choose a longer one");
}

xmpp::scram::Derived derive(Hash hash, std::string_view prepared, std::uint32_t iterations) {
    std::array<std::uint8_t, 16> salt{};
    crypto::random_bytes(salt);
    return xmpp::scram::derive_credential(hash, prepared, salt, iterations);
}

/// What was typed, in quotes, as it may stand in a line on a terminal.
std::string shown(std::string_view text) {
    constexpr std::size_t most = 200;
    std::string out = '"' + std::string(text.substr(0, most)) + (text.size() > most ? "…\"" : "\"");
    for (char& c : out)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    return out;
}

}  // namespace

std::expected<xmpp::BareJid, Failure> parse_account(std::string_view text, std::string_view domain) {
    auto jid = xmpp::BareJid::parse(text);
    const std::string example = "; write it like user@" + std::string(domain), given = shown(text);
    if (!jid) return usage(given + " is not the address of an account" + example);
    if (jid->local().empty())
        return usage(given + " is not the address of an account, which has a name before the @" + example);
    if (jid->domain() != domain)
        return usage(given + " is not an account of this server, whose accounts are at " +
                     std::string(domain) + example);
    return std::move(*jid);
}

Outcome check_password(const Password& password) {
    auto prepared = prepare_text(password);
    if (!prepared) return std::unexpected(std::move(prepared.error()));
    wipe(*prepared);
    return {};
}

bool is_too_short(const Password& password) {
    auto prepared = xmpp::scram::saslprep(password.view());
    if (!prepared) return false;
    const std::size_t length = characters(*prepared);
    wipe(*prepared);
    return length > 0 && length < shortest_password;
}

std::expected<PreparedCredentials, Failure> prepare_credentials(const Password& password, bool scram_sha_1) {
    auto prepared = prepare_text(password);
    if (!prepared) return std::unexpected(std::move(prepared.error()));
    PreparedCredentials out;
    out.mechanisms.push_back(derive(Hash::sha_256, *prepared, sha_256_iterations));
    if (scram_sha_1) out.mechanisms.push_back(derive(Hash::sha_1, *prepared, sha_1_iterations));
    wipe(*prepared);
    return out;
}

}  // namespace lethe::admin
