// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <set>

#include "crypto/bytes.h"
#include "retention/policy.h"

using namespace lethe::retention;

namespace {

constexpr std::int64_t second = 1'000'000, hour = 3600 * second, day = 24 * hour;

Policy parsed(std::string text) {
    auto policy = parse_policy(std::move(text), "policy.toml");
    if (!policy)
        for (const auto& e : policy.error()) FAIL_CHECK(e.to_string());
    REQUIRE(policy.has_value());
    return std::move(*policy);
}

const std::string smallest =
    "[service]\nname = \"A\"\noperator = \"B\"\ncontact = [\"mailto:a@b.example\"]\n"
    "[archive]\nkeep = \"0\"\n[letterbox]\nkeep = \"0\"\n[log]\nkeep = \"0\"\n";

std::string with_log(std::string_view log) {
    return smallest.substr(0, smallest.find("[log]")) + "[log]\n" + std::string(log);
}

const LogRules* rules(const Policy& policy, std::string_view event) {
    const auto found = std::ranges::find(policy.log_events, event,
                                         [](const auto& e) -> std::string_view { return e.first; });
    return found == policy.log_events.end() ? nullptr : &found->second;
}

}  // namespace

TEST_SUITE("retention/policy") {
    TEST_CASE("a span of time is a whole number and a unit, 0, or unlimited") {
        const std::pair<const char*, std::int64_t> good[] = {
            {"1s", second},    {"20s", 20 * second}, {"10min", 600 * second}, {"24h", day},
            {"90d", 90 * day}, {"2w", 14 * day},     {"36600d", 36600 * day}};
        for (const auto& [text, micros] : good) {
            CAPTURE(text);
            const auto keep = parse_keep(text);
            REQUIRE(keep.has_value());
            CHECK(keep->micros == micros);
            CHECK_FALSE(keep->unlimited);
            CHECK(keep->stored());
        }
        CHECK_FALSE(parse_keep("0")->stored());
        CHECK(parse_keep("unlimited")->unlimited);
        CHECK(parse_keep("unlimited")->stored());
    }

    TEST_CASE("what is not a span of time is refused with what would be right") {
        const std::pair<const char*, const char*> bad[] = {
            {"", "whole number and a unit"},
            {"7", "unit is missing"},
            {"d", "whole number and a unit"},
            {"7m", "\"7min\""},
            {"7 d", "whole number and a unit"},
            {" 7d", "whole number and a unit"},
            {"7d ", "whole number and a unit"},
            {"7days", "\"7d\""},
            {"7D", "\"7d\""},
            {"3weeks", "\"3w\""},
            {"-1d", "whole number and a unit"},
            {"1.5h", "whole number and a unit"},
            {"0d", "write \"0\""},
            {"00", "unit is missing"},
            {"07d", "leading zero"},
            {"36601d", "write \"unlimited\""},
            {"99999999999999999999999s", "write \"unlimited\""},
            {"forever", "write \"unlimited\""},
            {"none", "write \"0\""},
            {"7y", "whole number and a unit"},
            {"1d12h", "whole number and a unit"}};
        for (const auto& [text, remedy] : bad) {
            CAPTURE(text);
            const auto keep = parse_keep(text);
            REQUIRE_FALSE(keep.has_value());
            CHECK_MESSAGE(keep.error().find(remedy) != std::string::npos, keep.error());
        }
    }

    TEST_CASE("a span of time written out is read back as the same") {
        std::mt19937_64 random(1);
        const std::int64_t units[] = {second, 60 * second, hour, day, 7 * day};
        for (int i = 0; i < 2000; ++i) {
            const Keep keep{.micros = static_cast<std::int64_t>(1 + random() % 5000) * units[random() % 5],
                            .unlimited = false};
            CAPTURE(keep.micros);
            CHECK(parse_keep(to_string(keep)).value() == keep);
        }
        CHECK(to_string(Keep{}) == "0");
        CHECK(to_string(Keep{.micros = 0, .unlimited = true}) == "unlimited");
        CHECK(to_string(Keep{.micros = 7 * day, .unlimited = false}) == "7d");
        CHECK(to_string(Keep{.micros = 5 * hour, .unlimited = false}) == "5h");
        CHECK(to_string(Keep{.micros = 90 * second, .unlimited = false}) == "90s");
    }

    TEST_CASE("every example parses") {
        std::size_t seen = 0;
        for (const auto& file : std::filesystem::directory_iterator(LETHE_SOURCE_ROOT "/policy-examples")) {
            if (file.path().extension() != ".toml") continue;
            ++seen;
            const auto policy = load_policy(file.path().string());
            if (!policy)
                for (const auto& e : policy.error()) FAIL_CHECK(e.to_string());
        }
        CHECK(seen >= 3);
    }

    TEST_CASE("the examples keep what their names promise") {
        const auto demo = load_policy(LETHE_SOURCE_ROOT "/policy-examples/demo.toml").value();
        CHECK(to_string(demo.archive) == "20s");
        CHECK(to_string(demo.letterbox) == "20s");
        CHECK(to_string(demo.subscriptions) == "1min");
        CHECK(to_string(demo.log.keep) == "20s");
        const auto nothing = load_policy(LETHE_SOURCE_ROOT "/policy-examples/nothing-stored.toml").value();
        for (const Keep& keep : {nothing.archive, nothing.letterbox, nothing.subscriptions, nothing.log.keep})
            CHECK_FALSE(keep.stored());
        CHECK(nothing.log_events.empty());
        const auto standard = load_policy(LETHE_SOURCE_ROOT "/policy-examples/default.toml").value();
        CHECK(to_string(standard.archive) == "7d");
        CHECK(to_string(standard.letterbox) == "14d");
        CHECK(standard.letterbox_max_messages == 1000);
        CHECK(standard.letterbox_max_bytes == 16777216);
        CHECK(standard.service.languages == std::vector<std::string>{"en", "de"});
        for (const Policy* p : {&demo, &nothing, &standard})
            for (const Treatment t : {p->log.address, p->log.account, p->log.peer})
                CHECK(t == Treatment::none);
    }

    TEST_CASE("what the file does not say has its default, and the least is logged") {
        const Policy policy = parsed(smallest);
        CHECK(policy.subscriptions == parse_keep("90d").value());
        CHECK(policy.registration == "closed");
        CHECK_FALSE(policy.max_accounts.has_value());
        CHECK(policy.service.languages == std::vector<std::string>{"en"});
        CHECK(policy.log.address == Treatment::none);
        CHECK(policy.log.account == Treatment::none);
        CHECK(policy.log.peer == Treatment::none);
        CHECK(policy.log.client == Treatment::none);
        CHECK(policy.text == smallest);
    }

    TEST_CASE("every key that exists is read") {
        const Policy policy = parsed(
            "[service]\nname = \"Ü\"\noperator = \"B C\"\ncontact = [\"xmpp:a@b\", \"mailto:a@b\", "
            "\"https://b/\"]\n"
            "jurisdiction = \"EU\"\nlanguages = [\"de\"]\nterms_url = \"https://b/terms\"\n"
            "[archive]\nkeep = \"unlimited\"\nchoices = []\n[letterbox]\nkeep = \"1d\"\nmax_messages = "
            "7\nmax_bytes = 70_000\n"
            "[subscriptions]\nkeep = \"0\"\n[accounts]\nregistration = \"closed\"\nmax_accounts = "
            "5\ninactive_after = \"0\"\nlast_seen = \"none\"\n"
            "[log]\nkeep = \"2h\"\naddress = \"network\"\naccount = \"pseudonym\"\npeer = \"full\"\nclient = "
            "\"none\"\n"
            "[log.login_failed]\nkeep = \"1h\"\naddress = \"full\"\n[log.letterbox_full]\nkeep = \"0\"\npeer "
            "= \"none\"\n"
            "[uploads]\nkeep = \"1h\"\nmax_size = 5\nquota_per_day = 6\n[rooms]\nkeep = "
            "\"0\"\n[profile]\npublic = true\n"
            "[messages]\nrequire_encryption = \"off\"\nwelcome = \"\"\n[metrics]\npublic = false\n"
            "[federation]\nenabled = false\nauthentication = \"none\"\nonion = false\n[backup]\nevery = "
            "\"0\"\nkeep = \"0\"\n"
            "[change]\nnotice = \"0\"\n");
        CHECK(policy.service.name == "Ü");
        CHECK(to_string(policy.uploads) == "1h");
        CHECK(policy.uploads_max_size == 5);
        CHECK(policy.uploads_quota_per_day == 6);
        CHECK(policy.service.operator_name == "B C");
        CHECK(policy.service.contact.size() == 3);
        CHECK(policy.service.jurisdiction == "EU");
        CHECK(policy.service.terms_url == "https://b/terms");
        CHECK(policy.archive.unlimited);
        CHECK(policy.letterbox_max_messages == 7);
        CHECK(policy.letterbox_max_bytes == 70000);
        CHECK_FALSE(policy.subscriptions.stored());
        CHECK(policy.max_accounts == 5);
        REQUIRE(policy.log_events.size() == 2);
    }

    TEST_CASE("an event's own rules start from those of the log") {
        const Policy policy = parsed(with_log(
            "keep = \"2h\"\naddress = \"network\"\naccount = \"pseudonym\"\n"
            "[log.login_failed]\nkeep = \"1h\"\naddress = \"full\"\n[log.login]\naccount = \"none\"\n"));
        const LogRules* failed = rules(policy, "login_failed");
        REQUIRE(failed);
        CHECK(to_string(failed->keep) == "1h");
        CHECK(failed->address == Treatment::full);
        CHECK(failed->account == Treatment::pseudonym);
        const LogRules* login = rules(policy, "login");
        REQUIRE(login);
        CHECK(to_string(login->keep) == "2h");
        CHECK(login->address == Treatment::network);
        CHECK(login->account == Treatment::none);
        CHECK_FALSE(rules(policy, "stream_error"));
    }

    TEST_CASE("rules for all events are no contradiction when the log keeps nothing but some event does") {
        const Policy policy =
            parsed(with_log("keep = \"0\"\naddress = \"network\"\n[log.login_failed]\nkeep = \"1h\"\n"));
        CHECK(rules(policy, "login_failed")->address == Treatment::network);
    }

    TEST_CASE("choices are kept longest first, however they are listed; archive.keep may be among them as it is written") {
        const auto choices = [](const std::string& keep, const std::string& list) {
            std::string text = smallest;
            text.replace(text.find("[archive]\nkeep = \"0\""), 20, "[archive]\nkeep = \"" + keep + "\"\nchoices = " + list);
            std::vector<std::string> out;
            for (const Keep& k : parsed(text).archive_choices) out.push_back(to_string(k));
            return out;
        };
        using List = std::vector<std::string>;
        CHECK(choices("7d", "[\"0\", \"7d\", \"1d\"]") == List{"7d", "1d", "0"});
        CHECK(choices("1w", "[\"1w\"]") == List{"7d"});
        CHECK(choices("90min", "[\"90min\", \"59s\", \"59min\"]") == List{"90min", "59min", "59s"});
        CHECK(choices("unlimited", "[\"unlimited\", \"99d\", \"23h\"]") == List{"unlimited", "99d", "23h"});
        CHECK(choices("7d", "[]").empty());
    }

    TEST_CASE("every choice that can be written has a class, and no two the same") {
        std::set<lethe::crypto::ClassId> seen;
        for (const auto& [unit, most] : {std::pair{"s", 59}, {"min", 59}, {"h", 23}, {"d", 99}})
            for (int n = 1; n <= most; ++n) {
                const auto choice = parse_choice(std::to_string(n) + unit);
                REQUIRE(choice.has_value());
                const auto cls = lethe::crypto::choice_class(choice->micros);
                REQUIRE(cls.has_value());
                CHECK(seen.insert(*cls).second);
                CHECK(lethe::crypto::class_name(*cls) == "archive-" + std::to_string(n) + unit);
            }
    }

    TEST_CASE("a notice is a span of time, and none if it is not declared") {
        CHECK(parsed(smallest + "[change]\nnotice = \"14d\"\n").change_notice == parse_keep("14d").value());
        CHECK(parsed(smallest + "[change]\nnotice = \"0\"\n").change_notice == Keep{});
        CHECK(parsed(smallest).change_notice == Keep{});
    }

    TEST_CASE("a file that cannot be read is an error that names it") {
        const auto missing = load_policy("/nonexistent/policy.toml");
        REQUIRE_FALSE(missing.has_value());
        CHECK(missing.error().at(0).to_string().starts_with("/nonexistent/policy.toml: cannot be opened"));
        const auto directory = load_policy("/");
        REQUIRE_FALSE(directory.has_value());
        CHECK(directory.error().at(0).to_string().starts_with("/: is a directory, not a regular file"));
        CHECK(load_policy("/dev/zero").error().at(0).to_string() == "/dev/zero: is a device, not a regular file; name a policy or configuration file");
    }
}
