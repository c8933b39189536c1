// SPDX-License-Identifier: AGPL-3.0-or-later
// lethe.toml: how this server runs. Operational, never published; what users are promised is in policy.toml
// beside it.
//
// Every key but `domain` has a default that works for a small public server. Nothing is guessed: an unknown
// key, a value out of range and a key of a feature that this version does not have are errors with line and
// column. Thread: values.
#pragma once
#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "retention/policy.h"

namespace lethe::store {
struct Domain;
}

namespace lethe::admin {

struct Config {
    std::string file;         ///< the path this was read from
    std::string policy_file;  ///< policy.toml in the same directory
    std::string domain;       ///< a normalised domainpart
    std::filesystem::path data = "/var/lib/lethe";

    /// "HOST:PORT" with a literal host, and where that stands in the file (0: it is the default).
    struct Address {
        std::string text;
        std::uint32_t line = 0;
    };
    struct Listen {
        std::vector<Address> c2s{{"[::]:5222"}};      ///< STARTTLS
        std::vector<Address> c2s_tls{{"[::]:5223"}};  ///< direct TLS
        std::vector<Address> https;                   ///< HTTP over TLS; empty: off
        std::vector<Address> http_loopback;           ///< HTTP in plain, at most one, on a loopback address; empty: off
    } listen;
    struct Http {
        std::string url;         ///< under which others reach what is served, without a '/' at the end; empty only if nothing is served
        std::string web_client;  ///< the page of a web client for this server, empty if there is none to recommend
    } http;
    struct Tls {
        std::string certificate = "tls/cert.pem", key = "tls/key.pem";
        std::string minimum = "1.2";  ///< "1.2" or "1.3"
    } tls;
    struct NodeKey {
        std::string source = "file";  ///< "file", "passphrase" (the file is sealed by one) or "credential" (of systemd)
        std::string file = "node.key";
        std::string credential = "lethe-node-key";  ///< its name
    } node_key;
    struct Clock {
        bool wait_for_sync = true;  ///< destroy nothing after the start until the kernel calls its clock synchronised, or for ten minutes
    } clock;
    struct Log {
        bool stderr_everything = false;  ///< `stderr`: log lines go to standard error even if that is no
                                         ///< terminal; alarms always do
    } log;
    struct Outage {
        std::vector<std::string> status;  ///< XEP-0455: addresses (http, https) that tell of an outage of this server
    } outage;
    struct Sasl {
        bool scram_sha_1 = true;
        std::int64_t tokens = std::int64_t{30} * 86'400'000'000;  ///< microseconds that a login token lasts (XEP-0484), rounded up to whole weeks; 0 = none are issued or taken
    } sasl;
    struct Limits {
        std::size_t stanza_bytes = 262144;          ///< one stanza of an authenticated client
        std::size_t unauthenticated_bytes = 65536;  ///< one stanza, and all bytes, before authentication
        std::size_t depth = 64;                     ///< nesting of elements inside a stanza
        std::size_t c2s_bytes_per_second = 262144;  ///< per connection; 0 = unlimited
        unsigned sessions_per_account = 16;
        unsigned connections_per_network = 256;  ///< per /24 or /48
        unsigned connections = 10000;            ///< in all
        unsigned login_failures_per_network = 30;   ///< within ten minutes, per /24 or /48; 0 = unlimited
        unsigned login_failures_per_account = 100;  ///< within ten minutes, from everywhere; 0 = unlimited
        unsigned registrations_per_network = 5;     ///< accounts made by strangers (XEP-0077) within an hour, per /24 or /48; 0 = unlimited
        unsigned registrations = 60;                ///< within an hour, in all; 0 = unlimited
        unsigned invitations_per_day = 10;          ///< made by one user (XEP-0401); 0 = unlimited
        unsigned stored_per_minute = 120;           ///< by one sender for people who do not share presence with it; 0 = unlimited
        unsigned letterbox_percent_per_sender = 25; ///< of one account's letterbox quota
        unsigned roster_items = 2000;
        unsigned blocklist_items = 2000;
        unsigned pep_nodes = 250;                   ///< of one account: XEP-0163
        unsigned pep_items = 1000;                  ///< of one node
        std::size_t pep_item_bytes = 262144;        ///< one payload
        std::size_t pep_bytes = std::size_t{4} << 20;  ///< all payloads of one account, vCard and private storage with them
        std::int64_t handshake_seconds = 30;             ///< from accept to a bound session
        std::size_t queue_bytes = std::size_t{4} << 20;  ///< waiting to be written to one connection
        unsigned sm_unacked = 1000;  ///< stanzas a client may leave unacknowledged (XEP-0198) for stall_seconds
        std::uint32_t resume_seconds = 600;  ///< a lost session may be resumed for so long (XEP-0198); 0 = never
        std::int64_t ping_seconds = 300;     ///< a client that says nothing for so long is pinged (XEP-0199); 0 = never
        std::int64_t answer_seconds = 60;    ///< and has lost its connection if nothing is heard for so long after
        unsigned http_connections = 1000;        ///< in all, apart from `connections`
        unsigned http_requests = 1000;           ///< on one connection
        std::int64_t http_idle_seconds = 60;     ///< between two of them
        std::size_t http_head_bytes = 16384;     ///< request line and header fields
        std::int64_t stall_seconds = 30;  ///< while more waits for it, a client may take or acknowledge nothing for so long
    } limits;
};

/// After success every path in it is absolute or relative to the process's directory; those of the file are
/// relative to the file's directory.
std::expected<Config, std::vector<retention::FileError>> load_config(const std::string& path);
/// The pure part: `path` names the file in errors and is what relative paths hang on.
std::expected<Config, std::vector<retention::FileError>> parse_config(std::string_view text,
                                                                      const std::string& path);

/// The domain as the store holds it against the data directory's own.
store::Domain domain_of(const Config& config);

/// Nobody but the owner may read or change the configuration: directory 0700, files 0600; the TLS key may be
/// 0640, the certificate is public. The error is one sentence with the path and the command that mends it.
std::expected<void, std::string> check_permissions(const Config& config);

}  // namespace lethe::admin
