// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/admin/config.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <system_error>

#include "retention/toml_file.h"
#include "server/mbedtls_compat.h"
#include "server/xmpp/jid.h"
#include "store/store.h"

namespace lethe::admin {
namespace {

using retention::FileError;
using retention::TomlFile;
using Section = retention::TomlSection;

template <class Number>
void read_number(Section& s, std::string_view key, Number& out, std::int64_t low, std::int64_t high) {
    if (const auto value = s.integer(key, low, high)) out = static_cast<Number>(*value);
}

void read_path(Section& s, std::string_view key, std::string& out) {
    const auto value = s.string(key);
    if (value && value->empty()) s.error(key, "this path is empty; remove the line to have \"" + out + '"');
    if (value) out = *value;
}

/// "HOST:PORT" with an IPv4 address or an IPv6 address in brackets.
bool is_socket_address(const std::string& text) {
    const auto colon = text.rfind(':');
    if (colon == std::string::npos) return false;
    const std::string host = text.substr(0, colon);
    unsigned port = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data() + colon + 1, end, port);
    if (error != std::errc{} || rest != end || port > 65535) return false;
    in6_addr address{};
    if (host.size() > 2 && host.front() == '[' && host.back() == ']')
        return inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &address) == 1;
    return inet_pton(AF_INET, host.c_str(), &address) == 1;
}

void read_addresses(Section& s, std::string_view key, std::vector<Config::Address>& out) {
    const auto list = s.strings(key);
    if (!list) return;
    out.clear();
    for (std::size_t i = 0; i < list->size(); ++i) {
        if (!is_socket_address((*list)[i]))
            s.error(key, i,
                    "this is not \"HOST:PORT\" with a numeric host; write for example \"[::]:5222\" or "
                    "\"192.0.2.1:5222\"");
        out.push_back({(*list)[i], s.line_of(key, i)});
    }
}

/// Keys that have a meaning in Lethe but none in this version: silence would let an operator believe in them.
void refuse(Section& s, std::string_view key, std::string_view feature) {
    if (!s.has(key)) return;
    const std::string name =
        s.path().empty() ? '[' + std::string(key) + ']' : s.path() + '.' + std::string(key);
    s.error(key, name + " is for " + std::string(feature) + ", which this version does not have; remove it");
}

void read_domain(Section& root, Config& config) {
    if (!root.has("domain"))
        root.error("domain is missing; write domain = \"chat.example\" with your own domain");
    const auto text = root.string("domain");
    if (!text) return;
    const auto jid = xmpp::BareJid::parse(*text);
    if (jid && jid->local().empty())
        config.domain = jid->domain();
    else
        root.error("domain",
                   "this is not a domain; write what follows the @ in your users' addresses, for example "
                   "\"chat.example\"");
}

bool is_loopback(const std::string& text) {
    return text.starts_with("127.") || text.starts_with("[::1]:");
}

/// Passwords of nobody go there, but what is fetched can be read on the way.
void read_loopback(Section& s, std::vector<Config::Address>& out) {
    const auto text = s.string("http_loopback");
    if (!text || text->empty()) return;
    if (!is_socket_address(*text) || !is_loopback(*text))
        s.error("http_loopback",
                "this is not \"HOST:PORT\" with a loopback address, and what is said there is not encrypted; write for example \"127.0.0.1:5280\" and let a proxy or an onion "
                "service on this machine pass on what comes from outside");
    out = {{*text, s.line_of("http_loopback", 0)}};
}

void read_listen(Section s, Config::Listen& listen) {
    read_addresses(s, "c2s", listen.c2s);
    read_addresses(s, "c2s_tls", listen.c2s_tls);
    for (std::size_t i = 0; i < listen.c2s_tls.size(); ++i)
        if (const auto& address = listen.c2s_tls[i];
            address.line != 0 && !address.text.ends_with(":0") &&
            std::ranges::find(listen.c2s, address.text, &Config::Address::text) != listen.c2s.end())
            s.error("c2s_tls", i, "c2s listens on " + address.text + " already; choose another port");
    if (listen.c2s.empty() && listen.c2s_tls.empty())
        s.error("c2s and c2s_tls are both empty, so nobody could connect; give at least one address");
    refuse(s, "s2s", "federation");
    refuse(s, "s2s_tls", "federation");
    read_addresses(s, "https", listen.https);
    for (std::size_t i = 0; i < listen.https.size(); ++i)
        for (const auto* others : {&listen.c2s, &listen.c2s_tls})
            if (const auto& text = listen.https[i].text; !text.ends_with(":0") && std::ranges::find(*others, text, &Config::Address::text) != others->end())
                s.error("https", i, "clients connect on " + text + " already; choose another port");
    read_loopback(s, listen.http_loopback);
}

