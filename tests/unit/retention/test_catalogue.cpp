// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <set>

#include "retention/catalogue.h"
#include "retention/clock_guard.h"
#include "tests/unit/retention/ledger_support.h"
#include "tests/unit/retention/log_support.h"
#include "tests/unit/retention/world.h"

using namespace lethe;
using namespace lethe::retention;
using namespace lethe::retention::test;
using crypto::ClassId;
namespace fs = std::filesystem;

namespace {

/// The paths of one row: what stands before ", table", with its placeholders.
std::vector<std::string> paths(const CatalogueRow& row) {
    std::vector<std::string> out;
    std::string rest(row.where);
    for (std::size_t at = 0; !rest.empty(); rest.erase(0, at)) {
        at = std::min(rest.find(", "), rest.size());
        const std::string part = rest.substr(0, at);
        if (part.find('/') != std::string::npos) out.push_back(part);
        at = std::min(at + 2, rest.size());
    }
    return out;
}

std::regex pattern(std::string path) {
    path = std::regex_replace(path, std::regex("\\."), "\\.");
    path = std::regex_replace(path, std::regex("CLASS"), "(archive|archive-CHOICE|letterbox|subscriptions)");
    path = std::regex_replace(path, std::regex("CHOICE"), "[0-9]+(s|min|h|d)");
    return std::regex(std::regex_replace(path, std::regex("START|END(?=-)|DEADLINE|NUMBER"), "[0-9]+"));
}

const CatalogueRow& row(const std::vector<CatalogueRow>& rows, std::string_view name) {
    const auto found = std::ranges::find(rows, name, &CatalogueRow::name);
    REQUIRE(found != rows.end());
    return *found;
}

}  // namespace

TEST_SUITE("retention/catalogue") {
    TEST_CASE("every file of a used data directory belongs to a row, and every row to a file") {
        Policy policy = keeps("24h", "24h", "24h");
        policy.archive_choices = {kept("24h"), kept("30min")};
        World w(policy);
        for (const ClassId cls : w.buckets->classes()) w.make(cls);
        const auto log = opened(w.data() / "log", with_log("keep = \"24h\"\n"), w.clock);
        log->write(Event::server_started);
        ledger_at(w.data() / ledger_file, w.clock).reset();
        REQUIRE(ClockGuard::write_record(w.data(), "a record") == 0);
        const auto rows = catalogue(policy);
        std::set<std::string> found;
        for (const auto& entry : fs::recursive_directory_iterator(w.data())) {
            if (entry.is_directory()) continue;
            const std::string file = "DATA/" + fs::relative(entry.path(), w.data()).string();
            bool listed = false;
            for (const auto& r : rows)
                for (const auto& path : paths(r))
                    if (std::regex_match(file, pattern(path))) listed = true, found.insert(path);
            CHECK_MESSAGE(listed, file, " is in no row");
        }
        for (const auto& r : rows)
            for (const auto& path : paths(r))
                if (path.starts_with("DATA/") && path != "DATA/run/control")
                    CHECK_MESSAGE(found.contains(path), path, " names no file");
    }

    TEST_CASE("the tables of the store are all there") {
        const auto rows = catalogue(keeps("24h"));
        for (const char* table : {"table accounts", "table roster", "table blocklist", "table settings", "table personal", "table profile",
                                  "table meta", "table policy", "tables info, heads, entries"})
            CHECK_MESSAGE(std::ranges::any_of(rows,
                                              [&](const CatalogueRow& r) {
                                                  return r.where.find(table) != std::string_view::npos;
                                              }),
                          table);
    }

    TEST_CASE("names are unique and nothing is left empty") {
        std::set<std::string_view> names;
        for (const auto& r : catalogue(keeps("24h"))) {
            CHECK(names.insert(r.name).second);
            for (const std::string_view text :
                 {r.where, r.fields, std::string_view(r.lifetime), r.erased_by, to_string(r.reader)})
                CHECK_FALSE(text.empty());
        }
    }

    TEST_CASE("lifetimes are those of the policy") {
        Policy policy = keeps("7d", "unlimited", "0");
        policy.log.keep = kept("24h");
        policy.log_events = {
            {"login", {.keep = kept("1h")}}, {"login_failed", {.keep = kept("24h")}}, {"stream_error", {}}};
        const auto rows = catalogue(policy);
        CHECK(row(rows, "archive").lifetime == "7d");
        CHECK(row(rows, "letterbox").lifetime == "unlimited");
        CHECK(row(rows, "subscriptions").lifetime == "not stored");
        CHECK(row(rows, "log").lifetime == "1d; login: 1h; stream_error: not stored");
        CHECK(row(rows, "bucket, from outside").lifetime ==
              "archive: 7d; letterbox: unlimited; subscriptions: not stored");
        policy.archive_choices = {kept("7d"), kept("1d"), kept("0")};
        CHECK(row(catalogue(policy), "archive, own choice").lifetime == "7d, 1d, not stored");
        CHECK(row(catalogue(policy), "bucket, from outside").lifetime ==
              "archive: 7d or as its owner chose: 7d, 1d, not stored; letterbox: unlimited; subscriptions: not stored");
    }

    TEST_CASE("what only the owner's login opens is said to be just that, and the log is not") {
        const auto rows = catalogue(keeps("7d"));
        for (const char* name :
             {"contact list", "blocklist", "settings", "private nodes", "archive", "letterbox", "subscriptions"})
            CHECK(row(rows, name).reader == Reader::owner_login);
        for (const char* name : {"account", "account, by name", "public profile", "push registrations", "keyring", "bucket, by account"})
            CHECK(row(rows, name).reader == Reader::node_key);
        for (const char* name : {"log", "node key", "bucket, from outside", "account, from outside"})
            CHECK(row(rows, name).reader == Reader::disk);
        CHECK(to_string(Reader::owner_login) == "only the owner's login");
    }
}
