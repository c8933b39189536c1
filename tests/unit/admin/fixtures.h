// SPDX-License-Identifier: AGPL-3.0-or-later
// A directory of its own for each test case, gone with it.
#pragma once
#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "crypto/secret.h"

namespace lethe::test {

class TempDir {
public:
    TempDir() {
        std::string pattern = (std::filesystem::temp_directory_path() / "lethe-admin-XXXXXX").string();
        REQUIRE(mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    ~TempDir() {
        std::error_code ignored;  // a leftover in /tmp fails nothing
        std::filesystem::remove_all(path_, ignored);
    }
    TempDir(const TempDir&) = delete;
    const std::filesystem::path& path() const { return path_; }
    std::string file(std::string_view name) const { return (path_ / name).string(); }
    /// Mode 0600, directories 0700.
    void write(std::string_view name, std::string_view text) const {
        namespace fs = std::filesystem;
        const auto target = path_ / name;
        fs::create_directories(target.parent_path());
        fs::permissions(target.parent_path(), fs::perms::owner_all);
        std::ofstream(target, std::ios::binary) << text;
        fs::permissions(target, fs::perms::owner_read | fs::perms::owner_write);
    }

private:
    std::filesystem::path path_;
};

/// Secret memory is set up once for the whole program.
inline void need_secrets() {
    static const auto ready = crypto::initialise();
    REQUIRE(ready.has_value());
}

}  // namespace lethe::test
