// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "retention/log.h"
#include "retention/log_events.h"
#include "retention/log_format.h"
#include "server/xmpp/jid.h"
#include "tests/unit/retention/fake.h"

using namespace lethe;
using namespace lethe::retention;
using namespace lethe::retention::test;

// There is no way to pass text.
static_assert(!std::is_constructible_v<Word, std::string>);
static_assert(!std::is_constructible_v<Word, const std::string&>);
static_assert(!std::is_constructible_v<Word, std::string_view>);
static_assert(!std::is_constructible_v<Word, const char*>);
static_assert(!std::is_constructible_v<Word, char*>);
static_assert(!std::is_constructible_v<Word, std::vector<char>>);
static_assert(!std::is_constructible_v<Field, std::string>);
static_assert(!std::is_constructible_v<Field, const std::string&>);
static_assert(!std::is_constructible_v<Field, std::string_view>);
static_assert(!std::is_constructible_v<Field, const char*>);
static_assert(!std::is_constructible_v<Field, char*>);
static_assert(!std::is_convertible_v<int, Field>);
static_assert(!std::is_invocable_v<decltype(&Log::write), Log*, std::string, std::initializer_list<Field>>);

namespace {

const xmpp::BareJid account = *xmpp::BareJid::parse("canary-account@canary-domain.example");
const xmpp::Jid peer = *xmpp::Jid::parse("canary-peer@other.example/canary resource");
const Address v4{.ip = {192, 0, 2, 77}};
const Address v6{.ip = {0x20, 0x01, 0x0d, 0xb8, 0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 0, 0, 0, 0, 0x77},
                 .v6 = true};

/// What is written of the fields of one event, by name.
std::map<std::string, std::string> written(const LogRules& rules, Event event,
                                           std::initializer_list<Field> fields) {
    REQUIRE(crypto_ready);
    const Pseudonyms names;
    std::string line = log_line(some_hour, event, {fields.begin(), fields.size()}, rules, names);
    REQUIRE(line.ends_with('\n'));
    line.pop_back();
    const auto parsed = parse_log_line(line);
    REQUIRE_MESSAGE(parsed.has_value(), line);
    CHECK(parsed->event == event);
    CHECK(permitted(*parsed, rules));
    std::map<std::string, std::string> out;
    for (const auto& [key, value] : parsed->fields) out.emplace(key, value);
    return out;
}

LogRules all(Treatment t) { return {.keep = kept("1h"), .address = t, .account = t, .peer = t}; }

}  // namespace

