// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/server.h"

#include <unistd.h>

#include <algorithm>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>

#include "crypto/secret.h"
#include "server/admin/config.h"
#include "retention/promises.h"
#include "server/admin/control_server.h"
#include "server/admin/invitations.h"
#include "server/admin/node_key_source.h"
#include "server/certificate_watch.h"
#include "server/control.h"
#include "server/core/core.h"
#include "server/feature/all.h"
#include "server/feature/disco_info.h"
#include "server/net/listener.h"
#include "server/feature/policy_news.h"
#include "server/http/resources.h"
#include "server/http/server.h"
#include "server/notify.h"
#include "server/policy_service.h"
#include "server/stream/connections.h"
#include "server/sweeper.h"

namespace lethe::server {
namespace {

std::string lines(const std::vector<retention::FileError>& errors) {
    std::string text;
    for (const auto& error : errors) text += (text.empty() ? "" : "\n") + error.to_string();
    return text;
}

net::TlsContext::Options tls_options(const admin::Config& config, const char* protocol) {
    return {.certificate_path = config.tls.certificate, .key_path = config.tls.key, .minimum = config.tls.minimum, .alpn = {protocol}};
}

}  // namespace

struct Server::Impl {
    // In the order of construction; destruction goes the other way, so that the store outlives all that writes to it.
    admin::Config config;
    retention::Policy policy_file;  ///< as read at start
    retention::SystemClock clock;
    asio::io_context io{1};
    asio::thread_pool pool{2};
    asio::strand<asio::thread_pool::executor_type> log_rules{pool.get_executor()};
    std::unique_ptr<crypto::NodeKeys> keys;
    std::unique_ptr<store::Store> store;
    std::unique_ptr<retention::Ledger> ledger;
    std::unique_ptr<retention::ClockGuard> clock_guard;
    std::unique_ptr<PolicyService> policies;
    std::unique_ptr<retention::Log> log;
    std::unique_ptr<retention::Buckets> buckets;
    std::unique_ptr<admin::Invitations> invitations;
    std::unique_ptr<Sweeper> sweeper;
    std::unique_ptr<admin::Operations> operations;
    std::unique_ptr<core::Core> core;
    std::unique_ptr<stream::Authenticator> authenticator;
    std::unique_ptr<stream::ClientService> clients;
    std::unique_ptr<LiveControl> control;
    std::unique_ptr<admin::ControlServer> control_server;
    std::vector<std::unique_ptr<net::Listener>> listeners;
    std::unique_ptr<stream::Connections> connections;
    std::unique_ptr<http::Server> web;
    std::unique_ptr<CertificateWatch> certificate;
    std::string files_refused, certificate_refused;  ///< at the last SIGHUP
    asio::steady_timer last_words{io};
    asio::signal_set signals{io};

