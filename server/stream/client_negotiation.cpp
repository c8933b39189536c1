// SPDX-License-Identifier: AGPL-3.0-or-later
// What is said on a client stream before and around stanzas (RFC 6120 sections 4 to 7).
#include "server/core/random_hex.h"
#include "server/stream/client_stream.h"
#include "server/stream/sasl2.h"
#include "server/stream/stream_management.h"
#include "server/xmpp/ns.h"

namespace lethe::stream {
namespace {
namespace ns = xmpp::ns;
using xmpp::StreamCondition;

constexpr unsigned login_attempts = 5;

std::string sasl_element(std::string_view name, std::string_view content, std::string_view space = ns::sasl) {
    std::string out = "<";
    out.append(name).append(" xmlns='").append(space).append("'>").append(content).append("</").append(name).append(">");
    return out;
}

StreamCondition condition_of(xml::ReadError error) {
    switch (error) {
        case xml::ReadError::none:
        case xml::ReadError::not_well_formed: break;
        case xml::ReadError::restricted_xml: return StreamCondition::restricted_xml;
        case xml::ReadError::bad_namespace_prefix: return StreamCondition::bad_namespace_prefix;
        case xml::ReadError::unsupported_encoding: return StreamCondition::unsupported_encoding;
        case xml::ReadError::invalid_namespace: return StreamCondition::invalid_namespace;
        case xml::ReadError::bad_format: return StreamCondition::bad_format;
        case xml::ReadError::policy_violation: return StreamCondition::policy_violation;
    }
    return StreamCondition::not_well_formed;
}

}  // namespace

asio::awaitable<void> ClientStream::process() {
    while (!inbox_.empty() && state_ != State::closing && !tls_wanted_) {
        auto input = std::move(inbox_.front());
        inbox_.pop_front();
        if (auto* header = std::get_if<xml::StreamHeader>(&input)) {
            on_header(*header);
            continue;
        }
        if (std::holds_alternative<StreamEnd>(input)) {
            serve_held();
            if (session_) service_.core.end_session(session_);
            if (state_ != State::closing) begin_closing(Session::ends);
            break;
        }
        if (std::holds_alternative<Departure>(input)) {
            serve_held();
            departed_ = true;
            begin_closing(Session::may_go_on);
            break;
        }
        auto document = std::move(std::get<xml::Document>(input));
        switch (state_) {
            case State::plain: on_plain(document.root()); break;
            case State::secure:
                if (is_registration(document.root())) {
                    auto operation = on_registration(std::move(document));
                    co_await std::move(operation);
                    break;
                }
                on_secure(document.root());
                if (additional_) {
                    auto operation = answer_sasl2();
                    co_await std::move(operation);
                }
                break;
            case State::authenticated: {
                auto operation = on_authenticated(std::move(document));
                co_await std::move(operation);
                break;
            }
            case State::bound:
                if (!hold_back(document)) on_bound(std::move(document));
                break;
            case State::header_plain:
            case State::header_secure:
            case State::header_authenticated: finish(StreamCondition::bad_format, "A stream begins with its header"); break;
            case State::closing: break;
        }
    }
    if (read_error_ == xml::ReadError::none || tls_wanted_) co_return;
    serve_held();
    finish_unread();
}

/// The limit by its name in lethe.toml, if it has one.
std::string ClientStream::limit_exceeded() const {
    const auto limits = reader_limits(limits_, session_ || vault_ || state_ == State::authenticated);
    const bool stranger = limits.stanza_bytes < limits_.stanza_bytes;
    switch (framing_->exceeded()) {
        case xml::Limit::stanza_bytes:
            return "A stanza is larger than " + std::to_string(limits.stanza_bytes) + " bytes (" +
                   (stranger ? "unauthenticated_bytes" : "stanza_bytes") + ")";
        case xml::Limit::header_bytes:
            return "The stream header is larger than " + std::to_string(limits.header_bytes) + " bytes";
        case xml::Limit::depth:
            return "Elements are nested deeper than " + std::to_string(limits.depth) + " (depth)";
        case xml::Limit::attributes:
            return "An element has more than " + std::to_string(limits.attributes) + " attributes";
        case xml::Limit::memory:
            break;
    }
    return "Reading this takes too much memory";
}

void ClientStream::finish_unread() {
    if (read_error_ != xml::ReadError::policy_violation) return finish(condition_of(read_error_), framing_->problem());
    // The element of RFC 6120 4.9.3.14.
    const bool too_big = framing_->exceeded() == xml::Limit::stanza_bytes;
    finish(StreamCondition::policy_violation, limit_exceeded(),
           too_big ? "<stanza-too-big xmlns='urn:xmpp:errors'/>" : "");
}

void ClientStream::open_reply(std::string_view from) {
    if (std::exchange(replied_, true)) return;
    const auto peer = xmpp::Jid::parse(from);
    push(framing_->open(core::random_hex(8), service_.core.domain.domain(), peer ? peer->bare().to_string() : ""));
}

void ClientStream::on_header(const xml::StreamHeader& header) {
    open_reply(header.from);
    const auto to = xmpp::Jid::parse(header.to);
    if (!to || *to != xmpp::Jid(service_.core.domain)) return finish(StreamCondition::host_unknown);
    // RFC 6120 4.7.5: a higher minor version is fine, an absent one means a protocol from before STARTTLS.
    if (!header.version.starts_with("1.")) return finish(StreamCondition::unsupported_version);
    switch (state_) {
        case State::header_plain: state_ = State::plain; break;
        case State::header_secure: state_ = State::secure; break;
        case State::header_authenticated: state_ = State::authenticated; break;
        default: return finish(StreamCondition::bad_format);
    }
    push(features());
}

xmpp::scram::ChannelBinding ClientStream::channel_binding() const {
    if (!stream_.encrypted()) return {};
    return {.tls_server_end_point = stream_.tls_server_end_point(),
            .tls_exporter = stream_.tls_exporter(),
            .tls_unique = stream_.tls_unique()};
}

std::string ClientStream::features() const {
    std::string out = "<stream:features>";
    if (state_ == State::plain) out += "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>";
    if (state_ == State::secure) {
        std::string names;
        bool plus = false;
        const auto binding = channel_binding();
        for (const auto& name : service_.authenticator.mechanisms(binding)) {
            names += "<mechanism>" + name + "</mechanism>";
            plus |= name.ends_with("-PLUS");
        }
        out += sasl_element("mechanisms", names) + sasl2_feature(names, service_.authenticator.token_mechanisms(binding));
        out += registration_features();
        if (plus) {
            out += "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>";
            for (const auto& type : binding.types()) out += "<channel-binding type='" + type + "'/>";
            out += "</sasl-channel-binding>";
        }
    }
    const bool logged_in = state_ == State::authenticated || state_ == State::bound;
    if (state_ == State::authenticated) out += "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";
    if (logged_in)
        out += "<sm xmlns='urn:xmpp:sm:3'/><ver xmlns='urn:xmpp:features:rosterver'/><sub xmlns='urn:xmpp:features:pre-approval'/>" +
               service_.core.features.stream_features() + service_.caps;
    const auto bytes = logged_in ? limits_.stanza_bytes : std::min(limits_.stanza_bytes, limits_.unauthenticated_bytes);
    out += "<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>" + std::to_string(bytes) + "</max-bytes></limits>";
    return out + "</stream:features>";
}

void ClientStream::on_plain(const xml::Element& element) {
    if (!element.is("starttls", ns::tls)) return finish(StreamCondition::policy_violation, "TLS is required");
    push("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    tls_wanted_ = true;
}

void ClientStream::on_secure(const xml::Element& element) {
    if (element.ns() == ns::sasl2 || inline_) return element.ns() == ns::sasl2 ? on_sasl2(element) : finish(StreamCondition::not_authorized);
    if (element.ns() != ns::sasl) return finish(StreamCondition::not_authorized);
    if (element.name() == "auth" && !login_->under_way()) return login_reply(login_->begin(element.attr("mechanism"), element.text()));
    if (element.name() == "response" && login_->under_way()) return login_reply(login_->respond(element.text()));
    if (element.name() == "abort") return login_reply(login_->abort());
    login_reply(login_->malformed());
}

void ClientStream::log_login(retention::Event event, const std::optional<xmpp::BareJid>& account) {
    auto& log = service_.core.env.log;
    if (account) log.write(event, {retention::Account{*account}, address()});
    else log.write(event, {address()});
}

Network ClientStream::network() const {
    return transport_ == Transport::proxied_websocket ? behind_proxy : network_of(stream_.peer().value_or(net::PeerAddress{}));
}

retention::Address ClientStream::address() const {
    const auto peer = stream_.peer();
    return peer ? retention::Address{peer->ip, peer->v6} : retention::Address{};
}

void ClientStream::login_reply(Login::Reply reply) {
    const auto space = inline_ ? ns::sasl2 : ns::sasl;
    switch (reply.kind) {
        case Login::Reply::Kind::challenge: return push(sasl_element("challenge", reply.text, space));
        case Login::Reply::Kind::success:
            log_login(retention::Event::login, reply.proof->account);
            proof_ = std::move(reply.proof);
            vault_ = std::move(reply.vault);
            token_ = std::move(reply.token);
            login_.reset();
            if (inline_) {
                additional_ = reply.text;
                return authenticated();
            }
            push(sasl_element("success", reply.text));
            return restart(State::header_authenticated);
        case Login::Reply::Kind::failure:
            log_login(retention::Event::login_failed, reply.tried);
            push(sasl_element("failure", inline_ ? "<" + reply.text + " xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>" : "<" + reply.text + "/>", space));
            inline_.reset();
            if (++failures_ >= login_attempts) finish(StreamCondition::policy_violation, "Too many failed logins");
    }
}

asio::awaitable<void> ClientStream::on_authenticated(xml::Document document) {
    const auto root = document.root();
    const auto payload = root.first_child();
    if (root.is("iq", ns::client) && root.attr("type") == "set" && payload && payload.is("bind", ns::bind)) {
        auto operation = bind(std::move(document));
        co_await std::move(operation);
        co_return;
    }
    if (root.is("resume", ns::sm)) {
        auto operation = resume(std::move(document));
        const auto answer = co_await std::move(operation);
        if (state_ != State::closing) push(answer);
        if (state_ != State::bound) co_return;
        session_->resend();
        service_.core.features.connected(service_.core, session_);
        co_return;
    }
    if (root.ns() == ns::sm) {
        push(management_failed("unexpected-request"));
        co_return;
    }
    finish(StreamCondition::not_authorized, "Bind a resource first");
}

asio::awaitable<std::shared_ptr<core::Account>> ClientStream::open_for_session() {
    // Other sessions ended when the account was changed; one that had not begun yet ends here.
    if (!service_.authenticator.still_holds(*proof_)) {
        finish(StreamCondition::reset, "The account was changed, log in again");
        co_return nullptr;
    }
    auto opening = core::open_account(service_.core, proof_->account, vault_);
    auto account = co_await std::move(opening);
    if (account && state_ != State::closing) co_return account;
    if (account) service_.core.close_if_unused(account);
    finish(StreamCondition::internal_server_error);
    co_return nullptr;
}

bool ClientStream::begin(const std::shared_ptr<core::Account>& account, const xmpp::FullJid& jid) {
    auto* old = account->session(jid.resource());
    const auto replaced = old ? old->shared_from_this() : nullptr;
    const bool full = !replaced && account->sessions.size() >= limits_.sessions_per_account;
    const auto sleeper = full ? core::first_to_expire(*account) : nullptr;
    if (full && !sleeper) return false;
    const auto session = std::make_shared<core::Session>(jid, account, outbox_,
                                                         core::Session::Unacknowledged{limits_.sm_unacked, limits_.queue_bytes,
                                                                                       std::chrono::seconds(limits_.stall_seconds)});
    service_.core.begin_session(session);
    if (sleeper) service_.core.end_session(sleeper);
    if (replaced) {
        // RFC 6120 7.7.2.2: the newer stream wins; most often the older one is a connection its client has lost already. It ends
        // after the new session has begun, so that the vault stays open.
        replaced->kick(StreamCondition::conflict, "Replaced by a new session");
        service_.core.end_session(replaced);
    }
    enter(session);
    return true;
}

asio::awaitable<void> ClientStream::bind(xml::Document request) {
    auto iq = request.root();
    const auto refuse = [&](xmpp::StanzaError error) { push(xml::serialize(xmpp::error_reply(iq, error).root())); };
    const auto to = iq.has_attr("to") ? xmpp::Jid::parse(iq.attr("to")) : xmpp::Jid(proof_->account);
    if (!to || (*to != xmpp::Jid(proof_->account) && *to != xmpp::Jid(service_.core.domain))) {
        refuse({xmpp::Condition::bad_request, "A resource is bound at the server."});
        co_return;
    }
    auto wanted = iq.first_child().child("resource", ns::bind).text();
    if (wanted.empty()) wanted = core::random_hex(8);
    const auto jid = xmpp::FullJid::make(proof_->account, wanted);
    if (!jid) {
        refuse({xmpp::Condition::bad_request, "The resource is not allowed."});
        co_return;
    }
    auto opening = open_for_session();
    const auto account = co_await std::move(opening);
    if (!account) co_return;
    if (!begin(account, *jid)) {
        refuse({xmpp::Condition::resource_constraint, "Too many sessions of this account."});
        service_.core.close_if_unused(account);
        co_return;
    }
    auto reply = xmpp::result_reply(iq);
    reply.root().add("bind", ns::bind).add("jid").add_text(jid->to_string());
    push(xml::serialize(reply.root()), true);
    service_.core.features.connected(service_.core, session_);
}

void ClientStream::enter(std::shared_ptr<core::Session> session) {
    session_ = std::move(session);
    session_->on_kick = [weak = weak_from_this()](StreamCondition condition, std::string text) {
        const auto self = weak.lock();
        if (self) self->finish(condition, text);
    };
    session_->on_opened = [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->release_held();
    };
    session_->on_taken_over = [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->hand_over();
    };
    vault_.reset();
    state_ = State::bound;
    heard_at_ = std::chrono::steady_clock::now();
    deadline_.cancel();
}

bool ClientStream::hold_back(xml::Document& document) {
    constexpr std::size_t most_held = 64;  // a client that goes on talking is served at once
    const auto root = document.root();
    if (!session_->opening || root.is("a", ns::sm)) return false;
    if (held_.size() >= most_held) {
        release_held();
        if (!session_->opening) return false;
    }
    held_.push_back(std::move(document));
    return true;
}

void ClientStream::release_held() {
    session_->opening = false;
    while (!held_.empty() && state_ == State::bound) {
        auto document = std::move(held_.front());
        held_.pop_front();
        // A presence among them may open the letterbox again; then what follows waits again.
        if (session_->opening) {
            held_.push_front(std::move(document));
            return;
        }
        on_bound(std::move(document));
    }
}

/// The client is gone or about to be: what it said before counts, in its order.
void ClientStream::serve_held() {
    while (!held_.empty() && state_ == State::bound) {
        session_->opening = false;
        auto document = std::move(held_.front());
        held_.pop_front();
        on_bound(std::move(document));
    }
}

void ClientStream::on_bound(xml::Document document) {
    auto root = document.root();
    if (root.ns() == ns::sm) return on_management(root);
    if (const auto* nonza = service_.core.features.find_nonza(root.ns(), root.name())) return nonza->handle(service_.core, session_, root);
    const bool stanza = root.ns() == ns::client && (root.name() == "message" || root.name() == "presence" || root.name() == "iq");
    if (!stanza) return finish(StreamCondition::unsupported_stanza_type);
    if (root.has_attr("from")) {
        const auto from = xmpp::Jid::parse(root.attr("from"));
        if (!from || (*from != xmpp::Jid(session_->jid()) && *from != xmpp::Jid(session_->jid().bare())))
            return finish(StreamCondition::invalid_from);
    }
    service_.core.handle(session_, std::move(document));
}

}  // namespace lethe::stream