TEST_SUITE("retention/log line") {
    TEST_CASE("a line is time, event and the fields of the event's row in its order") {
        const Pseudonyms names;
        const Field fields[] = {Word("not-authorized"), Account{account}, v4};
        CHECK(log_line(some_hour + 59 * second + 999'999, Event::login_failed, fields, all(Treatment::full),
                       names) ==
              "2026-11-22T18:00:59Z login_failed address=192.0.2.77 "
              "account=canary-account@canary-domain.example "
              "reason=not-authorized\n");
        CHECK(log_line(some_hour, Event::server_started, {}, all(Treatment::full), names) ==
              "2026-11-22T18:00:00Z server_started\n");
    }

    TEST_CASE("two words of one event take its two places") {
        const auto fields =
            written(all(Treatment::none), Event::login_failed, {Word("not-authorized"), Word("SCRAM-SHA-1")});
        CHECK(fields ==
              std::map<std::string, std::string>{{"reason", "not-authorized"}, {"mechanism", "SCRAM-SHA-1"}});
    }

    TEST_CASE("what the event's row does not name is counted and not written") {
        const auto fields = written(all(Treatment::full), Event::account_created,
                                    {Account{account}, v4, Peer{peer}, Word("word")});
        CHECK(fields == std::map<std::string, std::string>{
                            {"account", "canary-account@canary-domain.example"}, {"undeclared", "3"}});
        CHECK(written(all(Treatment::full), Event::policy_loaded, {v6}).at("undeclared") == "1");
    }

    TEST_CASE("counts, ports and words are the server's own and always written") {
        const auto fields =
            written(all(Treatment::none), Event::listen_failed, {v4, Port{5222}, Word("c2s"), Count{98}});
        CHECK(fields ==
              std::map<std::string, std::string>{{"port", "5222"}, {"service", "c2s"}, {"code", "98"}});
    }

    TEST_CASE("none leaves a field out") {
        CHECK(written(all(Treatment::none), Event::login, {v4, Account{account}, Word("PLAIN")}).size() == 1);
        CHECK(written(all(Treatment::none), Event::letterbox_full, {Account{account}, Peer{peer}}).empty());
    }

    TEST_CASE("network cuts an address to its /24 or /48") {
        const LogRules rules{.keep = kept("1h"), .address = Treatment::network};
        const auto network = [&](const Address& a) {
            return written(rules, Event::login, {a}).at("address");
        };
        CHECK(network(v4) == "192.0.2.0/24");
        CHECK(network(v6) == "2001:db8:cafe::/48");
        CHECK(network({.ip = {255, 255, 255, 255}}) == "255.255.255.0/24");
        // An IPv4 address in IPv6 clothes is cut as one: whole in ::ffff:0:0/96, and in the first 48 bits of
        // 2002::/16.
        CHECK(network({.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 77}, .v6 = true}) ==
              "192.0.2.0/24");
        CHECK(network({.ip = {0x20, 0x02, 192, 0, 2, 77, 1, 2, 3}, .v6 = true}) == "2002:c000:200::/40");
    }

    TEST_CASE(
        "a pseudonym is stable in one file, differs between kinds and values, and says nothing of another "
        "file") {
        const Pseudonyms one, two;
        const std::string name = one.of(FieldKind::account, "a@b");
        CHECK(name.size() == 17);
        CHECK(name.front() == '~');
        CHECK(name.find_first_not_of("0123456789abcdef", 1) == std::string::npos);
        CHECK(one.of(FieldKind::account, "a@b") == name);
        CHECK(one.of(FieldKind::account, "a@c") != name);
        CHECK(one.of(FieldKind::peer, "a@b") != name);
        CHECK(two.of(FieldKind::account, "a@b") != name);
    }

    TEST_CASE("full writes the value, and nothing in it can end a field, a line or a terminal's patience") {
        CHECK(written(all(Treatment::full), Event::login, {v6}).at("address") == "2001:db8:cafe:babe::77");
        CHECK(written(all(Treatment::full), Event::letterbox_full, {Peer{peer}}).at("peer") ==
              "canary-peer@other.example/canary%20resource");
        const auto odd = *xmpp::Jid::parse("~b@c/100% \xe2\x82\xac=\"");
        CHECK(written(all(Treatment::full), Event::letterbox_full, {Peer{odd}}).at("peer") ==
              "%7Eb@c/100%25%20%E2%82%AC=\"");
    }

    TEST_CASE("the reader takes only what the writer writes") {
        for (const char* line :
             {"", "2026-11-22T18:00:00Z", "2026-11-22T18:00:00Z logged", "2026-11-22T18:00:00Z login ",
              "2026-11-22T18:00:00Z  login", "2026-11-22T18:00:00Z login text",
              "2026-11-22T18:00:00Z login address=", "2026-11-22T18:00:00Z login colour=red",
              "2026-11-22T18:00:00Z login account=a address=b",
              "2026-11-22T18:00:00Z login address=b address=b", "2026-11-22 login address=b",
              "2026-11-22T18:00:00Z login undeclared=1 address=b",
              "2026-11-22T18:00:00Z login address=\x01"}) {
            CAPTURE(line);
            CHECK_FALSE(parse_log_line(line).has_value());
        }
        CHECK(parse_log_line("2026-11-22T18:00:00Z login address=b mechanism=c undeclared=1").has_value());
    }

    TEST_CASE("a line is permitted only in the form that the rules would have given it") {
        const std::string start = "2026-11-22T18:00:00Z login ";
        const auto may = [&](const std::string& fields, const LogRules& rules) {
            return permitted(*parse_log_line(start + fields), rules);
        };
        const LogRules network{.keep = kept("1h"), .address = Treatment::network};
        CHECK(may("address=192.0.2.0/24", network));
        CHECK_FALSE(may("address=192.0.2.7", network));
        CHECK_FALSE(may("address=~0123456789abcdef", network));
        CHECK_FALSE(may("account=~0123456789abcdef", network));
        CHECK(may("account=~0123456789abcdef", all(Treatment::pseudonym)));
        CHECK_FALSE(may("account=~0123456789abcdeF", all(Treatment::pseudonym)));
        CHECK_FALSE(may("account=a@b", all(Treatment::pseudonym)));
        CHECK_FALSE(may("address=192.0.2.0/24", all(Treatment::pseudonym)));
        CHECK(may("address=192.0.2.0/24 account=~0123456789abcdef", all(Treatment::full)));
        CHECK_FALSE(may("address=192.0.2.0/24", all(Treatment::none)));
        for (const char* planted : {"mechanism=192.0.2.7", "mechanism=2001:db8::7", "mechanism=alice@chat.example", "undeclared=alice"})
            CHECK_FALSE(may(planted, all(Treatment::full)));
        for (const char* planted : {"address=alice/24", "address=192.0.2.7/24", "address=192.0.2.0/16", "address=2001:db8::7/48"})
            CHECK_FALSE(may(planted, network));
        CHECK(may("mechanism=PLAIN undeclared=1", all(Treatment::none)));
    }

    TEST_CASE("LOG.md lists every event with its fields as the program has them") {
        const std::string document = contents(LETHE_SOURCE_ROOT "/retention/LOG.md");
        CHECK_MESSAGE(document.ends_with(log_reference()), "retention/LOG.md must end with:\n",
                      log_reference());
    }
}
