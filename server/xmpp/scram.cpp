// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/xmpp/scram.h"

#include <mbedtls/platform_util.h>

#include <cstddef>
extern "C" {  // which this one header forgets to say
#include <mbedtls/constant_time.h>
}

#include <algorithm>
#include <cassert>

#include "server/xmpp/base64.h"
#include "server/xmpp/precis.h"
#include "server/xmpp/scram_keys.h"

namespace lethe::xmpp::scram {
namespace {

using Bytes = std::vector<std::uint8_t>;

/// The attribute list of a message, front to back (RFC 5802 section 7).
class Attributes {
public:
    explicit Attributes(std::string_view rest) : rest_(rest) {}
    bool done() const { return done_; }
    std::string_view rest() const { return rest_; }

    /// The next comma-separated piece.
    std::string_view piece() {
        const std::size_t comma = std::min(rest_.find(','), rest_.size());
        const std::string_view piece = rest_.substr(0, comma);
        done_ = comma == rest_.size();
        rest_.remove_prefix(done_ ? comma : comma + 1);
        return piece;
    }
    /// The value of the next piece, which must be `name`=value with something behind the sign.
    std::optional<std::string_view> value(char name) {
        if (done_) return std::nullopt;
        const std::string_view p = piece();
        if (p.size() < 3 || p[0] != name || p[1] != '=') return std::nullopt;
        return p.substr(2);
    }

private:
    std::string_view rest_;
    bool done_ = false;
};

/// "=2C" and "=3D" stand for comma and equals sign; no other equals sign is allowed.
std::optional<std::string> unescape(std::string_view saslname) {
    std::string out;
    for (std::size_t i = 0; i < saslname.size(); ++i) {
        if (saslname[i] != '=') {
            out += saslname[i];
            continue;
        }
        const std::string_view code = saslname.substr(i, 3);
        if (code != "=2C" && code != "=3D") return std::nullopt;
        out += code == "=2C" ? ',' : '=';
        i += 2;
    }
    return out;
}

bool is_printable(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= 0x21 && c <= 0x7E; });
}

/// An extension this server does not know and may ignore; 'm' is reserved for those it may not.
bool is_optional_extension(std::string_view piece) {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    return piece.size() >= 3 && letter(piece[0]) && piece[0] != 'm' && piece[1] == '=';
}

bool is_text(std::string_view message) {
    return message.find('\0') == message.npos && precis::decode_utf8(message).has_value();
}

const std::optional<Bytes>& data_for(const ChannelBinding& binding, std::string_view type) {
    static const std::optional<Bytes> none;
    if (type == "tls-server-end-point") return binding.tls_server_end_point;
    if (type == "tls-exporter") return binding.tls_exporter;
    if (type == "tls-unique") return binding.tls_unique;
    return none;
}

/// Which flags a client may send, given its mechanism and what was offered.
std::optional<Failure> check_flag(std::string_view flag, bool plus, const ChannelBinding& binding) {
    if (flag.starts_with("p=")) {
        if (!plus) return Failure::malformed_request;
        if (!data_for(binding, flag.substr(2))) return Failure::not_authorized;
        return std::nullopt;
    }
    if ((flag != "n" && flag != "y") || plus) return Failure::malformed_request;
    // "y": the client could bind but saw no -PLUS offered. If it was offered, somebody in between removed it.
    if (flag == "y" && binding.any()) return Failure::not_authorized;
    return std::nullopt;
}

bool equal_in_constant_time(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) {
    return a.size() == b.size() && mbedtls_ct_memcmp(a.data(), b.data(), a.size()) == 0;
}

/// A decoded proof, wiped.
struct Proof {
    Bytes bytes;
    ~Proof() { mbedtls_platform_zeroize(bytes.data(), bytes.size()); }
};

}  // namespace

std::vector<std::string> ChannelBinding::types() const {
    std::vector<std::string> out;
    if (tls_exporter) out.emplace_back("tls-exporter");
    if (tls_unique) out.emplace_back("tls-unique");
    if (tls_server_end_point) out.emplace_back("tls-server-end-point");
    return out;
}

std::string offer_digest(Hash hash, std::vector<std::string> mechanisms, std::vector<std::string> bindings) {
    std::string text;
    const auto join = [&text](std::vector<std::string>& names) {
        std::ranges::sort(names);  // i;octet
        for (std::size_t i = 0; i < names.size(); ++i) text.append(i ? "\x1e" : "").append(names[i]);
    };
    join(mechanisms);
    if (!bindings.empty()) text += '\x1f';
    join(bindings);
    Digest out;
    digest(hash, std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()), out);
    return base64::encode(out.view());
}

