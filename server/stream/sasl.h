// SPDX-License-Identifier: AGPL-3.0-or-later
// A login: SCRAM over RFC 6120 section 6, and the vault it opens.
//
// Path of the secret: the client's proof arrives → ClientKey is recovered (xmpp/scram.h) → it unwraps the vault secret → the vault's keys
// stand in locked memory → ClientKey is wiped before the answer goes out. Unknown account, wrong password and suspended account take
// the same steps and give the same answer: the record of a decoy is opened in place of a missing one.
// Thread: core.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/account.h"
#include "crypto/vault.h"
#include "server/admin/config.h"
#include "server/admin/operations.h"
#include "server/stream/login_throttle.h"
#include "server/xmpp/scram.h"
#include "store/store.h"

namespace lethe::stream {

/// What every login of this server needs. Built once.
class Authenticator {
public:
    Authenticator(const store::Store& store, const crypto::NodeKeys& keys, const admin::Operations& operations,
                  const admin::Config& config);
    ~Authenticator();

    /// Mechanism names offered on a connection with these channel bindings, strongest first.
    std::vector<std::string> mechanisms(const xmpp::scram::ChannelBinding& binding) const;

    struct Found {
        std::optional<xmpp::BareJid> account;  ///< empty: nobody may log in, whatever the proof
        crypto::AccountId id;
        crypto::Credential credential;         ///< a made-up one for nobody
        crypto::VaultPublicKey owner;
    };
    Found look_up(std::string_view username, crypto::Mechanism mechanism) const;

    // XEP-0484: login_token.cpp.
    /// Of tokens, on a connection with these channel bindings; none if the configuration wants none.
    std::vector<std::string> token_mechanisms(const xmpp::scram::ChannelBinding& binding) const;
    struct FoundToken {
        std::optional<xmpp::BareJid> account;  ///< empty: nobody may log in
        crypto::AccountId id;
        crypto::LoginToken token;
        crypto::VaultPublicKey owner;
        Bytes stored_key;                      ///< of SCRAM-SHA-256, which every account has
    };
    /// The token that has this v, whatever its expiry; takes the same steps for nobody.
    FoundToken look_up_token(std::string_view username, crypto::TokenMechanism mechanism, std::string_view user_agent, ByteView v) const;
    struct Wanted {
        std::string mechanism, user_agent;
        std::int64_t now;  ///< microseconds since 1970
    };
    /// A fresh token for whom this vault belongs to; nothing if that mechanism is not offered, or the client does not say who it is.
    std::optional<crypto::IssuedToken> issue_token(const crypto::Vault& vault, const xmpp::scram::ChannelBinding& binding, const Wanted& wanted) const;

    /// What a login has proved.
    struct Proof {
        xmpp::BareJid account;
        crypto::Mechanism mechanism;
        Bytes stored_key;
    };
    /// It would succeed again: no other password since, not suspended, reset or erased, and nothing of the kind under way.
    bool still_holds(const Proof& proof) const;
    LoginThrottle& throttle() const { return *throttle_; }

private:
    friend class Login;
    struct Opened {
        xmpp::BareJid name;
        bool exists;
        crypto::AccountId id;
        std::optional<crypto::AccountRecord> record;  ///< a decoy's if there is no such account; empty if it cannot be read
    };
    Opened open(std::string_view username) const;
    const store::Store& store_;
    const crypto::NodeKeys& keys_;
    const admin::Operations& operations_;
    const admin::Config& config_;
    struct Decoy;
    std::unique_ptr<Decoy> decoy_;
    std::unique_ptr<LoginThrottle> throttle_;
};

/// One attempt, from <auth/> to <success/> or <failure/>.
class Login {
public:
    struct Reply {
        enum class Kind { challenge, success, failure } kind;
        std::string text;                                  ///< base64 of challenge or success, or the failure condition
        std::optional<xmpp::BareJid> tried = {};           ///< whose login failed, if the name was an address
        std::optional<Authenticator::Proof> proof = {};    ///< success
        std::shared_ptr<const crypto::Vault> vault = {};   ///< success
        std::optional<crypto::LoginToken> token = {};      ///< success, by this token
    };
    Login(const Authenticator& authenticator, xmpp::scram::ChannelBinding binding, const Network& network)
        : authenticator_(authenticator), binding_(std::move(binding)), network_(network) {}

    /// `<auth mechanism='…'>payload</auth>`
    Reply begin(std::string_view mechanism, std::string_view payload);
    /// `<response>payload</response>`
    Reply respond(std::string_view payload);
    /// All of it, by a token (XEP-0484): `payload` is the initial response. `now`: microseconds since 1970.
    Reply with_token(std::string_view mechanism, std::string_view payload, std::string_view user_agent, std::int64_t now);
    Reply abort() { return fail("aborted"); }
    Reply malformed() { return fail("malformed-request"); }
    bool under_way() const { return exchange_.has_value() || !awaited_.empty(); }

private:
    Reply fail(std::string_view condition);
    Reply wrong_proof();
    bool throttled() const;
    const Authenticator& authenticator_;
    xmpp::scram::ChannelBinding binding_;
    Network network_;
    std::string name_;     ///< whom the client wants to be, as it counts for the throttle
    std::optional<xmpp::scram::Exchange> exchange_;
    Authenticator::Found found_;
    std::string awaited_;  ///< mechanism chosen without an initial response, which comes in one of its own (RFC 6120 6.4.2)
    std::optional<xmpp::BareJid> tried_;
};

}  // namespace lethe::stream
