// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/admin/config.h"

#include <arpa/inet.h>

#include <toml++/toml.h>
#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <system_error>

#include "server/admin/suggest.h"
#include "server/mbedtls_compat.h"
#include "server/xmpp/jid.h"

namespace lethe::admin {
namespace {

using retention::FileError;

constexpr std::size_t largest_file = 1u << 20;

/// Collects mistakes while values are read; each reader leaves its target alone when it complains.
class Reader {
public:
    Reader(Config& target, std::vector<FileError>& errors) : config(target), errors_(errors) {}

    Config& config;

    void complain(const toml::source_region& where, std::string message) {
        errors_.push_back({config.file, where.begin.line, where.begin.column, std::move(message)});
    }
    void text(const toml::node& node, std::string& out, std::string_view example) {
        const auto value = node.value_exact<std::string>();
        if (value && !value->empty())
            out = *value;
        else
            complain(node.source(),
                     "this must be a text that is not empty; for example " + std::string(example));
    }
    void flag(const toml::node& node, bool& out) {
        if (const auto value = node.value_exact<bool>())
            out = *value;
        else
            complain(node.source(), "this must be true or false");
    }
    template <class Number>
    void number(const toml::node& node, Number& out, std::int64_t low, std::int64_t high) {
        const auto value = node.value_exact<std::int64_t>();
        if (value && *value >= low && *value <= high)
            out = static_cast<Number>(*value);
        else
            complain(node.source(), "this must be a whole number from " + std::to_string(low) + " to " +
                                        std::to_string(high));
    }
    void one_of(const toml::node& node, std::string& out, std::string_view first, std::string_view second) {
        const auto value = node.value_exact<std::string>();
        if (value && (*value == first || *value == second))
            out = *value;
        else
            complain(node.source(),
                     "this must be \"" + std::string(first) + "\" or \"" + std::string(second) + '"');
    }
    void addresses(const toml::node& node, std::vector<std::string>& out);

private:
    std::vector<FileError>& errors_;
};

/// "HOST:PORT" with an IPv4 address or an IPv6 address in brackets.
bool is_socket_address(const std::string& text) {
    const auto colon = text.rfind(':');
    if (colon == std::string::npos) return false;
    std::string host = text.substr(0, colon);
    unsigned port = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data() + colon + 1, end, port);
    if (error != std::errc{} || rest != end || port > 65535) return false;
    in6_addr address{};
    if (host.size() > 2 && host.front() == '[' && host.back() == ']')
        return inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &address) == 1;
    return inet_pton(AF_INET, host.c_str(), &address) == 1;
}

void Reader::addresses(const toml::node& node, std::vector<std::string>& out) {
    const auto* list = node.as_array();
    if (!list)
        return complain(node.source(), "this must be a list of addresses; for example [\"[::]:5222\"]");
    std::vector<std::string> read;
    for (const toml::node& item : *list) {
        const auto value = item.value_exact<std::string>();
        if (value && is_socket_address(*value))
            read.push_back(*value);
        else
            complain(item.source(),
                     "this must be \"HOST:PORT\" with a numeric host; for example \"[::]:5222\" or "
                     "\"192.0.2.1:5222\"");
    }
    out = std::move(read);
}

void read_domain(Reader& r, const toml::node& node) {
    std::string text;
    r.text(node, text, "\"chat.example\"");
    if (text.empty()) return;
    const auto jid = xmpp::BareJid::parse(text);
    if (jid && jid->local().empty())
        r.config.domain = jid->domain();
    else
        r.complain(node.source(),
                   "this is not a domain; write the part of your users' addresses after the @, for example "
                   "\"chat.example\"");
}

void read_minimum(Reader& r, const toml::node& node) {
    r.one_of(node, r.config.tls.minimum, "1.2", "1.3");
    if (r.config.tls.minimum == "1.3" && !mbedtls_compat::is_v3)
        r.complain(node.source(),
                   "this program was built with mbedTLS 2.28, which does not know TLS 1.3; write \"1.2\"");
}

void read_key_source(Reader& r, const toml::node& node) {
    const auto value = node.value_exact<std::string>();
    if (value == "passphrase" || value == "credential")
        r.complain(node.source(), "the node key source \"" + *value + "\" is not built yet; write \"file\"");
    else if (value != "file")
        r.complain(node.source(), "this must be \"file\"");
}