    bool serves_http() const { return !config.listen.https.empty() || !config.listen.http_loopback.empty(); }
    using Accept = std::function<void(asio::ip::tcp::socket)>;
    std::expected<void, std::string> listen(const std::vector<admin::Config::Address>& addresses, const std::string& key, const Accept& accept);
    std::expected<void, std::string> read_files(const std::string& config_file);
    std::expected<void, std::string> open_store(std::optional<int> passphrase_fd);
    std::expected<void, std::string> open_ledger(const crypto::NodeKey& node_key);
    retention::Echo echo() const;
    void complete_ledger();
    std::expected<void, std::string> open_network();
    void build_core();
    void start_policy();
    std::string caps() const;
    ReloadTrouble trouble() const;
    void wait_for_signals();
    void reload();
    void stop();
};

std::expected<void, std::string> Server::Impl::read_files(const std::string& config_file) {
    auto read = admin::load_config(config_file);
    if (!read) return std::unexpected(lines(read.error()));
    config = std::move(*read);
    if (const auto enough = stream::Connections::reserve_descriptors(config.limits.connections, serves_http() ? config.limits.http_connections : 0); !enough) return enough;
    if (const auto fine = admin::check_permissions(config); !fine) return std::unexpected(fine.error());
    auto declared = retention::load_policy(config.policy_file);
    if (!declared) return std::unexpected(lines(declared.error()));
    policy_file = std::move(*declared);
    return {};
}

std::expected<void, std::string> Server::Impl::open_store(std::optional<int> passphrase_fd) {
    const auto node_key = admin::load_node_key(config, passphrase_fd);
    if (!node_key) return std::unexpected(node_key.error().text);
    keys = std::make_unique<crypto::NodeKeys>(*node_key);
    // Completions run on the core thread, in the order of the commits.
    auto deliver = [this](std::vector<std::move_only_function<void()>> completions) {
        asio::post(io, [completions = std::move(completions)]() mutable {
            for (auto& completion : completions) completion();
        });
    };
    auto opened = store::Store::open({.data = config.data,
                                      .keys = keys.get(),
                                      .domain = admin::domain_of(config),
                                      .deliver = std::move(deliver)});
    if (!opened) return std::unexpected(opened.error().text);
    store = std::move(*opened);
    if (const auto fine = open_ledger(*node_key); !fine) return fine;
    auto policy_service = PolicyService::open({io, *store, clock, config.policy_file, [this] { return clock_guard->check() == retention::ClockState::good; }},
                                              policy_file);
    if (!policy_service) return std::unexpected(policy_service.error());
    policies = std::move(*policy_service);
    const auto& policy = policies->obeyed();
    auto opened_log = retention::Log::open(config.data / "log", policy, clock, echo());
    if (!opened_log) return std::unexpected(opened_log.error());
    log = std::move(*opened_log);
    buckets = std::make_unique<retention::Buckets>(*store, policy, clock, [this](retention::Buckets::Alarm alarm, store::BucketId id) {
        Sweeper::raise(*log, *ledger, alarm, id);
    });
    invitations = std::make_unique<admin::Invitations>(admin::Invitations::Options{*store, *keys, clock, config.domain, config.http.url}, policy);
    sweeper = std::make_unique<Sweeper>(Sweeper::Parts{
        .io = io, .pool = pool, .data = config.data, .wait_for_sync = config.clock.wait_for_sync, .guard = *clock_guard, .store = *store,
        .buckets = *buckets, .invitations = *invitations, .log = *log, .ledger = *ledger, .policy = [this] { return retention::digest_of(policies->obeyed().text); },
        .swept = [this] { if (core) core->logs.drop_dead_chains(); }});
    ledger->append(retention::ServerStart{});
    complete_ledger();
    ledger->append(retention::PolicyInForce{retention::digest_of(policy.text)});
    return {};
}

/// A terminal shows lines to whoever sits there and keeps them no longer than that; everything else that
/// takes standard error may be a journal that knows nothing of the policy.
retention::Echo Server::Impl::echo() const {
    return config.log.stderr_everything || ::isatty(STDERR_FILENO) ? retention::Echo::everything
                                                                   : retention::Echo::alarms;
}

std::expected<void, std::string> Server::Impl::open_ledger(const crypto::NodeKey& node_key) {
    auto opened = retention::Ledger::open(config.data / retention::ledger_file, crypto::LedgerKey(node_key), clock);
    if (!opened) return std::unexpected(opened.error());
    ledger = std::move(*opened);
    clock_guard = std::make_unique<retention::ClockGuard>(config.data, clock, retention::known_time(*ledger, *store));
    if (clock_guard->check() != retention::ClockState::went_back) return {};
    ledger->append(retention::LedgerAlarm(retention::Word("clock_went_back")));
    return std::unexpected(retention::refusal(retention::ClockState::went_back, clock.now(), retention::system_time().wall()));
}

/// The standing is stored before the ledger says it, so a crash between the two left it unsaid. What is said
/// already is dropped.
void Server::Impl::complete_ledger() {
    const auto& standing = policies->standing();
    if (const auto& next = standing.announced())
        ledger->append(
            retention::PolicyAnnounced{retention::digest_of(next->policy.text), next->effective_at});
    ledger->append(retention::PolicyInForce{retention::digest_of(standing.in_force().text)});
}

void Server::Impl::build_core() {
    const auto& policy = policies->obeyed();
    operations = std::make_unique<admin::Operations>(
        admin::Operations::Options{.store = *store, .keys = *keys, .max_accounts = policy.max_accounts, .policy_serial = policies->standing().serial_for_new_accounts()});
    core = std::make_unique<core::Core>(core::Environment{io, pool, *store, *keys, *buckets, *log, policy, config, *operations, *invitations, clock, policies->standing()},
                                        feature::all());
    authenticator = std::make_unique<stream::Authenticator>(*store, *keys, *operations, config);
    auto offload = [this](std::move_only_function<void()> work, std::move_only_function<void()> then) {
        asio::post(pool, [this, guard = asio::make_work_guard(io), work = std::move(work), then = std::move(then)]() mutable {
            work();
            asio::post(io, std::move(then));
        });
    };
    control = std::make_unique<LiveControl>(
        admin::StoreControlHandler::Options{.domain = config.domain, .scram_sha_1 = config.sasl.scram_sha_1, .operations = *operations,
                                            .store = *store, .clock = clock, .invitations = invitations.get(), .buckets = buckets.get(), .offload = std::move(offload)},
        *core, *sweeper, [this] { return trouble(); });
}

ReloadTrouble Server::Impl::trouble() const {
    ReloadTrouble out{.policy = files_refused, .certificate = certificate_refused.empty() && certificate ? certificate->trouble() : certificate_refused};
    if (!out.policy.empty()) return out;
    if (policies->trouble() == PolicyService::Trouble::file)
        out.policy = "was refused, and the policy before it stays in force; run lethectl policy check " + config.policy_file + ", then send SIGHUP again";
    if (policies->trouble() == PolicyService::Trouble::disk) out.policy = "cannot be recorded on the disk; look at the disk, it is tried again every minute";
    return out;
}

std::string Server::Impl::caps() const {
    return "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='" + feature::caps_node + "' ver='" + feature::caps_ver(*core) + "'/>";
}

void Server::Impl::start_policy() {
    using retention::Event;
    policies->start({.in_force =
                         [this](const retention::Policy& policy) {
                             // Reads files, so on the pool; one change after the other.
                             asio::post(log_rules, [this, policy] { log->apply(policy); });
                             buckets->apply(policy);
                             invitations->follow_policy(policy);
                             operations->follow_policy(policy.max_accounts, policies->standing().serial_for_new_accounts());
                             core->logs.drop_dead_chains();
                             log->write(Event::policy_loaded);
                         },
                     .announced = [this](const retention::Announcement& next) {
                         log->write(Event::policy_announced);
                         ledger->append(retention::PolicyAnnounced{retention::digest_of(next.policy.text), next.effective_at});
                     },
                     .news =
                         [this] {
                             operations->follow_policy(policies->obeyed().max_accounts, policies->standing().serial_for_new_accounts());
                             feature::tell_everybody(*core);
                         },
                     .kept = [this] { ledger->append(retention::PolicyInForce{retention::digest_of(policies->obeyed().text)}); },
                     .trouble = [this] { log->write(Event::policy_problem); },
                     .published = [this] { clients->caps = caps(); }});
    log->write(Event::policy_loaded);
}

std::expected<void, std::string> Server::Impl::listen(const std::vector<admin::Config::Address>& addresses, const std::string& key, const Accept& accept) {
    for (const auto& [address, line] : addresses) {
        auto listener = net::Listener::open(io, address);
        if (!listener)
            return std::unexpected(config.file + (line ? ':' + std::to_string(line) : "") + ": " + key + " in [listen]" + (line ? "" : " (its default)") + ": " +
                                   listener.error());
        (*listener)->start(accept);
        log->write(retention::Event::listening, {retention::Port{(*listener)->port()}});
        listeners.push_back(std::move(*listener));
    }
    return {};
}

std::expected<void, std::string> Server::Impl::open_network() {
    auto tls = net::TlsContext::load(tls_options(config, "xmpp-client")), web_tls = net::TlsContext::load(tls_options(config, "http/1.1"));
    if (!tls || !web_tls) return std::unexpected(tls ? web_tls.error() : tls.error());
    certificate = std::make_unique<CertificateWatch>(io, clock, *log, config.domain, config.tls.certificate);
    certificate->use(**tls);
    clients = std::make_unique<stream::ClientService>(stream::ClientService{*core, *authenticator, std::move(*tls), caps(),
        std::make_shared<stream::RegistrationLimits>(stream::RegistrationLimits::Limits{config.limits.registrations_per_network, config.limits.registrations})});
    connections = std::make_unique<stream::Connections>(*clients);
    const auto status = [this] {
        admin::Reply out = std::unexpected(admin::Failure{});
        control->status([&out](admin::Reply reply) { out = std::move(reply); });  // answers at once
        return out;
    };
    web = std::make_unique<http::Server>(*core, http::resources(*core, *connections, *clients->registrations, *ledger, status), std::move(*web_tls));
    const auto client = [this](stream::Transport transport) { return [this, transport](asio::ip::tcp::socket socket) { connections->accept(net::Stream(std::move(socket)), transport); }; };
    const auto browser = [this](http::Listening kind) { return [this, kind](asio::ip::tcp::socket socket) { web->accept(std::move(socket), kind); }; };
    if (const auto fine = listen(config.listen.c2s, "c2s", client(stream::Transport::starttls)); !fine) return fine;
    if (const auto fine = listen(config.listen.c2s_tls, "c2s_tls", client(stream::Transport::direct_tls)); !fine) return fine;
    if (const auto fine = listen(config.listen.https, "https", browser(http::Listening::tls)); !fine) return fine;
    if (const auto fine = listen(config.listen.http_loopback, "http_loopback", browser(http::Listening::loopback)); !fine) return fine;
    auto opened = admin::ControlServer::open(io, config.data, *control);
    if (!opened) return std::unexpected(opened.error());
    control_server = std::move(*opened);
    return {};
}

void Server::Impl::reload() {
    // What the next start would refuse is refused now.
    const auto permitted = admin::check_permissions(config);
    files_refused = permitted ? "" : "was not read: " + permitted.error() + ", then send SIGHUP again";
    if (permitted)
        policies->reload();
    else
        log->write(retention::Event::policy_problem);
    auto tls = net::TlsContext::load(tls_options(config, "xmpp-client")), web_tls = net::TlsContext::load(tls_options(config, "http/1.1"));
    certificate_refused = !tls ? tls.error() : !web_tls ? web_tls.error() : "";
    if (!certificate_refused.empty()) return log->write(retention::Event::certificate_problem, {retention::Word("refused")});
    certificate->use(**tls);
    clients->tls = std::move(*tls);
    web->use(std::move(*web_tls));
    log->write(retention::Event::certificate_reloaded);
}

void Server::Impl::wait_for_signals() {
    signals.async_wait([this](std::error_code error, int signal) {
        if (error) return;
        if (signal == SIGHUP) {
            reload();
            return wait_for_signals();
        }
        stop();
    });
}

void Server::Impl::stop() {
    notify_service_manager("STOPPING=1");
    sweeper->stop();
    policies->stop();
    certificate->stop();
    for (auto& listener : listeners) listener->stop();
    control_server->stop();
    connections->stop();
    web->stop();
    auto online = core->online;
    for (const auto& [jid, _] : online) core->end_sessions(jid, xmpp::StreamCondition::system_shutdown, {});
    // What the sessions leave behind is durable before the process ends; connections get a moment to take their last words.
    last_words.expires_after(std::chrono::seconds(1));
    last_words.async_wait([this](std::error_code) {
        store->barrier([this](store::Result) { io.stop(); });
    });
}

std::expected<std::unique_ptr<Server>, std::string> Server::open(const std::string& config_file, std::optional<int> passphrase_fd) {
    if (const auto ready = crypto::initialise(); !ready) return std::unexpected(ready.error());
    auto impl = std::make_unique<Impl>();
    if (const auto fine = impl->read_files(config_file); !fine) return std::unexpected(fine.error());
    if (const auto fine = impl->open_store(passphrase_fd); !fine) return std::unexpected(fine.error());
    // The first sweep precedes the listeners, if the clock is to be believed already; what is overdue is not served in either case.
    impl->sweeper->first_sweep();
    impl->build_core();
    // Whoever can connect already can count on the signals being obeyed; they wait for run().
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) impl->signals.add(signal);
    if (const auto fine = impl->open_network(); !fine) return std::unexpected(fine.error());
    return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() {
    // Pool jobs refer to the store; completions still under way have nowhere to go.
    impl_->pool.join();
}

void Server::run() {
    impl_->wait_for_signals();
    impl_->sweeper->start();
    impl_->start_policy();
    impl_->log->write(retention::Event::server_started);
    notify_service_manager("READY=1");
    auto guard = asio::make_work_guard(impl_->io);
    impl_->io.run();
    impl_->log->write(retention::Event::server_stopped);
}

}  // namespace lethe::server
