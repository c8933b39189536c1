// SPDX-License-Identifier: AGPL-3.0-or-later
// Every mistake is named with its place and with what would be right.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "retention/policy.h"

using namespace lethe::retention;

namespace {

// Lines 1 to 4, 5 and 6, 7 and 8, 9 and 10: what is added starts on line 11.
const std::string service = "[service]\nname = \"A\"\noperator = \"B\"\ncontact = [\"mailto:a@b.example\"]\n";
const std::string archive = "[archive]\nkeep = \"0\"\n", letterbox = "[letterbox]\nkeep = \"0\"\n",
                  log_section = "[log]\nkeep = \"1h\"\n";
const std::string good = service + archive + letterbox + log_section;

std::vector<std::string> mistakes(const std::string& text) {
    const auto policy = parse_policy(text, "p");
    std::vector<std::string> out;
    if (!policy)
        for (const auto& e : policy.error()) out.push_back(e.to_string());
    return out;
}

struct Case {
    std::string text, place;        ///< "LINE:COLUMN"
    std::vector<std::string> says;  ///< parts of the message
};

void check(const std::vector<Case>& cases) {
    for (const Case& c : cases) {
        CAPTURE(c.text);
        const auto found = mistakes(c.text);
        REQUIRE(found.size() == 1);
        CHECK_MESSAGE(found[0].starts_with("p:" + c.place + ": "), found[0]);
        for (const auto& part : c.says)
            CHECK_MESSAGE(found[0].find(part) != std::string::npos, found[0], " lacks: ", part);
        CHECK_MESSAGE(found[0].find(';') != std::string::npos, found[0], " does not say what would be right");
    }
}

}  // namespace

