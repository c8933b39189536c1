// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>
#include <sys/stat.h>

#include "server/admin/config.h"
#include "tests/unit/admin/fixtures.h"

using namespace lethe;
using namespace lethe::admin;

namespace {

constexpr std::string_view domain_line = "domain = \"chat.example\"\n";

}  // namespace

TEST_SUITE("admin/permissions") {
    TEST_CASE("a configuration that others can read or change is refused with its path and the remedy") {
        const test::TempDir dir;
        dir.write("lethe.toml", domain_line);
        dir.write("policy.toml", "");
        dir.write("node.key", "");
        dir.write("tls/key.pem", "");
        dir.write("tls/cert.pem", "");
        const auto config = parse_config(domain_line, dir.file("lethe.toml"));
        REQUIRE(config.has_value());
        REQUIRE(check_permissions(*config).has_value());

        const auto with_mode = [&](const std::string& path, mode_t mode) {
            struct stat before {};
            REQUIRE(stat(path.c_str(), &before) == 0);
            REQUIRE(chmod(path.c_str(), mode) == 0);
            auto result = check_permissions(*config);
            REQUIRE(chmod(path.c_str(), before.st_mode & 07777) == 0);
            return result;
        };
        const auto refusal = [&](const std::string& path, mode_t mode) {
            const auto result = with_mode(path, mode);
            REQUIRE_FALSE(result.has_value());
            return result.error();
        };
        for (const auto* name : {"lethe.toml", "policy.toml", "node.key"})
            for (const mode_t mode : {0640, 0604, 0620, 0644, 0610}) {
                CAPTURE(name);
                CHECK(refusal(dir.file(name), mode)
                          .starts_with(dir.file(name) + " is open to other users (mode 0"));
                CHECK(refusal(dir.file(name), mode).ends_with("; run: chmod 0600 " + dir.file(name)));
            }
        CHECK(refusal(dir.file("node.key"), 0644) ==
              dir.file("node.key") + " is open to other users (mode 0644); run: chmod 0600 " +
                  dir.file("node.key"));
        CHECK(refusal(dir.path().string(), 0750)
                  .starts_with(dir.path().string() + " is open to other users (mode 0750)"));
        CHECK(with_mode(dir.file("tls/key.pem"), 0640).has_value());
        CHECK(
            refusal(dir.file("tls/key.pem"), 0644).ends_with("; run: chmod 0640 " + dir.file("tls/key.pem")));
        CHECK(
            refusal(dir.file("tls/key.pem"), 0660).ends_with("; run: chmod 0640 " + dir.file("tls/key.pem")));
        CHECK(with_mode(dir.file("tls/cert.pem"), 0644).has_value());
        CHECK(refusal(dir.file("tls/cert.pem"), 0664) ==
              dir.file("tls/cert.pem") + " can be changed by other users (mode 0664); run: chmod go-w " +
                  dir.file("tls/cert.pem"));
    }

    TEST_CASE("a file that is missing is named") {
        const test::TempDir dir;
        dir.write("lethe.toml", domain_line);
        const auto config = parse_config(domain_line, dir.file("lethe.toml"));
        REQUIRE(config.has_value());
        const auto result = check_permissions(*config);
        REQUIRE_FALSE(result.has_value());
        CHECK(result.error() ==
              dir.file("policy.toml") +
                  " cannot be examined (No such file or directory); lethectl init makes it");
    }
}
