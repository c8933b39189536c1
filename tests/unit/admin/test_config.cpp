// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include <regex>
#include <sstream>

#include "server/admin/config.h"
#include "server/admin/example_config.h"
#include "server/mbedtls_compat.h"
#include "tests/unit/admin/fixtures.h"

using namespace lethe;
using namespace lethe::admin;

namespace {

constexpr std::string_view domain_line = "domain = \"chat.example\"\n";

Config good(const std::string& text) {
    const auto config = parse_config(text, "/etc/lethe/lethe.toml");
    if (!config)
        for (const auto& error : config.error()) MESSAGE(error.to_string());
    REQUIRE(config.has_value());
    return *config;
}

/// Every error as "LINE:COLUMN: message".
std::vector<std::string> errors(const std::string& text) {
    const auto config = parse_config(text, "lethe.toml");
    REQUIRE_FALSE(config.has_value());
    std::vector<std::string> out;
    for (const auto& e : config.error()) {
        CHECK(e.file == "lethe.toml");
        out.push_back(std::to_string(e.line) + ':' + std::to_string(e.column) + ": " + e.message);
    }
    return out;
}

std::string only_error(const std::string& text) {
    const auto all = errors(text);
    REQUIRE(all.size() == 1);
    return all.front();
}

std::vector<std::string> texts(const std::vector<Config::Address>& addresses) {
    std::vector<std::string> out;
    for (const auto& address : addresses) out.push_back(address.text);
    return out;
}

void check_defaults(const Config& c) {
    CHECK(c.domain == "chat.example");
    CHECK(c.data == "/var/lib/lethe");
    CHECK(c.policy_file == "/etc/lethe/policy.toml");
    CHECK(texts(c.listen.c2s) == std::vector<std::string>{"[::]:5222"});
    CHECK(texts(c.listen.c2s_tls) == std::vector<std::string>{"[::]:5223"});
    CHECK(c.tls.certificate == "/etc/lethe/tls/cert.pem");
    CHECK(c.tls.key == "/etc/lethe/tls/key.pem");
    CHECK(c.tls.minimum == "1.2");
    CHECK(c.node_key.source == "file");
    CHECK(c.node_key.file == "/etc/lethe/node.key");
    CHECK(c.sasl.scram_sha_1);
    CHECK(c.sasl.tokens == std::int64_t{30} * 86'400'000'000);
    CHECK(c.outage.status.empty());
    CHECK(c.clock.wait_for_sync);
    CHECK_FALSE(c.log.stderr_everything);
    CHECK(c.limits.stanza_bytes == 262144);
    CHECK(c.limits.unauthenticated_bytes == 65536);
    CHECK(c.limits.depth == 64);
    CHECK(c.limits.c2s_bytes_per_second == 262144);
    CHECK(c.limits.sessions_per_account == 16);
    CHECK(c.limits.connections_per_network == 256);
    CHECK(c.limits.roster_items == 2000);
    CHECK(c.limits.blocklist_items == 2000);
    CHECK(c.limits.pep_nodes == 250);
    CHECK(c.limits.pep_items == 1000);
    CHECK(c.limits.pep_item_bytes == 262144);
    CHECK(c.limits.pep_bytes == 4194304);
    CHECK(c.limits.handshake_seconds == 30);
    CHECK(c.limits.queue_bytes == 4194304);
    CHECK(c.limits.sm_unacked == 1000);
    CHECK(c.limits.resume_seconds == 600);
    CHECK(c.limits.ping_seconds == 300);
    CHECK(c.limits.answer_seconds == 60);
    CHECK(c.listen.https.empty());
    CHECK(c.listen.http_loopback.empty());
    CHECK(c.http.url.empty());
    CHECK(c.limits.http_connections == 1000);
    CHECK(c.limits.http_requests == 1000);
    CHECK(c.limits.http_idle_seconds == 60);
    CHECK(c.limits.http_head_bytes == 16384);
}

/// The example with every commented key switched on.
std::string switched_on(std::string text) {
    return std::regex_replace(text, std::regex("(^|\n)#([a-z_0-9]+ = )"), "$1$2");
}

}  // namespace

TEST_SUITE("admin/config") {
    TEST_CASE("a domain is enough; everything else has a default") {
        check_defaults(good(std::string(domain_line)));
    }

    TEST_CASE("the example file means the defaults, as it is and with every line switched on") {
        const auto example = example_config("chat.example", "/var/lib/lethe");
        check_defaults(good(example));
        check_defaults(good(switched_on(example)));
    }

    TEST_CASE("the example file has every key") {
        const auto example = switched_on(example_config("chat.example", "/var/lib/lethe"));
        for (const std::string section : {"listen", "http", "tls", "node_key", "outage", "sasl", "limits"}) {
            const auto start = example.find("\n[" + section + "]\n");
            REQUIRE(start != std::string::npos);
            const auto body = example.substr(start + 1, example.find("\n[", start + 1) - start);
            // The message about an unknown key lists the known ones.
            const auto message =
                only_error(std::string(domain_line) + '[' + section + "]\nqqqqqqqqqqqqqqqqqqqqqq = 1\n");
            std::istringstream keys(message.substr(message.find("known here: ") + 12));
            int found = 0;
            for (std::string key; std::getline(keys >> std::ws, key, ','); ++found) {
                CAPTURE(key);
                CHECK(body.find('\n' + key + " = ") != std::string::npos);
            }
            CHECK(found > 0);
        }
    }

    TEST_CASE("the example file takes any path") {
        const std::string awkward = "/srv/a \"b\"\\c\x01";
        CHECK(good(example_config("chat.example", awkward)).data == awkward);
    }

    TEST_CASE("what the file says is what counts") {
        const auto c = good(R"(
domain = "Chat.EXAMPLE"
data = "/srv/chat"
[listen]
c2s = ["127.0.0.1:15222", "[::1]:15222"]
c2s_tls = []
[tls]
certificate = "/etc/letsencrypt/live/chat.example/fullchain.pem"
key = "../keys/key.pem"
[node_key]
file = "/root/node.key"
[outage]
status = ["https://status.example/chat.json", "http://[2001:db8::1]:8080/?chat"]
[sasl]
scram_sha_1 = false
tokens = "0"
[clock]
wait_for_sync = false
[log]
stderr = true
[limits]
stanza_bytes = 10000
unauthenticated_bytes = 10000
depth = 16
c2s_bytes_per_second = 0
sessions_per_account = 1
connections_per_network = 1
roster_items = 1
blocklist_items = 1
pep_nodes = 16
pep_items = 1
pep_item_bytes = 10000
pep_bytes = 10000
connections = 1
login_failures_per_network = 0
login_failures_per_account = 0
registrations_per_network = 0
registrations = 0
invitations_per_day = 0
stored_per_minute = 0
letterbox_percent_per_sender = 100
stall_seconds = 1
ping_seconds = 0
answer_seconds = 2
handshake_seconds = 1
queue_bytes = 65536
sm_unacked = 1
http_connections = 1
http_requests = 1
http_idle_seconds = 1
http_head_bytes = 4096
)");
        CHECK(c.domain == "chat.example");
        CHECK(c.data == "/srv/chat");
        CHECK(texts(c.listen.c2s) == std::vector<std::string>{"127.0.0.1:15222", "[::1]:15222"});
        CHECK(c.listen.c2s.back().line == 5);
        CHECK(c.listen.c2s_tls.empty());
        CHECK(c.tls.certificate == "/etc/letsencrypt/live/chat.example/fullchain.pem");
        CHECK(c.tls.key == "/etc/keys/key.pem");
        CHECK(c.node_key.file == "/root/node.key");
        CHECK_FALSE(c.sasl.scram_sha_1);
        CHECK(c.sasl.tokens == 0);
        CHECK(c.outage.status == std::vector<std::string>{"https://status.example/chat.json", "http://[2001:db8::1]:8080/?chat"});
        CHECK_FALSE(c.clock.wait_for_sync);
        CHECK(c.log.stderr_everything);
        CHECK(c.limits.stanza_bytes == 10000);
        CHECK(c.limits.unauthenticated_bytes == 10000);
        CHECK(c.limits.depth == 16);
        CHECK(c.limits.c2s_bytes_per_second == 0);
        CHECK(c.limits.sessions_per_account == 1);
        CHECK(c.limits.connections_per_network == 1);
        CHECK(c.limits.roster_items == 1);
        CHECK(c.limits.blocklist_items == 1);
        CHECK(c.limits.pep_nodes == 16);
        CHECK(c.limits.pep_items == 1);
        CHECK(c.limits.pep_item_bytes == 10000);
        CHECK(c.limits.pep_bytes == 10000);
        CHECK(c.limits.connections == 1);
        CHECK(c.limits.login_failures_per_network == 0);
        CHECK(c.limits.login_failures_per_account == 0);
        CHECK(c.limits.registrations_per_network == 0);
        CHECK(c.limits.registrations == 0);
        CHECK(c.limits.invitations_per_day == 0);
        CHECK(c.limits.stored_per_minute == 0);
        CHECK(c.limits.letterbox_percent_per_sender == 100);
        CHECK(c.limits.stall_seconds == 1);
        CHECK(c.limits.ping_seconds == 0);
        CHECK(c.limits.answer_seconds == 2);
        CHECK(c.limits.handshake_seconds == 1);
        CHECK(c.limits.queue_bytes == 65536);
        CHECK(c.limits.sm_unacked == 1);
        CHECK(c.limits.http_connections == 1);
        CHECK(c.limits.http_requests == 1);
        CHECK(c.limits.http_idle_seconds == 1);
        CHECK(c.limits.http_head_bytes == 4096);
    }

    TEST_CASE("an address that tells of outages is one of the web") {
        for (const char* wrong : {"", "https://", "http:///x", "ftp://status.example/x", "status.example", "https://status.example/a b", "https://status.example/\u00e9"})
            CHECK(only_error(std::string(domain_line) + "[outage]\nstatus = [\"https://a.example/\", \"" + wrong + "\"]\n")
                      .starts_with("3:33: this is not an address that clients can fetch"));
    }

    TEST_CASE("a domain is normalised like the addresses of its users") {
        CHECK(good("domain = \"B\xc3\x9c"
                   "CHER.example\"\n")
                  .domain ==
              "b\xc3\xbc"
              "cher.example");
        CHECK(good("domain = \"xn--bcher-kva.example\"\n").domain ==
              "b\xc3\xbc"
              "cher.example");
    }

    TEST_CASE("unknown keys and sections are errors at their place, with a suggestion") {
        CHECK(only_error(std::string(domain_line) + "[tls]\n  certifcate = \"x\"\n") ==
              "3:3: unknown key \"certifcate\" in [tls]; did you mean \"certificate\"?");
        CHECK(only_error(std::string(domain_line) + "[limit]\ndepth = 20\n")
                  .starts_with("2:2: unknown section \"limit\"; did you mean \"limits\"?"));
        CHECK(only_error(std::string(domain_line) + "dta = \"/srv\"\n") ==
              "2:1: unknown key \"dta\"; did you mean \"data\"?");
    }

    TEST_CASE("how long login tokens last is a span of at most ninety days") {
        const auto with = [](const std::string& span) { return std::string(domain_line) + "[sasl]\ntokens = \"" + span + "\"\n"; };
        CHECK(parse_config(with("1d"), "lethe.toml")->sasl.tokens == std::int64_t{86'400'000'000});
        CHECK(parse_config(with("90d"), "lethe.toml")->sasl.tokens == std::int64_t{90} * 86'400'000'000);
        for (const auto* span : {"91d", "unlimited", "-1d", "soon", "30"}) CHECK_FALSE(parse_config(with(span), "lethe.toml").has_value());
    }

    TEST_CASE("how long a session may hibernate is a span of at most a day") {
        const auto with = [](const std::string& span) { return std::string(domain_line) + "[limits]\nresume = \"" + span + "\"\n"; };
        CHECK(parse_config(domain_line, "lethe.toml")->limits.resume_seconds == 600);
        CHECK(parse_config(with("2min"), "lethe.toml")->limits.resume_seconds == 120);
        CHECK(parse_config(with("24h"), "lethe.toml")->limits.resume_seconds == 86400);
        CHECK(parse_config(with("0"), "lethe.toml")->limits.resume_seconds == 0);
        for (const std::string span : {"25h", "unlimited"}) CHECK(only_error(with(span)).starts_with("3:10: a session that hibernates keeps"));
    }

    TEST_CASE("keys of features that are not there are refused by name") {
        CHECK(only_error(std::string(domain_line) + "[listen]\ns2s = [\"[::]:5269\"]\n") ==
              "3:7: listen.s2s is for federation, which this version does not have; remove it");
        for (const std::string section : {"dns", "proxy", "rooms", "components"}) {
            CAPTURE(section);
            const auto message = only_error(std::string(domain_line) + '[' + section + "]\nanything = 1\n");
            CHECK(message.starts_with("2:1: [" + section + "] is for "));
            CHECK(message.ends_with(", which this version does not have; remove it"));
        }
        for (const std::string key :
             {"listen.s2s_tls", "limits.s2s_bytes_per_second"}) {
            CAPTURE(key);
            CHECK(only_error(std::string(domain_line) + key + " = 1\n").find(key + " is for ") !=
                  std::string::npos);
        }
    }

    TEST_CASE("the web server has an address that others know") {
        const auto with = [](const std::string& lines) { return std::string(domain_line) + lines; };
        const std::string https = "[listen]\nhttps = [\"[::]:5443\"]\n", loopback = "[listen]\nhttp_loopback = \"127.0.0.1:5280\"\n";
        const auto own = good(with(https));
        CHECK(texts(own.listen.https) == std::vector<std::string>{"[::]:5443"});
        CHECK(own.http.url == "https://chat.example:5443");
        CHECK(good(with("[listen]\nhttps = [\"[::]:443\"]\n")).http.url == "https://chat.example");
        for (const std::string url : {"https://chat.example", "https://files.chat.example:8443", "http://abcdefgh.onion", "https://[2001:db8::1]:5443"}) {
            const auto behind_a_proxy = good(with(loopback + "[http]\nurl = \"" + url + "\"\n"));
            CHECK(behind_a_proxy.http.url == url);
            CHECK(texts(behind_a_proxy.listen.http_loopback) == std::vector<std::string>{"127.0.0.1:5280"});
            CHECK(behind_a_proxy.listen.http_loopback.front().line == 3);
        }
        for (const std::string url : {"chat.example", "https://", "https://chat.example/", "https://chat.example/lethe", "http://chat.example", "https://Chat.example", "https://a@b", "https://b:0", "https://b:x"}) {
            CAPTURE(url);
            CHECK(only_error(with(https + "[http]\nurl = \"" + url + "\"\n")).starts_with("5:7: this is not how others reach the web server"));
        }
        CHECK(only_error(with("[http]\nurl = \"https://chat.example\"\n")).starts_with("3:7: there is no web server that could have this address"));
        for (const std::string page : {"https://client.example/chat/", "http://abcdefgh.onion", "http://127.0.0.1:8000/", "http://localhost/x"})
            CHECK(good(with(https + "[http]\nweb_client = \"" + page + "\"\n")).http.web_client == page);
        for (const std::string page : {"client.example", "https://", "http://client.example", "http://client.example/.onion", "http://x?localhost", "javascript:alert(1)", "https://a b", "https://\\\"x"}) {
            CAPTURE(page);
            CHECK(only_error(with(https + "[http]\nweb_client = \"" + page + "\"\n")).starts_with("5:14: this is not the address of a page where a password may be typed"));
        }
        CHECK(only_error(with("[http]\nweb_client = \"https://client.example\"\n")).starts_with("3:14: only the pages of invitations recommend it"));
        CHECK(only_error(with(loopback)).find("url is missing") != std::string::npos);
        CHECK(only_error("domain = \"b\xc3\xbc" "cher.example\"\n" + https).find("url is missing") != std::string::npos);
    }

    TEST_CASE("HTTP in plain is for this machine alone") {
        CHECK(texts(good(std::string(domain_line) + "[listen]\nhttp_loopback = \"[::1]:80\"\n[http]\nurl = \"https://a.example\"\n").listen.http_loopback) ==
              std::vector<std::string>{"[::1]:80"});
        for (const std::string address : {"0.0.0.0:5280", "192.0.2.1:5280", "[::]:5280", "[2001:db8::1]:80", "localhost:5280", "127.0.0.1", "127.evil.example:80"}) {
            CAPTURE(address);
            const auto found = errors(std::string(domain_line) + "[listen]\nhttp_loopback = \"" + address + "\"\n[http]\nurl = \"https://a.example\"\n");
            CHECK(found.front().starts_with("3:17: this is not \"HOST:PORT\" with a loopback address, and what is said there is not encrypted; "));
        }
        CHECK(only_error(std::string(domain_line) + "[listen]\nhttps = [\"[::]:5222\"]\nc2s = [\"[::]:5222\"]\n") == "3:10: clients connect on [::]:5222 already; choose another port");
    }

    TEST_CASE("the node key comes from a file, a file under a passphrase, or systemd") {
        const auto with = [](const std::string& lines) { return std::string(domain_line) + "[node_key]\n" + lines; };
        CHECK(good(with("source = \"file\"\nfile = \"k\"\n")).node_key.file == "/etc/lethe/k");
        CHECK(good(with("source = \"passphrase\"\n")).node_key.source == "passphrase");
        const auto credential = good(with("source = \"credential\"\ncredential = \"mine\"\n"));
        CHECK(credential.node_key.source == "credential");
        CHECK(credential.node_key.credential == "mine");
        CHECK(only_error(with("source = \"tpm\"\n")) ==
              "3:10: this is not a source of the node key; write \"file\", \"passphrase\" or \"credential\"");
        CHECK(only_error(with("source = \"credential\"\nfile = \"node.key\"\n")) ==
              "4:8: the node key is a credential of systemd and not a file; remove this line");
    }

    TEST_CASE("the example file can begin with a node key under a passphrase") {
        CHECK(good(example_config("chat.example", "/srv", "passphrase")).node_key.source == "passphrase");
    }

    TEST_CASE("a missing or impossible domain is an error") {
        CHECK(only_error("data = \"/srv\"\n") ==
              "1:1: domain is missing; write domain = \"chat.example\" with your own domain");
        for (const std::string_view text : {"", "user@chat.example", "chat.example/x", "a b", "@"}) {
            CAPTURE(text);
            CHECK(only_error("domain = \"" + std::string(text) + "\"\n") ==
                  "1:10: this is not a domain; write what follows the @ in your users' addresses, for "
                  "example \"chat.example\"");
        }
    }

    TEST_CASE("values out of range are errors that say the range") {
        CHECK(only_error(std::string(domain_line) + "limits.depth = 15\n")
                  .ends_with("it must be from 16 to 512"));
        for (const std::string line :
             {"stanza_bytes = 9999", "unauthenticated_bytes = 9999", "unauthenticated_bytes = 1048577",
              "depth = 513", "depth = \"64\"", "c2s_bytes_per_second = -1", "c2s_bytes_per_second = 1023",
              "sessions_per_account = 0", "connections_per_network = 0", "roster_items = 0",
              "blocklist_items = 0", "pep_nodes = 15", "pep_items = 0", "pep_item_bytes = 9999", "pep_bytes = 9999", "handshake_seconds = 0", "queue_bytes = 65535", "sm_unacked = 0",
              "depth = 64.0", "sm_unacked = 9223372036854775807", "connections = 0", "stall_seconds = 0",
              "letterbox_percent_per_sender = 0", "letterbox_percent_per_sender = 101", "stored_per_minute = -1", "registrations = -1", "invitations_per_day = -1", "registrations_per_network = -1",
              "handshake_seconds = -9223372036854775808"}) {
            CAPTURE(line);
            CHECK_FALSE(errors(std::string(domain_line) + "[limits]\n" + line + '\n').empty());
        }
    }

    TEST_CASE("limits that contradict each other are errors") {
        CHECK(only_error(std::string(domain_line) + "[limits]\nstanza_bytes = 20000\n") ==
              "2:1: unauthenticated_bytes is larger than stanza_bytes; strangers must not be allowed more "
              "than users");
        CHECK(only_error(std::string(domain_line) + "[limits]\nqueue_bytes = 65536\n") ==
              "2:1: queue_bytes is smaller than stanza_bytes, so the largest stanza could never be "
              "delivered; make it larger");
    }

    TEST_CASE("addresses to listen on are numeric, with a port") {
        for (const std::string_view text :
             {"localhost:5222", "5222", "[::]", "[::]:", "[::]:65536", "::1:5222x", "1.2.3:5",
              "[1.2.3.4]:5222", "", ":5222", "[::]:-1", "[::]:5222 ", "[]:5222"}) {
            CAPTURE(text);
            CHECK(only_error(std::string(domain_line) + "[listen]\nc2s = [\"[::]:5222\", \"" +
                             std::string(text) + "\"]\n")
                      .starts_with("3:21: this is not \"HOST:PORT\""));
        }
        CHECK(only_error(std::string(domain_line) + "[listen]\nc2s = []\nc2s_tls = []\n") ==
              "2:1: c2s and c2s_tls are both empty, so nobody could connect; give at least one address");
        CHECK(good(std::string(domain_line) + "listen.c2s = [\"127.0.0.1:0\"]\n").listen.c2s.front().text ==
              "127.0.0.1:0");
        CHECK(good(std::string(domain_line)).listen.c2s.front().line == 0);
        CHECK(only_error(std::string(domain_line) + "[listen]\nc2s = [\"[::]:5269\"]\nc2s_tls = [\"[::]:1\",\n  \"[::]:5269\"]\n") ==
              "5:3: c2s listens on [::]:5269 already; choose another port");
        CHECK(texts(good(std::string(domain_line) + "[listen]\nc2s = [\"[::]:0\"]\nc2s_tls = [\"[::]:0\"]\n").listen.c2s_tls) ==
              std::vector<std::string>{"[::]:0"});
    }

    TEST_CASE("a TLS version that cannot be had is refused") {
        CHECK(only_error(std::string(domain_line) + "tls.minimum = \"1.1\"\n") ==
              "2:15: this is not a version of TLS that can be asked for; write \"1.2\" or \"1.3\"");
        const auto newest = parse_config(std::string(domain_line) + "tls.minimum = \"1.3\"\n", "lethe.toml");
        CHECK(newest.has_value() == mbedtls_compat::has_tls13);
    }

    TEST_CASE("all mistakes are told at once, in the order of the file") {
        const auto all = errors("domain = 1\n[tls]\nkey = 2\nminimum = \"9\"\n[limits]\ndepht = 3\n");
        REQUIRE(all.size() == 4);
        CHECK(all[0].starts_with("1:10: "));
        CHECK(all[1].starts_with("3:7: "));
        CHECK(all[2].starts_with("4:11: "));
        CHECK(all[3].starts_with("6:1: "));
    }

    TEST_CASE("a file that cannot be read is an error with its path") {
        const test::TempDir dir;
        const auto missing = load_config(dir.file("lethe.toml"));
        REQUIRE_FALSE(missing.has_value());
        CHECK(missing.error().front().file == dir.file("lethe.toml"));
        dir.write("lethe.toml", domain_line);
        const auto found = load_config(dir.file("lethe.toml"));
        REQUIRE(found.has_value());
        CHECK(found->file == dir.file("lethe.toml"));
        CHECK(found->tls.key == dir.file("tls/key.pem"));
        CHECK(found->policy_file == dir.file("policy.toml"));
    }
}
