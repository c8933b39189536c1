// SPDX-License-Identifier: AGPL-3.0-or-later
// One client connection: RFC 6120 negotiation as a state machine, then stanzas to and from the core. What it is spoken over, and so what bytes
// mean, is in framing.h.
//
//   state          what may come                         what follows
//   header_plain   stream header                         features: STARTTLS only → plain
//   plain          <starttls/>                           <proceed/>, handshake → header_secure
//   header_secure  stream header                         features: SASL mechanisms → secure
//   secure         <authenticate/> (XEP-0388, sasl2.cpp) success opens the vault → bound, or authenticated
//                  <auth/>, <response/>, <abort/>        success opens the vault → header_authenticated
//                  iq of XEP-0077 (registration.cpp)     an account may be made → secure
//   header_authenticated  stream header                  features: bind, XEP-0198 → authenticated
//   authenticated  iq bind                               account opened, session begun → bound
//                  <resume/>                             a session goes on here (stream_management.cpp) → bound
//   bound          stanzas, XEP-0198 nonzas              core::Core::handle
//   closing        nothing                               what waits is written, then the connection ends
//   Direct TLS starts in header_secure, and so does a WebSocket: there TLS is the business of whoever accepted it (RFC 7395 section 3.9).
//   Anything else is a stream error, and the stream is over.
//
// Lifetime: run() keeps itself alive through its coroutines and ends when the connection does. Thread: core.
#pragma once
#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <variant>

#include "server/core/core.h"
#include "server/net/stream.h"
#include "server/stream/framing.h"
#include "server/stream/registration_limits.h"
#include "server/stream/sasl.h"

namespace lethe::stream {

/// What all client connections share. `tls` is replaced as a whole when certificates are reloaded.
struct ClientService {
    core::Core& core;
    const Authenticator& authenticator;
    std::shared_ptr<net::TlsContext> tls;
    std::string caps;  ///< the XEP-0115 element for stream features
    std::shared_ptr<RegistrationLimits> registrations;
};

/// What a reader is held to, before the login and after.
xml::Limits reader_limits(const admin::Config::Limits& limits, bool authenticated);

/// How a client came here.
enum class Transport : std::uint8_t {
    starttls,
    direct_tls,
    websocket,          ///< over TLS
    proxied_websocket,  ///< in plain from this machine: who connects to the proxy or onion service, and whether by TLS, is its business
};
inline bool is_websocket(Transport transport) { return transport == Transport::websocket || transport == Transport::proxied_websocket; }

class ClientStream : public std::enable_shared_from_this<ClientStream> {
public:
    ClientStream(ClientService& service, net::Stream stream, Transport transport);
    /// Spawns what the connection needs; `on_end` is called once when it is over.
    void start(std::function<void()> on_end);
    /// Ends the stream with an error, after what already waits. With connection_timeout the connection is what failed: its session may be resumed.
    void finish(xmpp::StreamCondition condition, std::string_view text = {}, std::string_view extra = {});
    std::optional<net::PeerAddress> peer() const { return stream_.peer(); }
    /// What bounds on networks count it under.
    Network network() const;
    retention::Address address() const;
    /// If nothing was read since the last call: what the parser holds (10 KiB) goes back, until something comes.
    void release_idle_memory();
    /// Asks a silent client whether it is there (XEP-0199) and gives up one that does not answer.
    void check_alive(std::chrono::steady_clock::time_point now);

private:
    enum class Session { ends, may_go_on };
    void begin_closing(Session session);
    void lose();
    enum class State { header_plain, plain, header_secure, secure, header_authenticated, authenticated, bound, closing };
    struct StreamEnd {};
    struct Departure {};  ///< the end of the connection, by the peer and in words
    using Input = std::variant<xml::StreamHeader, xml::Document, StreamEnd, Departure>;

    asio::awaitable<void> run();
    asio::awaitable<void> write_loop();
    asio::awaitable<void> watch_deadline();
    asio::awaitable<bool> handshake();
    void expect_login();
    asio::awaitable<void> drained();
    asio::awaitable<bool> read_some();
    asio::awaitable<void> slow_down();
    asio::awaitable<void> process();

