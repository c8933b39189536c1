// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tools/audit/escape.h"
#include "tools/audit/output.h"

using namespace lethe;
using namespace lethe::audit;

namespace {

Report hostile() {
    Report report;
    report.directory = "/srv/\x1b[2J<script>alert(1)</script>";
    report.policy_name = "\"><img>";
    report.at = 1'795'370'400'000'000;
    for (std::size_t i = 0; i < check_count; ++i) report.unit[i] = "things";
    report.findings.add({Check::catalogue, "log/\n\x1b[31m<b>", "table \xff'\"", "is foreign", "remove it"});
    report.stored.push_back({"archive<", "p", {report.at - 1000, report.at, report.at + 1000}, 4096});
    report.stored.push_back({"log", "q", {report.at - 100'000'000, report.at, report.at - 50'000'000}, 1});
    report.stored.push_back({"log", "r", {INT64_MIN, INT64_MAX, INT64_MIN}, 1});
    report.stored.push_back({"letterbox", "s", {report.at, report.at, store::no_deadline}, UINT64_MAX});
    return report;
}

bool harmless(std::string_view text) {
    return text.find('\x1b') == text.npos && text.find('\xff') == text.npos;
}

}  // namespace

TEST_SUITE("audit/output") {
    TEST_CASE("a name steers neither terminal nor page nor JSON") {
        const auto report = hostile();
        const auto text = as_text(report, [](std::string_view part) { return std::string(part); });
        const auto page = as_html(report);
        CHECK(harmless(text));
        CHECK(harmless(page));
        CHECK(page.find("<script") == std::string::npos);
        CHECK(page.find("<img") == std::string::npos);
        CHECK(page.find("archive&lt;") != std::string::npos);
        CHECK(text.find("log/\\x0a\\x1b[31m<b>") != std::string::npos);
        const auto json = nlohmann::json::parse(as_json(report));
        CHECK(json["findings"][0]["place"] == "log/\\x0a\\x1b[31m<b>");
        CHECK(json["holds"] == false);
    }
    TEST_CASE("the page needs nothing from elsewhere and runs nothing") {
        const auto page = as_html(hostile());
        for (const auto* word : {"http://", "https://", "src=", "<link", "@import", "url(", "onload"}) CHECK_MESSAGE(page.find(word) == std::string::npos, word);
        CHECK(page.find("lang=\"en\"") != std::string::npos);
        CHECK(page.find("<h1>") != std::string::npos);
        CHECK(page.find("role=\"img\"") != std::string::npos);
    }
    TEST_CASE("a report without findings says that all holds, and what it cannot show all the same") {
        Report report;
        for (std::size_t i = 0; i < check_count; ++i) report.unit[i] = "rows";
        const auto text = as_text(report, [](std::string_view part) { return std::string(part); });
        CHECK(text.find("Everything that an audit can show holds.") != std::string::npos);
        CHECK(text.find("FAILS") == std::string::npos);
        CHECK(text.find("moved or swapped") != std::string::npos);
    }
    TEST_CASE("a long name is cut and a backslash cannot pretend to be an escape") {
        CHECK(printable(std::string(10'000, 'a')).size() < 310);
        CHECK(printable("\\x41") == "\\x5cx41");
    }
    TEST_CASE("of many findings some are kept and all are counted") {
        Findings findings;
        for (int i = 0; i < 1000; ++i) findings.add({Check::catalogue, std::to_string(i), "", "x", "y"});
        findings.add({Check::log, "a", "", "x", "y"});
        CHECK(findings.list().size() == Findings::most + 1);
        CHECK(findings.count() == 1001);
    }
    TEST_CASE("what one look finds and the next does not is no finding") {
        Findings first, again;
        first.add({Check::keys, "a", "", "x", "y"});
        first.add({Check::keys, "b", "", "x", "y"});
        again.add({Check::keys, "b", "", "x", "y"});
        again.add({Check::keys, "c", "", "x", "y"});
        first.keep_common(again);
        CHECK(first.count() == 1);
        CHECK(first.list()[0].place == "b");
    }
}