void read_rate(Reader& r, const toml::node& node) {
    constexpr std::int64_t slowest = 1024;  // less would not carry a login within the handshake time
    const auto value = node.value_exact<std::int64_t>();
    if (value && (*value == 0 || (*value >= slowest && *value <= INT32_MAX)))
        r.config.limits.c2s_bytes_per_second = static_cast<std::size_t>(*value);
    else
        r.complain(node.source(),
                   "this must be 0 (unlimited) or a whole number of bytes from 1024 to 2147483647");
}

using Node = const toml::node&;
struct Rule {
    std::string_view section, key;
    void (*read)(Reader&, Node);
};

// All of lethe.toml. Ranges: the low end is what an ordinary client or RFC 6120 needs, the high end what a
// mistyped digit must not pass.
constexpr std::int64_t mebibyte = 1 << 20;
constexpr Rule rules[] = {
    {"", "domain", read_domain},
    {"", "data",
     [](Reader& r, Node n) {
         std::string text = r.config.data.string();
         r.text(n, text, "\"/var/lib/lethe\"");
         r.config.data = text;
     }},
    {"listen", "c2s", [](Reader& r, Node n) { r.addresses(n, r.config.listen.c2s); }},
    {"listen", "c2s_tls", [](Reader& r, Node n) { r.addresses(n, r.config.listen.c2s_tls); }},
    {"tls", "certificate",
     [](Reader& r, Node n) { r.text(n, r.config.tls.certificate, "\"tls/cert.pem\""); }},
    {"tls", "key", [](Reader& r, Node n) { r.text(n, r.config.tls.key, "\"tls/key.pem\""); }},
    {"tls", "minimum", read_minimum},
    {"node_key", "source", read_key_source},
    {"node_key", "file", [](Reader& r, Node n) { r.text(n, r.config.node_key.file, "\"node.key\""); }},
    {"sasl", "scram_sha_1", [](Reader& r, Node n) { r.flag(n, r.config.sasl.scram_sha_1); }},
    {"limits", "stanza_bytes",
     [](Reader& r, Node n) { r.number(n, r.config.limits.stanza_bytes, 10000, 16 * mebibyte); }},
    {"limits", "unauthenticated_bytes",
     [](Reader& r, Node n) { r.number(n, r.config.limits.unauthenticated_bytes, 10000, mebibyte); }},
    {"limits", "depth", [](Reader& r, Node n) { r.number(n, r.config.limits.depth, 16, 512); }},
    {"limits", "c2s_bytes_per_second", read_rate},
    {"limits", "sessions_per_account",
     [](Reader& r, Node n) { r.number(n, r.config.limits.sessions_per_account, 1, 1000); }},
    {"limits", "connections_per_network",
     [](Reader& r, Node n) { r.number(n, r.config.limits.connections_per_network, 1, 1000000); }},
    {"limits", "roster_items",
     [](Reader& r, Node n) { r.number(n, r.config.limits.roster_items, 1, 100000); }},
    {"limits", "blocklist_items",
     [](Reader& r, Node n) { r.number(n, r.config.limits.blocklist_items, 1, 100000); }},
    {"limits", "handshake_seconds",
     [](Reader& r, Node n) { r.number(n, r.config.limits.handshake_seconds, 1, 3600); }},
    {"limits", "queue_bytes",
     [](Reader& r, Node n) { r.number(n, r.config.limits.queue_bytes, 65536, 1024 * mebibyte); }},
    {"limits", "sm_unacked", [](Reader& r, Node n) { r.number(n, r.config.limits.sm_unacked, 1, 1000000); }},
};

/// Keys that have a meaning in Lethe but none in this version: silence would let an operator believe in them.
/// An empty key: the whole section.
struct Later {
    std::string_view section, key, feature;
};
constexpr Later not_built[] = {
    {"listen", "s2s", "federation"},
    {"listen", "s2s_tls", "federation"},
    {"listen", "https", "the web server"},
    {"listen", "http_loopback", "the web server"},
    {"limits", "s2s_bytes_per_second", "federation"},
    {"limits", "resume", "resuming streams"},
    {"clock", "", "waiting for a synchronised clock"},
    {"http", "", "the web server"},
    {"dns", "", "federation"},
    {"proxy", "", "Tor and SOCKS5"},
    {"rooms", "", "group chat"},
    {"components", "", "external components"},
};