bool is_origin(std::string_view text) {
    std::string_view host = text;
    if (host.starts_with("https://")) host.remove_prefix(8);
    else if (host.starts_with("http://")) host.remove_prefix(7);
    else return false;
    if (const auto colon = host.rfind(':'); colon != host.npos && !host.ends_with(']')) {
        unsigned port = 0;
        const auto digits = host.substr(colon + 1);
        const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
        if (error != std::errc{} || rest != digits.data() + digits.size() || port == 0 || port > 65535) return false;
        host = host.substr(0, colon);
    }
    // Without TLS only where the address itself is the key.
    if (text.starts_with("http://") && !host.ends_with(".onion")) return false;
    return !host.empty() && host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.[]:") == host.npos;
}

/// A URI of the web as far as its letters go; `host` follows the slashes.
bool is_web_address(std::string_view text) {
    const std::size_t scheme = text.starts_with("https://") ? 8 : text.starts_with("http://") ? 7 : 0;
    if (scheme == 0 || text.size() == scheme || text.size() > 1023 || text[scheme] == '/') return false;
    return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f && !std::string_view("\"<>\\^`{|}").contains(c); });
}

/// Where somebody may type a password: over TLS, or where nobody listens on the way.
bool is_web_client(std::string_view text) {
    if (!is_web_address(text)) return false;
    if (text.starts_with("https://")) return true;
    const std::string_view rest = text.substr(std::string_view("http://").size()), host = rest.substr(0, rest.find_first_of(":/?#"));
    return host.ends_with(".onion") || host == "localhost" || host.starts_with("127.");
}

void read_http(Section s, Config& config) {
    if (const auto url = s.string("url"); url && !url->empty()) {
        if (!is_origin(*url))
            s.error("url", "this is not how others reach the web server; write for example \"https://chat.example\" or \"https://chat.example:5443\", in lower case and without "
                           "anything behind it (http:// is for .onion addresses)");
        config.http.url = *url;
    }
    if (const auto client = s.string("web_client"); client && !client->empty()) {
        if (!is_web_client(*client))
            s.error("web_client", "this is not the address of a page where a password may be typed; write for example \"https://chat.example/client\" (http:// is for .onion addresses)");
        config.http.web_client = *client;
    }
    const auto& listen = config.listen;
    if (listen.https.empty() && listen.http_loopback.empty()) {
        if (!config.http.url.empty()) s.error("url", "there is no web server that could have this address; give https or http_loopback under [listen], or remove this line");
        if (!config.http.web_client.empty()) s.error("web_client", "only the pages of invitations recommend it, and there is no web server; give https or http_loopback under [listen], or remove this line");
        return;
    }
    if (!config.http.url.empty()) return;
    const bool ascii = std::ranges::all_of(config.domain, [](char c) { return c > 0; });
    if (listen.https.empty() || !ascii)
        return s.error("url is missing, and how others reach the web server cannot be told from the rest; write url = \"https://chat.example\" under [http]");
    const std::string& address = listen.https.front().text;
    const std::string port = address.substr(address.rfind(':') + 1);
    config.http.url = "https://" + config.domain + (port == "443" ? "" : ':' + port);
}

void read_tls(Section s, Config::Tls& tls) {
    read_path(s, "certificate", tls.certificate);
    read_path(s, "key", tls.key);
    const auto minimum = s.string("minimum");
    if (!minimum) return;
    if (*minimum != "1.2" && *minimum != "1.3")
        s.error("minimum", "this is not a version of TLS that can be asked for; write \"1.2\" or \"1.3\"");
    else if (*minimum == "1.3" && !mbedtls_compat::has_tls13)
        s.error("minimum",
                "this program was built with an mbedTLS that does not know TLS 1.3; write \"1.2\"");
    tls.minimum = *minimum;
}

