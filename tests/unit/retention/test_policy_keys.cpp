// SPDX-License-Identifier: AGPL-3.0-or-later
// Which way each change of a policy goes, what stays in force meanwhile, and the canonical text.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <regex>
#include <set>

#include "retention/policy_keys.h"

using namespace lethe::retention;

namespace {

const std::string service = "[service]\nname = \"A\"\noperator = \"B\"\ncontact = [\"mailto:a@b.example\"]\n";

Policy parsed(const std::string& text) {
    auto policy = parse_policy(text, "policy.toml");
    if (!policy)
        for (const auto& e : policy.error()) FAIL_CHECK(e.to_string());
    REQUIRE(policy.has_value());
    return std::move(*policy);
}

/// A whole policy in which `rest` replaces sections of the same name.
Policy with(const std::string& rest) {
    std::string text = rest.find("[service]") == std::string::npos ? service : std::string();
    for (const char* section : {"[archive]\nkeep = \"7d\"\n", "[letterbox]\nkeep = \"14d\"\n", "[log]\nkeep = \"24h\"\n"})
        if (rest.find(std::string(section).substr(0, std::string(section).find('\n'))) == std::string::npos) text += section;
    return parsed(text + rest);
}

struct Row {
    const char *from, *to, *key;
    Turn there, back;
};

void check(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
        CAPTURE(row.from);
        CAPTURE(row.to);
        const Policy from = with(row.from), to = with(row.to);
        const auto there = changes(from, to), back = changes(to, from);
        REQUIRE(there.size() == 1);
        REQUIRE(back.size() == 1);
        CHECK(there[0].key == row.key);
        CHECK(to_string(there[0].turn) == to_string(row.there));
        CHECK(to_string(back[0].turn) == to_string(row.back));
        CHECK(there[0].from == back[0].to);
        CHECK(there[0].from != there[0].to);
    }
}

constexpr Turn tighter = Turn::tighter, looser = Turn::looser, plain = Turn::plain;

/// Any policy, from a few values of each key.
Policy random_policy(std::mt19937& random) {
    const auto one_of = [&](std::initializer_list<const char*> list) { return std::string(list.begin()[random() % list.size()]); };
    std::string text = "[service]\nname = \"" + one_of({"A", "Ä \\\"q\\\" \\\\"}) + "\"\noperator = \"" + one_of({"B", "C"}) +
                       "\"\ncontact = [\"xmpp:b\"]\n" + one_of({"", "jurisdiction = \"EU\"\n"}) + "languages = " + one_of({"[\"en\"]", "[\"de\", \"en\"]"}) + '\n';
    text += one_of({"[archive]\nkeep = \"0\"\n", "[archive]\nkeep = \"7d\"\nchoices = [\"1d\", \"0\"]\n", "[archive]\nkeep = \"1d\"\nchoices = [\"1d\"]\n",
                    "[archive]\nkeep = \"unlimited\"\nchoices = [\"unlimited\", \"7d\", \"1h\"]\n", "[archive]\nkeep = \"7d\"\nchoices = [\"7d\", \"3d\"]\n"});
    text += one_of({"[letterbox]\nkeep = \"0\"\n", "[letterbox]\nkeep = \"1d\"\nmax_messages = 5\n", "[letterbox]\nkeep = \"14d\"\n"});
    text += one_of({"", "[uploads]\nkeep = \"7d\"\n", "[uploads]\nkeep = \"1d\"\nmax_size = 1000\nquota_per_day = 200000000\n"});
    text += one_of({"", "[subscriptions]\nkeep = \"0\"\n"}) + one_of({"", "[accounts]\nmax_accounts = 9\n", "[accounts]\nregistration = \"open\"\n", "[accounts]\nregistration = \"invite\"\n[invitations]\nkeep = \"1d\"\n"});
    text += one_of({"", "[change]\nnotice = \"14d\"\n", "[change]\nnotice = \"1h\"\n"});
    const std::string log = one_of({"[log]\nkeep = \"0\"\n", "[log]\nkeep = \"24h\"\n", "[log]\nkeep = \"24h\"\naddress = \"network\"\naccount = \"full\"\n",
                                    "[log]\nkeep = \"1h\"\naddress = \"pseudonym\"\npeer = \"full\"\n"});
    text += log;
    text += one_of({"", "[log.login]\nkeep = \"2h\"\naddress = \"full\"\n", "[log.login]\nkeep = \"0\"\n"});
    text += one_of({"", "[log.letterbox_full]\nkeep = \"3h\"\npeer = \"pseudonym\"\n", "[log.server_started]\nkeep = \"unlimited\"\n"});
    return parsed(text);
}

}  // namespace