std::string quoted(std::string_view section, std::string_view key) {
    if (key.empty()) return '[' + std::string(section) + ']';
    if (section.empty()) return '\'' + std::string(key) + '\'';
    return '\'' + std::string(key) + "' in [" + std::string(section) + ']';
}

void complain_unknown(Reader& r, const toml::key& at, std::string_view section, bool is_section) {
    const std::string_view name = at.str();
    const std::string_view in = is_section ? name : section;
    const std::string_view key = is_section ? std::string_view{} : name;
    for (const auto& later : not_built)
        if (later.section == in && later.key == key)
            return r.complain(at.source(), quoted(in, key) + " is for " + std::string(later.feature) +
                                               ", which this version does not have; remove it");
    std::vector<std::string_view> known;
    for (const auto& rule : rules) {
        if (rule.section == section) known.push_back(rule.key);
        if (section.empty() && !rule.section.empty()) known.push_back(rule.section);
    }
    const auto guess = nearest(name, known);
    std::string message = std::string(is_section ? "unknown section " : "unknown key ") + quoted(in, key);
    if (!guess.empty())
        message += "; did you mean '" + std::string(guess) + "'?";
    else
        message += "; the comments of the file that lethectl init writes name every key";
    r.complain(at.source(), std::move(message));
}

bool is_section_name(std::string_view name) {
    return std::ranges::any_of(
        rules, [&](const Rule& rule) { return !rule.section.empty() && rule.section == name; });
}

void read_table(Reader& r, const toml::table& table, std::string_view section) {
    for (auto&& [key, node] : table) {
        const std::string_view name = key.str();
        if (section.empty() && is_section_name(name)) {
            if (const auto* inner = node.as_table())
                read_table(r, *inner, name);
            else
                r.complain(key.source(),
                           "this is a section; write [" + std::string(name) + "] on a line of its own");
            continue;
        }
        const auto* rule =
            std::ranges::find_if(rules, [&](const Rule& x) { return x.section == section && x.key == name; });
        if (rule != std::end(rules))
            rule->read(r, node);
        else
            complain_unknown(r, key, section, section.empty() && node.is_table());
    }
}

void check_whole(Reader& r, const toml::table& table) {
    const toml::source_region start{{1, 1}, {1, 1}, nullptr};
    if (!table.contains("domain"))
        r.complain(start, "'domain' is missing; write domain = \"chat.example\" with your own domain");
    const auto& limits = r.config.limits;
    const auto at = [&](std::string_view section) {
        const auto* node = table.get(section);
        return node ? node->source() : start;
    };
    if (r.config.listen.c2s.empty() && r.config.listen.c2s_tls.empty())
        r.complain(at("listen"),
                   "c2s and c2s_tls are both empty, so nobody could connect; give at least one address");
    if (limits.unauthenticated_bytes > limits.stanza_bytes)
        r.complain(at("limits"),
                   "unauthenticated_bytes is larger than stanza_bytes; strangers must not be allowed more "
                   "than users");
    if (limits.queue_bytes < limits.stanza_bytes)
        r.complain(at("limits"),
                   "queue_bytes is smaller than stanza_bytes, so the largest stanza could never be "
                   "delivered; make it larger");
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
    Config config;
    config.file = path;
    std::vector<FileError> errors;
    Reader reader(config, errors);
    try {
        const toml::table table = toml::parse(text, path);
        read_table(reader, table, "");
        check_whole(reader, table);
    } catch (const toml::parse_error& error) {
        reader.complain(error.source(), std::string(error.description()));
    }
    if (!errors.empty()) {
        std::ranges::stable_sort(errors, {}, [](const FileError& e) { return std::pair(e.line, e.column); });
        return std::unexpected(std::move(errors));
    }
    resolve_paths(config);
    return config;
}

std::expected<Config, std::vector<FileError>> load_config(const std::string& path) {
    const auto fail = [&](std::string message) {
        return std::unexpected(std::vector{FileError{path, 0, 0, std::move(message)}});
    };
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    if (error) return fail("cannot be read (" + error.message() + "); lethectl init writes one");
    if (size > largest_file) return fail("is larger than 1 MiB; this cannot be a lethe.toml");
    std::ifstream in(path, std::ios::binary);
    if (!in) return fail("cannot be read; check its owner and permissions");
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    return parse_config(text, path);
}

}  // namespace lethe::admin