    void on_header(const xml::StreamHeader& header);
    xmpp::scram::ChannelBinding channel_binding() const;
    std::string features() const;
    void on_plain(const xml::Element& element);
    void on_secure(const xml::Element& element);
    void login_reply(Login::Reply reply);
    asio::awaitable<void> on_authenticated(xml::Document document);
    asio::awaitable<void> bind(xml::Document request);
    /// The account, open, or null when the stream is closing.
    asio::awaitable<std::shared_ptr<core::Account>> open_for_session();
    /// A session of that resource, in the place of one that has it already. False: there are too many.
    bool begin(const std::shared_ptr<core::Account>& account, const xmpp::FullJid& jid);
    void on_bound(xml::Document document);
    bool hold_back(xml::Document& document);
    void release_held();
    void serve_held();
    void enter(std::shared_ptr<core::Session> session);

    // XEP-0198: stream_management.cpp.
    void on_management(const xml::Element& element);
    void on_acknowledgement(const xml::Element& element);
    std::string enable(const xml::Element& request);
    asio::awaitable<std::string> resume(xml::Document request);
    void hand_over();

    // XEP-0077 before the login: registration.cpp.
    bool is_registration(const xml::Element& element) const;
    std::string registration_features() const;
    void wait_for_form();
    asio::awaitable<void> on_registration(xml::Document request);
    asio::awaitable<void> make_account(xml::Document request);

    // XEP-0388 and XEP-0386: sasl2.cpp.
    void on_sasl2(const xml::Element& element);
    asio::awaitable<void> answer_sasl2();
    asio::awaitable<std::string> tokens(xml::Document request);
    asio::awaitable<std::string> bind2(xml::Document request, std::string agent);
    void end_former(core::Account& account, std::string_view agent);

    void push(std::string bytes, bool stanza = false) { outbox_->push({.bytes = core::make_wire(std::move(bytes)), .stanza = stanza}); }
    void open_reply(std::string_view from = {});
    void finish_unread();  ///< with what was wrong with the bytes
    std::string limit_exceeded() const;
    void restart(State next);
    void authenticated();  ///< on the same stream (XEP-0388)
    void log_login(retention::Event event, const std::optional<xmpp::BareJid>& account);

    ClientService& service_;
    net::Stream stream_;
    const admin::Config::Limits& limits_;
    State state_;
    const Transport transport_;
    bool departed_ = false;      ///< the peer reads no more
    bool replied_ = false;       ///< our stream header is out
    bool tls_wanted_ = false;
    bool writing_ = false;
    bool handshaking_ = false;   ///< the connection may only be closed
    std::unique_ptr<Framing> framing_;
    std::deque<Input> inbox_;
    std::deque<xml::Document> held_;  ///< stanzas of a session whose letterbox is being emptied (core::Session::opening)
    xml::ReadError read_error_ = xml::ReadError::none;  ///< reported after what came before it was processed
    std::shared_ptr<core::Outbox> outbox_;
    asio::steady_timer wake_;      ///< the writer waits here
    asio::steady_timer deadline_;  ///< negotiation, and later the end
    std::size_t unauthenticated_bytes_ = 0;
    std::size_t arrived_ = 0;      ///< by the last read
    bool heard_ = false;           ///< something was read since release_idle_memory()
    double allowance_ = 0;         ///< bytes that may be read now (limits.c2s_bytes_per_second)
    std::chrono::steady_clock::time_point allowance_at_;
    unsigned failures_ = 0;
    bool registering_ = false;     ///< somebody fills in the form
    bool registered_ = false;      ///< an account was made here
    std::string invitation_;       ///< token that was good when the client showed it (XEP-0445); wiped with the stream
    std::unique_ptr<Login> login_;
    std::optional<xml::Document> inline_;     ///< <authenticate/> of the login under way, if it is one of XEP-0388
    std::optional<std::string> additional_;   ///< such a login has succeeded, with this data for the client
    std::optional<crypto::LoginToken> token_;  ///< that such a login was made with
    std::optional<Authenticator::Proof> proof_;   ///< from <success/> on
    std::shared_ptr<const crypto::Vault> vault_;  ///< from <success/> to bind
    std::shared_ptr<core::Session> session_;
    std::shared_ptr<core::Session> former_;  ///< goes on without this connection
    bool watched_ = true;        ///< watch_deadline() runs
    std::chrono::steady_clock::time_point heard_at_;  ///< the last sign of life
    std::optional<std::chrono::steady_clock::time_point> asked_at_;  ///< an answer is due since
    std::function<void()> on_end_;
};

}  // namespace lethe::stream
