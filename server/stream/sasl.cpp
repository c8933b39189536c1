// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/stream/sasl.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "server/xmpp/base64.h"

namespace lethe::stream {
namespace {

using crypto::Mechanism;
namespace scram = xmpp::scram;

std::string fresh_nonce() {
    std::array<std::uint8_t, 18> bytes;
    crypto::random_bytes(bytes);
    return xmpp::base64::encode(bytes);
}

Bytes random_hash(Mechanism mechanism) {
    Bytes bytes(scram::size_of(static_cast<scram::Hash>(mechanism)));
    crypto::random_bytes(bytes);
    return bytes;
}

std::int64_t steady_now() {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::uint32_t usual_iterations(Mechanism mechanism) {
    return mechanism == Mechanism::scram_sha_1 ? admin::sha_1_iterations : admin::sha_256_iterations;
}

std::string_view condition(scram::Failure failure) {
    switch (failure) {
        case scram::Failure::malformed_request: return "malformed-request";
        case scram::Failure::not_authorized: return "not-authorized";
        case scram::Failure::incorrect_encoding: return "incorrect-encoding";
    }
    return "not-authorized";
}

/// The name without -PLUS; empty if it is no mechanism of ours.
std::optional<std::pair<scram::Hash, bool>> parse_mechanism(std::string_view name) {
    const bool plus = name.ends_with("-PLUS");
    if (plus) name.remove_suffix(5);
    for (const auto hash : {scram::Hash::sha_256, scram::Hash::sha_1})
        if (name == scram::mechanism_name(hash)) return std::pair(hash, plus);
    return std::nullopt;
}

}  // namespace

/// A sealed record of nobody, opened when there is no real one, so that both ways cost the same.
struct Authenticator::Decoy {
    crypto::AccountId id;
    crypto::AccountKey key = crypto::AccountKey::generate();
    crypto::Sealed record;
};

Authenticator::Authenticator(const store::Store& store, const crypto::NodeKeys& keys, const admin::Operations& operations,
                             const admin::Config& config)
    : store_(store), keys_(keys), operations_(operations), config_(config) {
    crypto::AccountId id;
    crypto::random_bytes(id.bytes);
    auto key = crypto::AccountKey::generate();
    crypto::AccountRecord record;
    for (const auto mechanism : {Mechanism::scram_sha_256, Mechanism::scram_sha_1})
        record.credentials.push_back({mechanism, usual_iterations(mechanism), Bytes(16), random_hash(mechanism), random_hash(mechanism), Bytes(72)});
    auto sealed = keys.seal_record(id, key, record);
    decoy_ = std::make_unique<Decoy>(Decoy{id, std::move(key), std::move(sealed)});
    throttle_ = std::make_unique<LoginThrottle>(
        LoginThrottle::Limits{config.limits.login_failures_per_network, config.limits.login_failures_per_account});
}

Authenticator::~Authenticator() = default;

std::vector<std::string> Authenticator::mechanisms(const scram::ChannelBinding& binding) const {
    std::vector<std::string> names;
    for (const auto hash : {scram::Hash::sha_256, scram::Hash::sha_1}) {
        if (hash == scram::Hash::sha_1 && !config_.sasl.scram_sha_1) continue;
        const std::string name(scram::mechanism_name(hash));
        if (binding.any()) names.push_back(name + "-PLUS");
        names.push_back(name);
    }
    return names;
}

Authenticator::Opened Authenticator::open(std::string_view username) const {
    const auto jid = xmpp::BareJid::parse(std::string(username) + "@" + config_.domain);
    // An address that cannot exist is hashed in the place of one that might.
    Opened out{.name = jid && !jid->local().empty() ? *jid : *xmpp::BareJid::parse("nobody@" + config_.domain), .exists = false, .id = {}, .record = {}};
    out.id = keys_.account_id(out.name);
    const auto row = store_.account(out.id);
    out.exists = row && *row && out.name.to_string() == (jid ? jid->to_string() : std::string());
    auto record = out.exists ? keys_.open_record(out.id, (*row)->key, (*row)->record) : keys_.open_record(decoy_->id, decoy_->key, decoy_->record);
    if (record) out.record = std::move(*record);
    return out;
}

Authenticator::Found Authenticator::look_up(std::string_view username, Mechanism mechanism) const {
    const auto [name, exists, id, record] = open(username);
    Found found;
    found.id = id;
    const auto* credential = record ? record->find(mechanism) : nullptr;
    if (exists && credential && !record->suspended) found.account = name;
    if (exists && credential) {
        found.credential = *credential;
        found.owner = record->vault_public;
        return found;
    }
    const auto salt = keys_.fake_salt(name, mechanism);
    found.credential = {mechanism, usual_iterations(mechanism), Bytes(salt.begin(), salt.end()), random_hash(mechanism),
                        random_hash(mechanism), {}};
    return found;
}

bool Authenticator::still_holds(const Proof& proof) const {
    const auto now = look_up(proof.account.local(), proof.mechanism);
    return now.account && now.credential.stored_key == proof.stored_key && !operations_.busy(now.id);
}

Login::Reply Login::fail(std::string_view why) {
    exchange_.reset();
    awaited_.clear();
    return {Reply::Kind::failure, std::string(why), std::exchange(tried_, {})};
}

bool Login::throttled() const { return !authenticator_.throttle().allows(network_, name_, steady_now()); }

Login::Reply Login::wrong_proof() {
    authenticator_.throttle().failed(network_, name_, steady_now());
    return fail("not-authorized");
}

Login::Reply Login::begin(std::string_view mechanism, std::string_view payload) {
    const auto parsed = parse_mechanism(mechanism);
    const auto offered = authenticator_.mechanisms(binding_);
    if (!parsed || std::find(offered.begin(), offered.end(), mechanism) == offered.end()) return fail("invalid-mechanism");
    const auto [hash, plus] = *parsed;
    if (payload.empty() && awaited_.empty()) {
        awaited_ = mechanism;
        return {Reply::Kind::challenge, ""};
    }
    awaited_.clear();
    const auto message = xmpp::base64::decode(payload == "=" ? std::string_view() : payload);  // RFC 6120 6.4.2: "=" is empty
    if (!message) return fail("incorrect-encoding");
    exchange_.emplace(hash, plus, binding_, fresh_nonce());
    const auto first = exchange_->client_first(as_text(*message));
    if (!first) return fail(condition(first.error()));
    tried_ = xmpp::BareJid::parse(first->username + "@" + authenticator_.config_.domain);
    name_ = tried_ ? tried_->to_string() : first->username;
    if (throttled()) return fail("temporary-auth-failure");
    found_ = authenticator_.look_up(first->username, static_cast<Mechanism>(hash));
    if (first->authzid) {
        // Nobody acts for somebody else here; decided before the account's existence matters.
        const auto authzid = xmpp::BareJid::parse(*first->authzid);
        if (!authzid || !tried_ || *authzid != *tried_) return fail("invalid-authzid");
    }
    const auto& c = found_.credential;
    const auto challenge = exchange_->server_first({hash, c.iterations, c.salt, c.stored_key, c.server_key},
                                                   scram::offer_digest(hash, offered, binding_.types()));
    return {Reply::Kind::challenge, xmpp::base64::encode(as_bytes(challenge))};
}

Login::Reply Login::respond(std::string_view payload) {
    if (!exchange_) {
        const auto mechanism = awaited_;
        return begin(mechanism, payload);
    }
    auto message = xmpp::base64::decode(payload);
    if (!message) return fail("incorrect-encoding");
    if (throttled()) return fail("temporary-auth-failure");
    auto result = exchange_->client_final(as_text(*message));
    crypto::detail::wipe(message->data(), message->size());  // with what is stored it would give ClientKey
    if (!result && result.error() == scram::Failure::not_authorized) return wrong_proof();
    if (!result) return fail(condition(result.error()));
    if (!found_.account) return wrong_proof();  // suspended: the proof was right, the answer says nothing of it
    // The account may have changed its password, been reset or erased since the challenge was sent.
    const auto now = authenticator_.look_up(found_.account->local(), found_.credential.mechanism);
    if (!now.account || now.credential.stored_key != found_.credential.stored_key) return fail("not-authorized");
    if (authenticator_.operations_.busy(found_.id)) return fail("temporary-auth-failure");
    auto secret = result->client_key.with_bytes([&](ByteView key) {
        return crypto::unwrap_vault(key, found_.credential.mechanism, found_.id, found_.credential.wrap);
    });
    if (!secret) return fail("temporary-auth-failure");
    auto vault = std::make_shared<const crypto::Vault>(found_.id, *secret);
    if (vault->public_key() != found_.owner) return fail("temporary-auth-failure");
    exchange_.reset();
    return {Reply::Kind::success, xmpp::base64::encode(as_bytes(result->server_final)), {},
            Authenticator::Proof{*found_.account, found_.credential.mechanism, found_.credential.stored_key}, std::move(vault)};
}

}  // namespace lethe::stream