TEST_SUITE("retention/policy_keys") {
    TEST_CASE("less, shorter and more of a say is tighter; what has no direction is looser whichever way it goes") {
        check({
            {"[archive]\nkeep = \"7d\"\n", "[archive]\nkeep = \"1d\"\n", "archive.keep", tighter, looser},
            {"[archive]\nkeep = \"unlimited\"\n", "[archive]\nkeep = \"36600d\"\n", "archive.keep", tighter, looser},
            {"[archive]\nkeep = \"1s\"\n", "[archive]\nkeep = \"0\"\n", "archive.keep", tighter, looser},
            {"[letterbox]\nkeep = \"14d\"\n", "[letterbox]\nkeep = \"13d\"\n", "letterbox.keep", tighter, looser},
            {"[letterbox]\nkeep = \"14d\"\n", "[letterbox]\nkeep = \"14d\"\nmax_messages = 5\n", "letterbox.max_messages", tighter, looser},
            {"[letterbox]\nkeep = \"14d\"\n", "[letterbox]\nkeep = \"14d\"\nmax_bytes = 5\n", "letterbox.max_bytes", tighter, looser},
            {"", "[subscriptions]\nkeep = \"1d\"\n", "subscriptions.keep", tighter, looser},
            {"[uploads]\nkeep = \"7d\"\n", "[uploads]\nkeep = \"1d\"\n", "uploads.keep", tighter, looser},
            {"[uploads]\nkeep = \"7d\"\n", "[uploads]\nkeep = \"7d\"\nmax_size = 1000\n", "uploads.max_size", tighter, looser},
            {"[uploads]\nkeep = \"7d\"\n", "[uploads]\nkeep = \"7d\"\nquota_per_day = 20000000\n", "uploads.quota_per_day", tighter, looser},
            {"", "[change]\nnotice = \"1d\"\n", "change.notice", tighter, looser},
            {"[change]\nnotice = \"2d\"\n", "[change]\nnotice = \"3d\"\n", "change.notice", tighter, looser},
            {"[accounts]\nregistration = \"open\"\n", "[accounts]\nregistration = \"invite\"\n", "accounts.registration", tighter, looser},
            {"[accounts]\nregistration = \"invite\"\n", "[accounts]\nregistration = \"invite\"\n[invitations]\nkeep = \"1d\"\n", "invitations.keep", tighter, looser},
            {"", "[accounts]\nmax_accounts = 3\n", "accounts.max_accounts", plain, plain},
            {"[service]\nname = \"A\"\noperator = \"B\"\ncontact = [\"xmpp:a\"]\n", "[service]\nname = \"A\"\noperator = \"C\"\ncontact = [\"xmpp:a\"]\n",
             "service.operator", looser, looser},
            {"[service]\nname = \"A\"\noperator = \"B\"\ncontact = [\"xmpp:a\"]\n",
             "[service]\nname = \"A\"\noperator = \"B\"\ncontact = [\"xmpp:a\"]\njurisdiction = \"EU\"\n", "service.jurisdiction", looser, looser},
            {"[service]\nname = \"A\"\noperator = \"B\"\ncontact = [\"xmpp:a\"]\n",
             "[service]\nname = \"A\"\noperator = \"B\"\ncontact = [\"xmpp:a\"]\nterms_url = \"https://a/\"\n", "service.terms_url", looser, looser},
            {"[service]\nname = \"A\"\noperator = \"B\"\ncontact = [\"xmpp:a\"]\n", "[service]\nname = \"A\"\noperator = \"B\"\ncontact = [\"xmpp:c\"]\n",
             "service.contact", plain, plain},
        });
    }

    TEST_CASE("of the log, nothing is less than none and more than full, and a network and a pseudonym cannot be compared") {
        check({
            {"[log]\nkeep = \"24h\"\n", "[log]\nkeep = \"1h\"\n", "log.keep", tighter, looser},
            {"[log]\nkeep = \"24h\"\n", "[log]\nkeep = \"24h\"\naddress = \"network\"\n", "log.address", looser, tighter},
            {"[log]\nkeep = \"24h\"\naddress = \"pseudonym\"\n", "[log]\nkeep = \"24h\"\naddress = \"network\"\n", "log.address", looser, looser},
            {"[log]\nkeep = \"24h\"\naddress = \"pseudonym\"\n", "[log]\nkeep = \"24h\"\naddress = \"full\"\n", "log.address", looser, tighter},
            {"[log]\nkeep = \"24h\"\naccount = \"pseudonym\"\n", "[log]\nkeep = \"24h\"\n", "log.account", tighter, looser},
            {"[log]\nkeep = \"24h\"\n", "[log]\nkeep = \"24h\"\npeer = \"full\"\n", "log.peer", looser, tighter},
            {"", "[log.login]\nkeep = \"1h\"\n", "log.login.keep", tighter, looser},
            {"", "[log.login]\naccount = \"pseudonym\"\n", "log.login.account", looser, tighter},
        });
    }

    TEST_CASE("a choice more is tighter; one less is looser unless the archive itself no longer keeps so long") {
        const auto turn = [](const char* from, const char* to) {
            std::string out;
            for (const auto& c : changes(with(std::string("[archive]\n") + from), with(std::string("[archive]\n") + to)))
                if (c.key == "archive.choices") out = to_string(c.turn);
            return out;
        };
        CHECK(turn("keep = \"7d\"\n", "keep = \"7d\"\nchoices = [\"1d\"]\n") == "tighter");
        CHECK(turn("keep = \"7d\"\nchoices = [\"1d\"]\n", "keep = \"7d\"\n") == "looser");
        CHECK(turn("keep = \"7d\"\nchoices = [\"1d\", \"0\"]\n", "keep = \"7d\"\nchoices = [\"0\"]\n") == "looser");
        CHECK(turn("keep = \"7d\"\nchoices = [\"7d\", \"1d\"]\n", "keep = \"3d\"\nchoices = [\"3d\", \"1d\"]\n") == "tighter");
        CHECK(turn("keep = \"1d\"\nchoices = [\"1d\"]\n", "keep = \"7d\"\nchoices = [\"7d\", \"1d\"]\n") == "looser");
        CHECK(turn("keep = \"7d\"\nchoices = [\"7d\", \"1d\"]\n", "keep = \"7d\"\nchoices = [\"1d\", \"1w\"]\n").empty());
    }

    TEST_CASE("what is only written differently is no change") {
        CHECK(changes(with("[archive]\nkeep = \"7d\"\n"), with("[archive]\nkeep = \"1w\"\nchoices = []\n# said\n")).empty());
        CHECK(changes(with("[log]\nkeep = \"24h\"\naccount = \"full\"\n"),
                      with("[log]\nkeep = \"1d\"\naccount = \"full\"\n[log.login]\naccount = \"full\"\n")).empty());
        // What does not log says nothing of anybody, however it is set.
        CHECK(changes(with("[log]\nkeep = \"0\"\naddress = \"full\"\n[log.login]\nkeep = \"1h\"\naddress = \"none\"\n"),
                      with("[log]\nkeep = \"0\"\n[log.login]\nkeep = \"1h\"\n")).empty());
        CHECK(changes(with("[letterbox]\nkeep = \"14d\"\n"), with("[letterbox]\nkeep = \"14d\"\nmax_messages = 1000\n")).empty());
    }

    TEST_CASE("a change of the whole log is said once, and for an event only where that event has rules of its own") {
        const auto found = changes(with("[log]\nkeep = \"24h\"\n"), with("[log]\nkeep = \"48h\"\n[log.login]\nkeep = \"1h\"\n"));
        REQUIRE(found.size() == 2);
        CHECK(found[0] == KeyChange{"log.keep", "\"1d\"", "\"2d\"", looser});
        CHECK(found[1] == KeyChange{"log.login.keep", "\"1d\"", "\"1h\"", tighter});
    }

    TEST_CASE("storing nothing any more tightens the limits too, and storing again loosens them") {
        const auto there = changes(with("[letterbox]\nkeep = \"14d\"\nmax_messages = 5\n"), with("[letterbox]\nkeep = \"0\"\n"));
        CHECK(there.size() == 3);
        CHECK_FALSE(loosens(there));
        CHECK(loosens(changes(with("[letterbox]\nkeep = \"0\"\n"), with("[letterbox]\nkeep = \"14d\"\n"))));
    }

    TEST_CASE("while a policy waits its tighter parts act, its looser ones do not, and a log event does not follow the log") {
        const Policy standing = with("[archive]\nkeep = \"7d\"\n[letterbox]\nkeep = \"1d\"\nmax_messages = 10\n[log]\nkeep = \"24h\"\n[log.login]\nkeep = \"2h\"\n");
        const Policy next = with("[archive]\nkeep = \"1d\"\n[letterbox]\nkeep = \"2d\"\nmax_messages = 5\n[log]\nkeep = \"1h\"\naddress = \"full\"\n");
        const Policy now = tighter_of(standing, next);
        CHECK(to_string(now.archive) == "1d");
        CHECK(to_string(now.letterbox) == "1d");
        CHECK(now.letterbox_max_messages == 5);
        CHECK(to_string(now.log.keep) == "1h");
        CHECK(now.log.address == Treatment::none);
        REQUIRE(now.log_events.size() == 1);
        CHECK(to_string(now.log_events[0].second.keep) == "1h");  // the log's, which is tighter than its own 2h
        CHECK(now.log_events[0].second.address == Treatment::none);
        CHECK(now.text == canonical_text(now));
    }

    TEST_CASE("what waits never loosens, settles at once, and is the standing file itself if nothing is tighter") {
        std::mt19937 random(7);
        for (int i = 0; i < 3000; ++i) {
            const Policy a = random_policy(random), b = random_policy(random);
            CAPTURE(a.text);
            CAPTURE(b.text);
            const Policy now = tighter_of(a, b);
            for (const auto& c : changes(a, now)) CHECK_MESSAGE((c.turn == tighter || c.turn == plain), c.key, ": ", c.from, " -> ", c.to);
            CHECK(changes(now, tighter_of(now, b)).empty());
            if (!loosens(changes(a, b))) CHECK(changes(now, b).empty());
            if (changes(a, b).empty()) CHECK(now.text == a.text);
            // And it is a policy that can be written down.
            const auto read = parse_policy(now.text, "merged");
            REQUIRE_MESSAGE(read.has_value(), now.text);
            CHECK(changes(*read, now).empty());
        }
    }

    TEST_CASE("canonical text means the same, is its own canonical text, and is the same for policies that mean the same") {
        std::mt19937 random(8);
        for (int i = 0; i < 500; ++i) {
            const Policy a = random_policy(random);
            const std::string text = canonical_text(a);
            const Policy read = parsed(text);
            CHECK(changes(a, read).empty());
            CHECK(canonical_text(read) == text);
        }
        CHECK(canonical_text(with("[archive]\nkeep = \"1w\"\n")) ==
              service + "languages = [\"en\"]\n\n[archive]\nkeep = \"7d\"\n\n[letterbox]\nkeep = \"14d\"\nmax_messages = 1000\nmax_bytes = 16777216\n\n"
                        "[subscriptions]\nkeep = \"90d\"\n\n[uploads]\nkeep = \"0\"\n\n[accounts]\nregistration = \"closed\"\n\n[change]\nnotice = \"0\"\n\n"
                        "[log]\nkeep = \"1d\"\naddress = \"none\"\naccount = \"none\"\npeer = \"none\"\n");
    }

    TEST_CASE("the file to begin with names every key, and what is commented out there is right as it stands") {
        std::ifstream file(LETHE_SOURCE_ROOT "/policy-examples/default.toml");
        std::string text, section, line;
        std::set<std::string> named;
        const std::regex commented(R"(# (\[\w+\]|\w+ = .*))"), heading(R"(\[([\w.]+)\].*)"), key(R"((\w+) = .*)");
        for (std::smatch m; std::getline(file, line); text += line + '\n') {
            if (std::regex_match(line, m, commented)) line = m.str(1);
            if (std::regex_match(line, m, heading)) section = m.str(1);
            if (std::regex_match(line, m, key)) named.insert(section + '.' + m.str(1));
        }
        parsed(text);
        for (const std::string& name : policy_key_names())
            if (std::ranges::count(name, '.') == 1) CHECK_MESSAGE(named.contains(name), name);
    }
}