Exchange::Exchange(Hash hash, bool plus, const ChannelBinding& binding, std::string server_nonce)
    : hash_(hash), plus_(plus), binding_(binding), server_nonce_(std::move(server_nonce)) {
    assert(!server_nonce_.empty() && is_printable(server_nonce_) &&
           server_nonce_.find(',') == std::string::npos);
}

std::expected<Exchange::ClientFirst, Failure> Exchange::client_first(std::string_view message) {
    const std::unexpected malformed(Failure::malformed_request);
    if (!is_text(message)) return malformed;
    Attributes in(message);

    const std::string_view flag = in.piece();
    if (in.done()) return malformed;
    if (const auto failure = check_flag(flag, plus_, binding_)) return std::unexpected(*failure);
    if (flag.starts_with("p=")) cb_type_ = flag.substr(2);

    ClientFirst first;
    const std::string_view authzid = in.piece();
    if (in.done()) return malformed;
    if (!authzid.empty()) {
        if (authzid.size() < 3 || !authzid.starts_with("a=")) return malformed;
        first.authzid = unescape(authzid.substr(2));
        if (!first.authzid) return malformed;
    }
    client_first_bare_ = in.rest();
    gs2_header_ = message.substr(0, message.size() - client_first_bare_.size());

    const auto saslname = in.value('n');
    const auto nonce = in.value('r');
    if (!saslname || !nonce || !is_printable(*nonce)) return malformed;
    while (!in.done()) {
        if (!is_optional_extension(in.piece())) return malformed;
    }
    const auto username = unescape(*saslname);
    const auto prepared = username ? saslprep(*username, Unassigned::allowed) : std::nullopt;
    if (!prepared || prepared->empty()) return malformed;
    first.username = *prepared;
    nonce_ = std::string(*nonce) + server_nonce_;
    return first;
}

std::string Exchange::server_first(Verifier verifier, std::string_view offer) {
    assert(!nonce_.empty() && verifier.hash == hash_);
    verifier_ = std::move(verifier);
    server_first_ =
        "r=" + nonce_ + ",s=" + base64::encode(verifier_.salt) + ",i=" + std::to_string(verifier_.iterations);
    if (!offer.empty()) server_first_.append(",h=").append(offer);
    return server_first_;
}

std::expected<Exchange::Success, Failure> Exchange::client_final(std::string_view message) {
    assert(!server_first_.empty());
    const std::unexpected malformed(Failure::malformed_request);
    if (!is_text(message)) return malformed;

    // The proof is what stands last, and covers everything before it.
    const std::size_t border = message.rfind(",p=");
    if (border == message.npos) return malformed;
    const std::string_view without_proof = message.substr(0, border), proof_text = message.substr(border + 3);
    Attributes in(without_proof);
    const auto binding_text = in.value('c');
    const auto nonce = in.value('r');
    if (!binding_text || !nonce || proof_text.empty()) return malformed;
    while (!in.done()) {
        const std::string_view piece = in.piece();
        if (!is_optional_extension(piece) || piece[0] == 'p') return malformed;
    }
    const auto binding = base64::decode(*binding_text);
    auto decoded_proof = base64::decode(proof_text);
    if (!binding || !decoded_proof) return std::unexpected(Failure::incorrect_encoding);
    Proof proof{std::move(*decoded_proof)};
    if (proof.bytes.size() != size_of(hash_)) return malformed;

    Bytes expected_binding(gs2_header_.begin(), gs2_header_.end());
    if (const auto& data = data_for(binding_, cb_type_))
        expected_binding.insert(expected_binding.end(), data->begin(), data->end());
    const bool bound = equal_in_constant_time(*binding, expected_binding);
    const bool fresh = *nonce == nonce_;

    const std::string auth_message =
        client_first_bare_ + "," + server_first_ + "," + std::string(without_proof);
    Digest client_key, stored_key, server_signature;
    hmac(hash_, verifier_.stored_key, auth_message,
         client_key);  // ClientSignature, about to become ClientKey
    for (std::size_t i = 0; i < proof.bytes.size(); ++i) client_key.data()[i] ^= proof.bytes[i];
    digest(hash_, client_key.view(), stored_key);
    const bool proven = equal_in_constant_time(stored_key.view(), verifier_.stored_key);
    if (!bound || !fresh || !proven) return std::unexpected(Failure::not_authorized);

    hmac(hash_, verifier_.server_key, auth_message, server_signature);
    return Success{.server_final = "v=" + base64::encode(server_signature.view()),
                   .client_key = ClientKey(client_key.view())};
}

}  // namespace lethe::xmpp::scram
