// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "crypto/regular_file.h"

using namespace lethe::crypto;

namespace {

struct Place {
    std::string path = std::filesystem::temp_directory_path() / "lethe-regular-XXXXXX";
    Place() { REQUIRE(mkdtemp(path.data()) != nullptr); }
    ~Place() { std::filesystem::remove_all(path); }
    std::string file(const std::string& name, const std::string& content) const {
        const auto at = path + '/' + name;
        std::ofstream(at, std::ios::binary) << content;
        return at;
    }
};

FileFault fault_of(const std::string& path) {
    const auto read = read_regular(path, 100);
    const auto opened = open_regular(path, 100);
    REQUIRE_FALSE(read.has_value());
    REQUIRE_FALSE(opened.has_value());
    CHECK(read.error().text == opened.error().text);
    return read.error();
}

}  // namespace

TEST_SUITE("crypto/regular file") {
    TEST_CASE("a file is read whole, through a link too") {
        const Place place;
        const std::string content("a\0b\n", 4);
        const auto path = place.file("file", content);
        CHECK(read_regular(path, 4).value() == content);
        std::filesystem::create_symlink(path, place.path + "/link");
        CHECK(read_regular(place.path + "/link", 4).value() == content);
        CHECK(read_regular(place.file("empty", ""), 0).value().empty());
        const auto opened = open_regular(path, 4);
        REQUIRE(opened.has_value());
        CHECK(opened->size == 4);
        CHECK(opened->owner == geteuid());
        CHECK((opened->mode & S_IFMT) == S_IFREG);
    }

    TEST_CASE("what has no end or no beginning is an error at once") {
        const Place place;
        REQUIRE(mkfifo((place.path + "/fifo").c_str(), 0600) == 0);
        CHECK(fault_of(place.path + "/fifo").text == "is a FIFO, not a regular file");
        CHECK(fault_of("/dev/zero").text == "is a device, not a regular file");
        CHECK(fault_of("/dev/null").text == "is a device, not a regular file");
        CHECK(fault_of(place.path).text == "is a directory, not a regular file");
        CHECK(fault_of("/dev/zero").code == 0);
        const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const std::string path = place.path + "/socket";
        REQUIRE(path.size() < sizeof address.sun_path);
        std::memcpy(address.sun_path, path.data(), path.size());
        REQUIRE(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        CHECK(fault_of(path).text == "is a socket, not a regular file");
        ::close(listener);
    }

    TEST_CASE("the system's reason is told where there is one") {
        const Place place;
        CHECK(fault_of(place.path + "/none").text == "cannot be opened (No such file or directory)");
        CHECK(fault_of(place.path + "/none").code == ENOENT);
        CHECK(fault_of(place.file("file", "") + "/below").code == ENOTDIR);
        CHECK(fault_of("").code == ENOENT);
    }

    TEST_CASE("no byte more than asked for is taken, whatever size the file claims") {
        const Place place;
        const auto path = place.file("file", std::string(101, 'x'));
        CHECK(fault_of(path).text == "is larger than 100 bytes");
        CHECK(read_regular(path, 101).value().size() == 101);
        // Of size 0, and not empty.
        const auto status = open_regular("/proc/self/status", 100);
        REQUIRE(status.has_value());
        CHECK(status->size == 0);
        CHECK(read_regular("/proc/self/status", 100).error().text == "is larger than 100 bytes");
        CHECK(read_regular("/proc/self/status", 1 << 20).value().find("Pid:") != std::string::npos);
    }
}
