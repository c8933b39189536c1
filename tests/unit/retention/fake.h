// SPDX-License-Identifier: AGPL-3.0-or-later
// A clock that stands still until told otherwise, a directory that goes away, and a policy to start from.
#pragma once
#include <doctest/doctest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "crypto/secret.h"
#include "retention/clock.h"
#include "retention/policy.h"

namespace lethe::retention::test {

inline constexpr Time second = 1'000'000, minute = 60 * second, hour = 60 * minute, day = 24 * hour;
/// 2026-11-22T18:00:00Z
inline constexpr Time some_hour = 1'795'370'400 * second;

/// Secrets need it; checked by Directory, which every test that keeps one uses.
inline const bool crypto_ready = crypto::initialise().has_value();

struct FakeClock final : Clock {
    std::atomic<Time> time = some_hour;  ///< the ledger's thread asks, too
    Time now() const override { return time; }
};

class Directory {
public:
    Directory() {
        std::string name = (std::filesystem::temp_directory_path() / "lethe-test-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
        REQUIRE(crypto_ready);
    }
    ~Directory() {
        std::error_code ignored;  // what a failed test leaves behind is in /tmp
        std::filesystem::remove_all(path_, ignored);
    }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    std::filesystem::path operator/(const char* name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

inline std::string contents(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

inline Keep kept(const char* text) { return parse_keep(text).value(); }

/// A policy that says so about its log and keeps nothing else.
inline Policy with_log(const std::string& log) {
    auto policy = parse_policy(
        "[service]\nname = \"A\"\noperator = \"B\"\ncontact = [\"mailto:a@b.example\"]\n[archive]\nkeep = "
        "\"0\"\n"
        "[letterbox]\nkeep = \"0\"\n[log]\n" +
            log,
        "policy");
    if (!policy)
        for (const auto& e : policy.error()) FAIL_CHECK(e.to_string());
    REQUIRE(policy.has_value());
    return *policy;
}

}  // namespace lethe::retention::test