TEST_SUITE("retention/policy errors") {
    TEST_CASE("the base of the cases below is good") { CHECK(mistakes(good).empty()); }

    TEST_CASE("what must be declared is missed where its section is, or in line 1") {
        check({
            {"[service]\noperator = \"B\"\ncontact = [\"xmpp:b\"]\n" + archive + letterbox + log_section,
             "1:1",
             {"service.name is missing"}},
            {archive + "[service]\nname = \"A\"\ncontact = [\"xmpp:b\"]\n" + letterbox + log_section,
             "3:1",
             {"service.operator is missing"}},
            {archive + "[service]\nname = \"A\"\noperator = \"B\"\n" + letterbox + log_section,
             "3:1",
             {"service.contact is missing", "xmpp:"}},
            {service + letterbox + log_section,
             "1:1",
             {"archive.keep is not declared", "is not stored", "\"0\""}},
            {service + archive + "[letterbox]\n" + log_section,
             "7:1",
             {"letterbox.keep is not declared", "is not stored"}},
            {service + archive + letterbox + "\n  [log]\n",
             "10:3",
             {"log.keep is not declared", "is not stored"}},
            {service + archive + letterbox + "[log.login]\nkeep = \"1h\"\n",
             "9:1",
             {"log.keep is not declared"}},
        });
    }

    TEST_CASE("unknown names come with the nearest known one, or with all of them") {
        check({
            {"nmae = 1\n" + good, "1:1", {"unknown key \"nmae\"", "known here: service, archive"}},
            {good + "[acounts]\n", "11:2", {"unknown section \"acounts\"", "did you mean \"accounts\"?"}},
            {good + "[Accounts]\n", "11:2", {"did you mean \"accounts\"?"}},
            {good + "[zzz]\nkeep = \"1d\"\n",
             "11:2",
             {"unknown section \"zzz\"; known here: service, archive, letterbox"}},
            {good + "[subscriptions]\nkeep_for = \"1d\"\n",
             "12:1",
             {"unknown key \"keep_for\" in [subscriptions]; known here: keep"}},
            {good + "[accounts]\nregistartion = \"closed\"\n", "12:1", {"did you mean \"registration\"?"}},
            {good + "[accounts]\nlast-seen = \"none\"\n", "12:1", {"did you mean \"last_seen\"?"}},
            {good + "[log.login_faild]\n",
             "11:6",
             {"unknown section \"login_faild\" in [log]", "did you mean \"login_failed\"?"}},
            {good + "[log.login]\nadress = \"none\"\n",
             "12:1",
             {"unknown key \"adress\" in [log.login]", "did you mean \"address\"?"}},
            {good + "[log.login.keep2]\n", "11:12", {"unknown section \"keep2\" in [log.login]"}},
            {good + "colour = \"red\"\n", "11:1", {"unknown key \"colour\" in [log]"}},
            {good + "[uploads]\nmaxsize = 0\n", "12:1", {"did you mean \"max_size\"?"}},
            {good + "[[extra]]\na = 1\n", "11:3", {"unknown key \"extra\""}},
            {good + "[accounts]\n\"\\u001b[31m\" = 1\n", "12:1", {"unknown key \"?[31m\""}},
        });
    }

    TEST_CASE("a value of the wrong type is refused with the right one") {
        check({
            {"archive = \"7d\"\n" + service + letterbox + log_section,
             "1:11",
             {"archive is a text", "write [archive]"}},
            {"[[archive]]\nkeep = \"7d\"\n" + service + letterbox + log_section,
             "1:1",
             {"archive is a list", "write [archive]"}},
            {service + archive + letterbox + "[log]\nkeep = 0\n",
             "10:8",
             {"log.keep is a whole number", "in double quotes"}},
            {service + archive + letterbox + "[log]\nkeep = 24h\n", "10:10", {"not valid TOML"}},
            {good + "login = 1\n", "11:9", {"log.login is a whole number", "write [log.login]"}},
            {good + "address = false\n", "11:11", {"log.address is true or false", "text in double quotes"}},
            {good + "[accounts]\nmax_accounts = \"5\"\n",
             "12:16",
             {"accounts.max_accounts is a text", "without quotes"}},
            {good + "[accounts]\nmax_accounts = 5.5\n",
             "12:16",
             {"a number with a fraction", "a whole number"}},
            {good + "[accounts]\nregistration = 2026-01-01\n", "12:16", {"is a date or time"}},
            {good + "[metrics]\npublic = \"false\"\n",
             "12:10",
             {"metrics.public is a text", "true or false without quotes"}},
            {good + "[uploads]\nkeep = { a = 1 }\n", "12:8", {"uploads.keep is a section"}},
            {"[service]\nname = \"A\"\noperator = \"B\"\ncontact = \"mailto:a@b\"\n" + archive + letterbox +
                 log_section,
             "4:11",
             {"service.contact is a text", "a list of texts"}},
            {"[service]\nname = \"A\"\noperator = \"B\"\ncontact = [\"mailto:a@b\", 5]\n" + archive +
                 letterbox + log_section,
             "4:26",
             {"service.contact holds a whole number"}},
        });
    }

    TEST_CASE("a wrong value is refused where it stands, even after characters of several bytes") {
        const std::string rest = archive + letterbox + log_section,
                          head = "[service]\nname = \"A\"\noperator = \"B\"\n";
        check({
            {head + "contact = []\n" + rest, "4:11", {"service.contact is empty"}},
            {head + "contact = [\"mailto:ä@b\",\n           \"tel:123\"]\n" + rest,
             "5:12",
             {"\"tel:123\" is not a contact", "xmpp:, mailto: or https:"}},
            {head + "contact = [\"xmpp:äöü@b\", \"mailto:nobody\"]\n" + rest, "4:26", {"is not a contact"}},
            {head + "contact = [\"https:\"]\n" + rest, "4:12", {"is not a contact"}},
            {head + "contact = [\"https://a b\"]\n" + rest, "4:12", {"is not a contact"}},
            {service + "languages = [\"en\", \"fr\"]\n" + rest,
             "5:20",
             {"no texts in \"fr\"", "\"en\" and \"de\""}},
            {service + "languages = [\"de\", \"en\", \"de\"]\n" + rest, "5:26", {"listed twice"}},
            {service + "languages = []\n" + rest, "5:13", {"service.languages is empty"}},
            {service + "terms_url = \"http://a/\"\n" + rest, "5:13", {"https://"}},
            {service + "jurisdiction = \"a\\nb\"\n" + rest, "5:16", {"a line break or another control character"}},
            {"[service]\nname = \"  \"\noperator = \"B\"\ncontact = [\"xmpp:b\"]\n" + rest,
             "2:8",
             {"service.name must be one line"}},
            {service + "[archive]\nkeep = \"7 d\"\n" + letterbox + log_section,
             "6:8",
             {"archive.keep: \"7 d\" is not a span of time"}},
            {service + "[archive]\nkeep = \"7m\"\n" + letterbox + log_section, "6:8", {"write \"7min\""}},
            {good + "[subscriptions]\nkeep = \"forever\"\n", "12:8", {"write \"unlimited\""}},
            {good + "[accounts]\nmax_accounts = 0\n", "12:16", {"out of range", "from 1 to"}},
            {good + "[accounts]\nregistration = \"closd\"\n",
             "12:16",
             {"is unknown", "did you mean \"closed\"?"}},
            {good + "address = \"pseudonim\"\n",
             "11:11",
             {"is unknown", "\"network\", \"pseudonym\" or \"full\""}},
            {good + "account = \"hidden\"\n", "11:11", {"is unknown", "\"none\", \"pseudonym\" or \"full\""}},
            {good + "account = \"network\"\n", "11:11", {"only an address has a network"}},
            {good + "[log.letterbox_full]\npeer = \"network\"\n", "12:8", {"only an address has a network"}},
        });
    }

    TEST_CASE("contradictions are refused") {
        const std::string no_box = service + archive + log_section;
        check({
            {no_box + "[letterbox]\nkeep = \"0\"\nmax_messages = 5\n",
             "11:16",
             {"letterbox.max_messages contradicts"}},
            {no_box + "[letterbox]\nkeep = \"1d\"\nmax_messages = 0\n",
             "11:16",
             {"letterbox.max_messages = 0 contradicts"}},
            {no_box + "[letterbox]\nmax_bytes = 0\nkeep = \"1d\"\n",
             "10:13",
             {"letterbox.max_bytes = 0 contradicts"}},
            {no_box + "[letterbox]\nkeep = \"1d\"\nmax_bytes = -1\n", "11:13", {"out of range"}},
            {service + archive + letterbox + "[log]\nkeep = \"0\"\naccount = \"full\"\n",
             "11:11",
             {"log.account contradicts log.keep = \"0\""}},
            {good + "[log.login]\nkeep = \"0\"\naddress = \"full\"\n",
             "13:11",
             {"log.login.address contradicts keep = \"0\""}},
            {good + "[log.bucket_destroyed]\naddress = \"network\"\n",
             "12:11",
             {"this event carries no address"}},
            {good + "[log.login]\npeer = \"full\"\n", "12:8", {"this event carries no peer"}},
            {good + "client = \"full\"\n", "11:10", {"log.client", "no event carries"}},
            {good + "[log.login]\nclient = \"pseudonym\"\n",
             "12:10",
             {"log.login.client", "no event carries"}},
        });
    }

    TEST_CASE("a choice is refused with the one that would be right") {
        const auto archive_with = [](const char* keep, const char* choices) {
            return service + "[archive]\nkeep = \"" + keep + "\"\nchoices = " + choices + "\n" + letterbox + log_section;
        };
        check({
            {archive_with("7d", "[\"1d\", \"24h\"]"), "7:18", {"\"24h\" is no choice", "write \"1d\""}},
            {archive_with("90d", "[\"2w\"]"), "7:12", {"write \"14d\""}},
            {archive_with("7d", "[\"60s\"]"), "7:12", {"write \"1min\""}},
            {archive_with("7d", "[\"90min\"]"), "7:12", {"\"90min\" is no choice", "1 to 59 min"}},
            {archive_with("7d", "[\"36h\"]"), "7:12", {"\"36h\" is no choice", "1 to 23 h"}},
            {archive_with("unlimited", "[\"100d\"]"), "7:12", {"1 to 99 d"}},
            {archive_with("7d", "[\"unlimited\"]"), "7:12", {"write \"unlimited\" for archive.keep too"}},
            {archive_with("7d", "[\"1day\"]"), "7:12", {"archive.choices: \"1day\"", "write \"1d\""}},
            {archive_with("7d", "[\"7d\", \"8d\"]"), "7:18", {"\"8d\" is longer than archive.keep = \"7d\""}},
            {archive_with("7d", "[\"1d\", \"0\", \"1d\"]"), "7:23", {"listed twice"}},
            {archive_with("7d", "[\"7d\", \"1w\"]"), "7:18", {"listed twice"}},
            {archive_with("7d", "[\"7d\", \"1d\", \"1h\", \"0\"]"), "7:11", {"has 4 choices", "at most 3"}},
            {archive_with("0", "[\"0\"]"), "7:11", {"contradicts archive.keep = \"0\"", "leave it out"}},
            {archive_with("7d", "\"1d\""), "7:11", {"is a text", "a list of texts"}},
        });
    }

    TEST_CASE("a notice has an end") {
        check({
            {good + "[change]\nnotice = \"unlimited\"\n", "12:10", {"would never end", "\"14d\""}},
            {good + "[invitations]\nkeep = \"unlimited\"\n", "12:8", {"ends some day", "\"14d\""}},
            {good + "[invitations]\nkeep = \"0\"\n", "12:8", {"not at once", "registration = \"closed\""}},
            {good + "[invitations]\ndays = 3\n", "12:1", {"days"}},
            {good + "[change]\nnotice = 14\n", "12:10", {"change.notice is a whole number"}},
            {good + "[change]\nnotise = \"14d\"\n", "12:1", {"did you mean \"notice\"?"}},
        });
    }

    TEST_CASE("what is not built yet is refused by name unless it is off") {
        check({
            {good + "[accounts]\ninactive_after = \"180d\"\n",
             "12:18",
             {"accounts.inactive_after", "not built yet", "\"0\""}},
            {good + "[accounts]\nlast_seen = \"week\"\n",
             "12:13",
             {"accounts.last_seen", "not built yet", "\"none\""}},
            {good + "[uploads]\nmax_size = 1\n", "12:12", {"uploads.max_size contradicts uploads.keep", "keep = \"7d\""}},
            {good + "[uploads]\nquota_per_day = 1\n", "12:17", {"uploads.quota_per_day contradicts"}},
            {good + "[uploads]\nkeep = \"7d\"\nmax_size = 0\n", "13:12", {"uploads.max_size = 0 contradicts uploads.keep"}},
            {good + "[uploads]\nkeep = \"7d\"\nquota_per_day = 1000\n", "13:17",
             {"uploads.quota_per_day = 1000 is less than uploads.max_size = 16777216 (which holds where it is left out)"}},
            {good + "[uploads]\nkeep = \"7d\"\nmax_size = 200000000\n", "13:12",
             {"uploads.quota_per_day = 104857600 (which holds where it is left out) is less than uploads.max_size = 200000000"}},
            {good + "[rooms]\nkeep = \"unlimited\"\n", "12:8", {"rooms are not built yet"}},
            {good + "[profile]\npublic = false\n", "12:10", {"from strangers is not built yet", "public = true"}},
            {good + "[messages]\nrequire_encryption = \"remind\"\n", "12:22", {"not built yet", "\"off\""}},
            {good + "[messages]\nwelcome = \"hello\"\n", "12:11", {"welcome messages are not built yet"}},
            {good + "[federation]\nenabled = true\n",
             "12:11",
             {"federation is not built yet", "enabled = false"}},
            {good + "[federation]\nauthentication = \"dialback\"\n",
             "12:18",
             {"federation is not built yet"}},
            {good + "[federation]\nonion = true\n", "12:9", {"federation is not built yet"}},
            {good + "[backup]\nevery = \"1d\"\n", "12:9", {"backup is not built yet"}},
            {good + "[backup]\nkeep = \"1d\"\n", "12:8", {"backup is not built yet"}},
        });
    }

    TEST_CASE("a file that is not TOML is refused at the place where reading ended") {
        check({
            {"[service\n", "1:9", {"not valid TOML"}},
            {good + "keep = \"2h\"\n", "11:8", {"not valid TOML"}},
            {good + "[log]\n", "11:1", {"not valid TOML"}},
            {good + "a = \"\xff\"\n", "11:5", {"not valid TOML"}},
            {good + "a = \"" + std::string(70000, 'x') + "\"\n", "1:1", {"larger than"}},
            {good + "a" + std::string(300, '.') + " = 1\n", "11:1", {"dots in one line"}},
        });
    }

    TEST_CASE("all mistakes of a file are reported, in the order of their places") {
        const auto found = mistakes(
            "[service]\nname = 1\nopertor = \"B\"\ncontact = [\"a\", \"b\"]\n[log]\nkeep = \"x\"\naddress = "
            "\"some\"\n"
            "[letterbox]\nkeep = \"1d\"\n[rooms]\nkeep = \"1d\"\n");
        const char* const places[] = {"1:1", "1:1", "2:8", "3:1", "4:12", "4:17", "6:8", "7:11", "11:8"};
        REQUIRE(found.size() == std::size(places));
        for (std::size_t i = 0; i < found.size(); ++i)
            CHECK_MESSAGE(found[i].starts_with("p:" + std::string(places[i]) + ": "), found[i]);
    }

    TEST_CASE("a mistake in one value is not reported again as a contradiction") {
        CHECK(mistakes(service + archive + log_section + "[letterbox]\nkeep = \"x\"\nmax_messages = 5\n")
                  .size() == 1);
        CHECK(mistakes(service + archive + letterbox + "[log]\nkeep = \"x\"\naddress = \"full\"\n").size() ==
              1);
    }
}