void read_node_key(Section s, Config::NodeKey& node_key) {
    read_path(s, "file", node_key.file);
    read_path(s, "credential", node_key.credential);
    const auto source = s.string("source");
    if (!source) return;
    if (*source != "file" && *source != "passphrase" && *source != "credential")
        s.error("source",
                "this is not a source of the node key; write \"file\", \"passphrase\" or \"credential\"");
    if (*source == "credential" && s.has("file"))
        s.error("file", "the node key is a credential of systemd and not a file; remove this line");
    node_key.source = *source;
}

void read_rate(Section& s, Config::Limits& limits) {
    constexpr std::int64_t slowest = 1024;  // less would not carry a login within the handshake time
    read_number(s, "c2s_bytes_per_second", limits.c2s_bytes_per_second, 0, INT32_MAX);
    if (limits.c2s_bytes_per_second != 0 && limits.c2s_bytes_per_second < slowest)
        s.error("c2s_bytes_per_second",
                "this is too slow for a login; write 0 (unlimited) or at least " + std::to_string(slowest));
}

void read_resume(Section& s, Config::Limits& limits) {
    const auto span = s.keep("resume");
    if (!span) return;
    constexpr std::int64_t second = 1'000'000, day = 24 * 60 * 60;
    // Memory of who is not there: bounded in time, and nobody's phone is out of reach for so long without a new login.
    if (span->unlimited || span->micros > day * second)
        s.error("resume", "a session that hibernates keeps its account's vault open; write at most \"24h\", for example \"10min\", or \"0\" for never");
    else
        limits.resume_seconds = static_cast<std::uint32_t>(span->micros / second);
}

void read_sasl(Section s, Config::Sasl& sasl) {
    if (const auto on = s.boolean("scram_sha_1")) sasl.scram_sha_1 = *on;
    const auto span = s.keep("tokens");
    if (!span) return;
    constexpr std::int64_t day = 86'400'000'000;
    if (span->unlimited || span->micros > 90 * day)
        s.error("tokens", "whoever takes a client's token can log in with it until it ends; write at most \"90d\", for example \"30d\", or \"0\" for none");
    else
        sasl.tokens = span->micros;
}

