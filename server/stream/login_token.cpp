// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0484 Fast Authentication Streamlining Tokens, version 0.2.0, inside XEP-0388, with the mechanisms HT-SHA-256-ENDP and HT-SHA-256-NONE of
// draft-schmaus-kitten-sasl-ht-09.
//
// Path of a token: a login by password asks for one → it is made here, recognised later by what crypto/login_token.h keeps in the account record,
// sent in <success/> and forgotten → a later <authenticate/> brings what the client made of it, and that opens the vault. Who may read it: the
// client alone. It ends at its time, with a new password, a reset, an erasure, when the client says so, or for a newer one of the same client.
// If the disk refuses the record, no token is given out.
//
// What differs here: a token is never renewed, so that its end does not tell when its client was last here; who asks for a new one by way of an
// old one gets none, and logs in with the password once more. -EXPR and -UNIQ are not offered: what a client shows with them changes, and
// checking it would need the token on the disk. TLS has no early data here, so no counter is looked at.
#include <algorithm>
#include <array>
#include <chrono>

#include "server/stream/sasl.h"
#include "server/xmpp/base64.h"

namespace lethe::stream {
namespace {

using crypto::TokenMechanism;

constexpr std::int64_t week = std::int64_t{7} * 86'400'000'000;

std::int64_t rounded_up(std::int64_t time) { return (time + week - 1) / week * week; }

constexpr std::string_view with_end_point = "HT-SHA-256-ENDP", with_none = "HT-SHA-256-NONE";

TokenMechanism mechanism_of(std::string_view name) { return name == with_end_point ? TokenMechanism::end_point : TokenMechanism::none; }

}  // namespace

std::vector<std::string> Authenticator::token_mechanisms(const xmpp::scram::ChannelBinding& binding) const {
    std::vector<std::string> names;
    if (config_.sasl.tokens == 0) return names;
    if (binding.tls_server_end_point) names.emplace_back(with_end_point);
    names.emplace_back(with_none);
    return names;
}

std::optional<crypto::IssuedToken> Authenticator::issue_token(const crypto::Vault& vault, const xmpp::scram::ChannelBinding& binding,
                                                              const Wanted& wanted) const {
    const auto offered = token_mechanisms(binding);
    if (wanted.user_agent.empty() || std::ranges::find(offered, wanted.mechanism) == offered.end()) return std::nullopt;
    const auto mechanism = mechanism_of(wanted.mechanism);
    const ByteView bound = mechanism == TokenMechanism::end_point ? ByteView(*binding.tls_server_end_point) : ByteView();
    return crypto::issue_login_token(vault.account(), mechanism, bound, wanted.user_agent, rounded_up(wanted.now + config_.sasl.tokens), vault.secret());
}

Authenticator::FoundToken Authenticator::look_up_token(std::string_view username, TokenMechanism mechanism, std::string_view user_agent, ByteView v) const {
    const auto opened = open(username);
    FoundToken found{.id = opened.id};
    const auto* token = opened.record ? crypto::find_login_token(opened.record->tokens, opened.id, mechanism, user_agent, v) : nullptr;
    const auto* credential = opened.record ? opened.record->find(crypto::Mechanism::scram_sha_256) : nullptr;
    if (!opened.exists || !token || !credential || opened.record->suspended) return found;
    found.account = opened.name;
    found.token = *token;
    found.owner = opened.record->vault_public;
    found.stored_key = credential->stored_key;
    return found;
}

Login::Reply Login::with_token(std::string_view mechanism, std::string_view payload, std::string_view user_agent, std::int64_t now) {
    const auto offered = authenticator_.token_mechanisms(binding_);
    if (std::ranges::find(offered, mechanism) == offered.end()) return fail("invalid-mechanism");
    auto message = xmpp::base64::decode(payload);
    if (!message) return fail("incorrect-encoding");
    const auto text = as_text(*message);
    const auto border = text.find('\0');
    if (border == std::string_view::npos || border == 0 || text.size() != border + 1 + 32) return fail("malformed-request");
    const auto username = xmpp::scram::saslprep(text.substr(0, border), xmpp::scram::Unassigned::allowed);
    if (!username || username->empty()) return fail("malformed-request");
    tried_ = xmpp::BareJid::parse(*username + "@" + authenticator_.config_.domain);
    name_ = tried_ ? tried_->to_string() : *username;
    if (throttled()) return fail("temporary-auth-failure");
    const auto v = ByteView(*message).subspan(border + 1);
    const auto found = authenticator_.look_up_token(*username, mechanism_of(mechanism), user_agent, v);
    auto opened = crypto::open_login_token(found.token, found.id, v);
    crypto::detail::wipe(message->data(), message->size());  // with what is stored it would open the vault
    if (!found.account || !opened) return wrong_proof();
    if (found.token.expiry <= now) return fail("credentials-expired");
    if (authenticator_.operations_.busy(found.id)) return fail("temporary-auth-failure");
    auto vault = std::make_shared<const crypto::Vault>(found.id, opened->secret);
    if (vault->public_key() != found.owner) return fail("temporary-auth-failure");
    return {Reply::Kind::success, xmpp::base64::encode(opened->answer), {}, Authenticator::Proof{*found.account, crypto::Mechanism::scram_sha_256, found.stored_key},
            std::move(vault), found.token};
}

}  // namespace lethe::stream
