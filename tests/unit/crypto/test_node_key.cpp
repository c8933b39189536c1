// SPDX-License-Identifier: AGPL-3.0-or-later
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "tests/unit/crypto/fixture.h"

using namespace lethe::crypto_test;
using lethe::as_text;
namespace fs = std::filesystem;

namespace {

/// A directory that ends with the test.
struct Directory {
    std::string path;
    Directory() {
        std::string name = (fs::temp_directory_path() / "lethe-node-key-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~Directory() {
        std::error_code ignored;
        fs::remove_all(path, ignored);
    }
    std::string file(std::string_view content, mode_t mode = 0600) const {
        const std::string name = path + "/node.key";
        std::ofstream(name, std::ios::binary) << content;
        REQUIRE(chmod(name.c_str(), mode) == 0);
        return name;
    }
};

const std::string key_text = "0123456789abcdef0123456789abcdef";

/// The message, once it is seen to name the path.
std::string refusal(const std::string& path) {
    const auto key = load_node_key(path);
    REQUIRE(!key.has_value());
    CHECK(key.error().starts_with(path + ": "));
    return key.error();
}

}  // namespace

TEST_SUITE("crypto/node_key") {
    TEST_CASE("a created node key is 32 bytes, mode 0600, and is loaded again") {
        const Directory dir;
        const std::string path = dir.path + "/node.key";
        const auto created = create_node_key(path);
        REQUIRE(created.has_value());
        struct stat info {};
        REQUIRE(stat(path.c_str(), &info) == 0);
        CHECK(info.st_size == 32);
        CHECK((info.st_mode & 07777) == 0600);
        const auto loaded = load_node_key(path);
        REQUIRE(loaded.has_value());
        CHECK(hex_of(*loaded) == hex_of(*created));
    }

    TEST_CASE("creating never replaces a node key") {
        const Directory dir;
        const std::string path = dir.file(key_text);
        const auto created = create_node_key(path);
        REQUIRE(!created.has_value());
        CHECK(created.error().find(path) != std::string::npos);
        CHECK(hex_of(load_node_key(path).value()) == hex(as_bytes(key_text)));
    }

    TEST_CASE("creating where there is no directory says which path") {
        const Directory dir;
        const auto created = create_node_key(dir.path + "/no/node.key");
        REQUIRE(!created.has_value());
        CHECK(created.error().find(dir.path + "/no/node.key") != std::string::npos);
    }

    TEST_CASE("a stricter mode is fine") {
        const Directory dir;
        CHECK(load_node_key(dir.file(key_text, 0400)).has_value());
    }

    TEST_CASE("a node key that others may touch is refused with the remedy") {
        const Directory dir;
        for (mode_t mode : {0640u, 0604u, 0620u, 0601u, 0700u})
            CHECK(refusal(dir.file(key_text, mode)).find("chmod 600") != std::string::npos);
    }

    TEST_CASE("a node key of another user is refused with the remedy") {
        if (geteuid() != 0) return;  // only root can make one
        const Directory dir;
        const std::string path = dir.file(key_text);
        REQUIRE(chown(path.c_str(), 65534, 65534) == 0);
        CHECK(refusal(path).find("chown") != std::string::npos);
    }

    TEST_CASE("a node key of another length is refused, and the length named") {
        const Directory dir;
        CHECK(refusal(dir.file(key_text.substr(1))).find("31") != std::string::npos);
        CHECK(refusal(dir.file(key_text + "\n")).find("33") != std::string::npos);
        CHECK(refusal(dir.file("")).find("has 0") != std::string::npos);
    }

    TEST_CASE("a node key of zeros, as a crash leaves them, is refused") {
        const Directory dir;
        CHECK(refusal(dir.file(std::string(32, '\0'))).find("zero") != std::string::npos);
    }

    TEST_CASE("what is not a file is refused, without waiting for it") {
        const Directory dir;
        CHECK(refusal(dir.path).find("regular file") != std::string::npos);
        const std::string fifo = dir.path + "/fifo";
        REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
        CHECK(refusal(fifo).find("regular file") != std::string::npos);
        CHECK(refusal(dir.path + "/missing").find("lethectl init") != std::string::npos);
    }

    TEST_CASE("a systemd credential is found by its name, group-readable as systemd may show it") {
        const Directory dir;
        dir.file(key_text, 0440);
        REQUIRE(setenv("CREDENTIALS_DIRECTORY", dir.path.c_str(), 1) == 0);
        const auto key = load_node_key_credential("node.key");
        REQUIRE(key.has_value());
        CHECK(hex_of(*key) == hex(as_bytes(key_text)));
        CHECK(!load_node_key(dir.path + "/node.key").has_value());
        SUBCASE("a missing one names the path") {
            CHECK(load_node_key_credential("other").error().find(dir.path + "/other") != std::string::npos);
        }
        SUBCASE("one that others may read is refused") {
            dir.file(key_text, 0444);
            CHECK(!load_node_key_credential("node.key").has_value());
        }
        SUBCASE("one that the group may write is refused") {
            dir.file(key_text, 0660);
            CHECK(!load_node_key_credential("node.key").has_value());
        }
        SUBCASE("a path is not a name") {
            CHECK(!load_node_key_credential("../node.key").has_value());
            CHECK(!load_node_key_credential(dir.path + "/node.key").has_value());
            CHECK(!load_node_key_credential("").has_value());
        }
        REQUIRE(unsetenv("CREDENTIALS_DIRECTORY") == 0);
        CHECK(load_node_key_credential("node.key").error().find("LoadCredential=node.key") !=
              std::string::npos);
    }

    TEST_CASE("random bytes differ from call to call") {
        std::set<std::array<std::uint8_t, 16>> seen;
        for (int i = 0; i < 100; ++i) {
            std::array<std::uint8_t, 16> bytes{};
            random_bytes(bytes);
            seen.insert(bytes);
        }
        CHECK(seen.size() == 100);
    }
}

TEST_SUITE("crypto/sealed_node_key") {
    TEST_CASE("a passphrase opens the known sealed node key") {
        const Directory dir;
        const auto key =
            load_sealed_node_key(dir.file(as_text(unhex(vectors::node_key_sealed))), vectors::passphrase);
        REQUIRE(key.has_value());
        CHECK(hex_of(*key) == vectors::node_key);
    }

    TEST_CASE("a created sealed node key is mode 0600, costs 256 MiB and opens with its passphrase only") {
        const Directory dir;
        const std::string path = dir.path + "/node.key";
        const auto created = create_sealed_node_key(path, "correct horse");
        REQUIRE(created.has_value());
        struct stat info {};
        REQUIRE(stat(path.c_str(), &info) == 0);
        CHECK((info.st_mode & 07777) == 0600);
        std::string content(static_cast<std::size_t>(info.st_size), 0);
        std::ifstream(path, std::ios::binary).read(content.data(), info.st_size);
        CHECK(content.size() == 112);
        CHECK(hex(as_bytes(content).subspan(16, 8)) == "0000000300040000");
        const auto loaded = load_sealed_node_key(path, "correct horse");
        REQUIRE(loaded.has_value());
        CHECK(hex_of(*loaded) == hex_of(*created));
        const auto refused = load_sealed_node_key(path, "correct horses");
        REQUIRE(!refused.has_value());
        CHECK(refused.error().find("wrong passphrase") != std::string::npos);
        CHECK(!create_sealed_node_key(path, "correct horse").has_value());  // never replaced
    }

    TEST_CASE("an empty passphrase is refused and leaves no file") {
        const Directory dir;
        CHECK(!create_sealed_node_key(dir.path + "/node.key", "").has_value());
        CHECK(fs::is_empty(dir.path));
    }

    TEST_CASE("a damaged sealed node key does not open") {
        const Directory dir;
        std::size_t refused = 0;
        const Bytes good = unhex(vectors::node_key_sealed);
        for (std::size_t i = 0; i < good.size(); ++i) {
            Bytes bad = good;
            bad[i] ^= 1;
            refused += !load_sealed_node_key(dir.file(as_text(bad)), vectors::passphrase).has_value();
        }
        CHECK(refused == good.size());
        CHECK(!load_sealed_node_key(dir.file(as_text(good).substr(1)), vectors::passphrase).has_value());
    }

    TEST_CASE("a cost that would take the machine is refused before it is paid") {
        const Directory dir;
        for (const char* cost : {"00000000"
                                 "00000008",
                                 "00000011"
                                 "00000008",
                                 "ffffffff"
                                 "00000008",
                                 "00000001"
                                 "00000007",
                                 "00000001"
                                 "00400001",
                                 "00000001"
                                 "ffffffff"}) {
            Bytes bad = unhex(vectors::node_key_sealed);
            const Bytes changed = unhex(cost);
            std::copy(changed.begin(), changed.end(), bad.begin() + 16);
            const auto key = load_sealed_node_key(dir.file(as_text(bad)), vectors::passphrase);
            REQUIRE(!key.has_value());
            CHECK(key.error().find("damaged; restore") != std::string::npos);
        }
    }

    TEST_CASE(
        "a plain key given for a sealed one, or the other way round, is answered with the setting to "
        "change") {
        const Directory dir;
        CHECK(load_sealed_node_key(dir.file(key_text), "x").error().find("source = \"file\"") !=
              std::string::npos);
        CHECK(refusal(dir.file(as_text(unhex(vectors::node_key_sealed)))).find("source = \"passphrase\"") !=
              std::string::npos);
    }
}