// The low end is what an ordinary client or RFC 6120 (10000 bytes) needs, the high end what a mistyped digit
// must not pass.
void read_limits(Section s, Config::Limits& limits) {
    constexpr std::int64_t mebibyte = 1 << 20;
    read_number(s, "stanza_bytes", limits.stanza_bytes, 10000, 16 * mebibyte);
    read_number(s, "unauthenticated_bytes", limits.unauthenticated_bytes, 10000, mebibyte);
    read_number(s, "depth", limits.depth, 16, 512);
    read_rate(s, limits);
    read_number(s, "sessions_per_account", limits.sessions_per_account, 1, 1000);
    read_number(s, "connections_per_network", limits.connections_per_network, 1, 1'000'000);
    read_number(s, "connections", limits.connections, 1, 1'000'000);
    read_number(s, "login_failures_per_network", limits.login_failures_per_network, 0, 1'000'000);
    read_number(s, "login_failures_per_account", limits.login_failures_per_account, 0, 1'000'000);
    read_number(s, "registrations_per_network", limits.registrations_per_network, 0, 1'000'000);
    read_number(s, "registrations", limits.registrations, 0, 1'000'000);
    read_number(s, "invitations_per_day", limits.invitations_per_day, 0, 1'000'000);
    read_number(s, "stored_per_minute", limits.stored_per_minute, 0, 1'000'000);
    read_number(s, "letterbox_percent_per_sender", limits.letterbox_percent_per_sender, 1, 100);
    read_number(s, "roster_items", limits.roster_items, 1, 100'000);
    read_number(s, "blocklist_items", limits.blocklist_items, 1, 100'000);
    read_number(s, "pep_nodes", limits.pep_nodes, 16, 100'000);
    read_number(s, "pep_items", limits.pep_items, 1, 100'000);
    read_number(s, "pep_item_bytes", limits.pep_item_bytes, 10000, 16 * mebibyte);
    read_number(s, "pep_bytes", limits.pep_bytes, 10000, 1024 * mebibyte);
    read_number(s, "handshake_seconds", limits.handshake_seconds, 1, 3600);
    read_number(s, "queue_bytes", limits.queue_bytes, 65536, 1024 * mebibyte);
    read_number(s, "sm_unacked", limits.sm_unacked, 1, 1'000'000);
    read_number(s, "stall_seconds", limits.stall_seconds, 1, 3600);
    read_resume(s, limits);
    read_number(s, "ping_seconds", limits.ping_seconds, 0, 86400);
    read_number(s, "http_connections", limits.http_connections, 1, 1'000'000);
    read_number(s, "http_requests", limits.http_requests, 1, 1'000'000);
    read_number(s, "http_idle_seconds", limits.http_idle_seconds, 1, 3600);
    read_number(s, "http_head_bytes", limits.http_head_bytes, 4096, 65536);
    read_number(s, "answer_seconds", limits.answer_seconds, 1, 3600);
    if (limits.unauthenticated_bytes > limits.stanza_bytes)
        s.error(
            "unauthenticated_bytes is larger than stanza_bytes; strangers must not be allowed more than "
            "users");
    if (limits.queue_bytes < limits.stanza_bytes)
        s.error(
            "queue_bytes is smaller than stanza_bytes, so the largest stanza could never be delivered; make "
            "it larger");
    refuse(s, "s2s_bytes_per_second", "federation");
}

void read_outage(Section s, Config::Outage& outage) {
    const auto list = s.strings("status");
    if (!list) return;
    for (std::size_t i = 0; i < list->size(); ++i)
        if (!is_web_address((*list)[i]))
            s.error("status", i, "this is not an address that clients can fetch; write for example \"https://status.example/chat.json\"");
    outage.status = *list;
}

void read_all(Section root, Config& config) {
    read_domain(root, config);
    std::string data = config.data.string();
    read_path(root, "data", data);
    config.data = data;
    read_listen(root.section("listen"), config.listen);
    read_tls(root.section("tls"), config.tls);
    read_node_key(root.section("node_key"), config.node_key);
    Section clock = root.section("clock");
    if (const auto on = clock.boolean("wait_for_sync")) config.clock.wait_for_sync = *on;
    Section log = root.section("log");
    if (const auto on = log.boolean("stderr")) config.log.stderr_everything = *on;
    read_sasl(root.section("sasl"), config.sasl);
    read_limits(root.section("limits"), config.limits);
    read_outage(root.section("outage"), config.outage);
    read_http(root.section("http"), config);
    refuse(root, "dns", "federation");
    refuse(root, "proxy", "Tor and SOCKS5");
    refuse(root, "rooms", "group chat");
    refuse(root, "components", "external components");
}

void resolve_paths(Config& config) {
    const auto directory = std::filesystem::path(config.file).parent_path();
    const auto below = [&](const std::filesystem::path& path) {
        return (directory / path).lexically_normal().string();
    };
    config.data = below(config.data);
    config.tls.certificate = below(config.tls.certificate);
    config.tls.key = below(config.tls.key);
    config.node_key.file = below(config.node_key.file);
    config.policy_file = below("policy.toml");
}

}  // namespace

std::expected<Config, std::vector<FileError>> parse_config(std::string_view text, const std::string& path) {
    auto file = TomlFile::parse(text, path);
    if (!file) return std::unexpected(std::move(file.error()));
    Config config;
    config.file = path;
    read_all(file->root(), config);
    auto errors = file->finish();
    if (!errors.empty()) return std::unexpected(std::move(errors));
    resolve_paths(config);
    return config;
}

std::expected<Config, std::vector<FileError>> load_config(const std::string& path) {
    const auto text = retention::read_text_file(path);
    if (!text) return std::unexpected(std::vector{text.error()});
    return parse_config(*text, path);
}

store::Domain domain_of(const Config& config) {
    return {.name = xmpp::BareJid::parse(config.domain).value(), .said_by = config.file};
}

}  // namespace lethe::admin
