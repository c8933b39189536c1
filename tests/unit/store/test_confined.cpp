// SPDX-License-Identifier: AGPL-3.0-or-later
#include "store/confined.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "crypto/secret.h"

using namespace lethe;
using namespace lethe::store;
using How = ConfinedEnd::How;

namespace {

ConfinedEnd run(const std::function<int(const Confined&)>& work, ConfinedLimits limits = {.seconds = 5, .required = true}) {
    return run_confined(limits, {}, work);
}

}  // namespace

TEST_SUITE("store/confined") {
    TEST_CASE("what the child says and returns arrives") {
        const auto end = run([](const Confined& parent) {
            const Bytes word(100'000, 7);
            return parent.say(word) && parent.say(word) ? 42 : 0;
        });
        CHECK(end.how == How::finished);
        CHECK(end.status == 42);
        CHECK(end.said == Bytes(200'000, 7));
    }

    TEST_CASE("the child has no key") {
        REQUIRE(crypto::initialise());
        const auto key = crypto::BucketKey::generate();
        const auto end = run([&](const Confined&) {
            return key.with_bytes([](auto bytes) { return std::ranges::all_of(bytes, [](auto byte) { return byte == 0; }); }) ? 1 : 0;
        });
        CHECK(end.status == 1);
        CHECK(key.with_bytes([](auto bytes) { return std::ranges::any_of(bytes, [](auto byte) { return byte != 0; }); }));
    }

    TEST_CASE("the child has only the descriptors it was given") {
        const int kept = ::open("/dev/null", O_RDONLY | O_CLOEXEC), other = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        const int keep[] = {kept};
        const auto end = run_confined({.seconds = 5}, keep, [&](const Confined&) {
            return (::lseek(kept, 0, SEEK_CUR) == 0 ? 1 : 0) + (::lseek(other, 0, SEEK_CUR) < 0 && errno == EBADF ? 2 : 0);
        });
        CHECK(end.status == 3);
        ::close(kept);
        ::close(other);
    }

    TEST_CASE("the child can neither connect nor make processes nor signal others, and once sealed open nothing") {
        const auto end = run([](const Confined& parent) {
            if (::socket(AF_INET, SOCK_STREAM, 0) >= 0 || ::fork() >= 0 || ::kill(::getppid(), 0) == 0 || ::unlink("/nowhere") == 0 || errno != EPERM)
                return 1;
            const int before = ::open("/dev/null", O_RDONLY);
            if (before < 0 || !parent.seal()) return 2;
            return ::open("/dev/null", O_RDONLY) < 0 && errno == EPERM && ::write(before, "x", 1) < 0 ? 0 : 3;
        });
        CHECK(end.how == How::finished);
        CHECK(end.status == 0);
    }

    TEST_CASE("a child that dies, or never ends, or never stops talking, harms nobody") {
        CHECK(run([](const Confined&) -> int { std::abort(); }).how == How::died);
        CHECK(run([](const Confined&) -> int {
                  for (volatile bool on = true; on;) {}
                  return 0;
              }, {.seconds = 1}).how == How::too_long);
        const auto talked = run([](const Confined& parent) -> int {
            while (parent.say(Bytes(65536))) {}
            return 0;
        }, {.seconds = 20, .output = 1 << 20});
        CHECK(talked.how == How::too_long);
        CHECK(talked.said.size() <= 1 << 20);
    }

    TEST_CASE("no child is left behind") {
        for (int i = 0; i < 3; ++i) run([](const Confined&) { return 0; });
        CHECK(::waitpid(-1, nullptr, WNOHANG) < 0);
        CHECK(errno == ECHILD);
    }
}
