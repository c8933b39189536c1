// SPDX-License-Identifier: AGPL-3.0-or-later
#include "store/registry.h"

#include <latch>
#include <thread>

#include "store/format.h"
#include "tests/unit/store/support.h"

using namespace lethe;
using namespace lethe::store;
using namespace lethe::store::test;

namespace {

struct Fixture {
    std::filesystem::path path(int n) { return dir.path() / (std::to_string(n) + ".mdb"); }
    Registry::Pin take(int n, Access access = Access::existing) {
        auto pin = registry.acquire(path(n), bucket_layout(), access);
        REQUIRE(pin);
        return std::move(*pin);
    }
    TemporaryDirectory dir;
    Registry registry{3};
};

}  // namespace

TEST_SUITE("store/registry") {
    TEST_CASE_FIXTURE(Fixture,
                      "at most so many stay open; the least recently used goes first, never one in use") {
        {
            const auto used = take(0, Access::create);
            for (int n = 1; n <= 5; ++n) take(n, Access::create);
            CHECK(registry.open_count() == 3);
            const ReadTransaction txn(*used);
            CHECK(txn.code() == 0);
        }
        const auto five = take(5), four = take(4), three = take(3);
        CHECK(registry.open_count() == 3);
        const auto two = take(2);
        CHECK(registry.open_count() == 4);  // all in use
    }

    TEST_CASE_FIXTURE(Fixture, "nothing is made by asking for what is not there") {
        const auto pin = registry.acquire(path(1), bucket_layout());
        REQUIRE(!pin);
        CHECK(pin.error() == ENOENT);
        CHECK(!std::filesystem::exists(path(1)));
        CHECK(registry.open_count() == 0);
    }

    TEST_CASE_FIXTURE(Fixture, "retiring waits for the last reader, who can finish, and lets nobody in") {
        std::latch reading(1), go_on(1);
        take(1, Access::create);
        std::thread reader([&] {
            const auto pin = take(1);
            const ReadTransaction txn(*pin);
            reading.count_down();
            go_on.wait();
            CHECK(txn.count(format::entries).has_value());
        });
        reading.wait();
        std::atomic<bool> retired{false};
        std::thread writer([&] {
            registry.retire(path(1));
            retired = true;
        });
        // The writer has marked it when nobody gets in any more.
        for (;;) {
            auto pin = registry.acquire(path(1), bucket_layout());
            if (pin) continue;
            CHECK(pin.error() == ESHUTDOWN);
            break;
        }
        CHECK(!retired);
        go_on.count_down();
        reader.join();
        writer.join();
        CHECK(registry.open_count() == 0);
        CHECK(registry.acquire(path(1), bucket_layout()).error() == ESHUTDOWN);
        std::filesystem::remove(path(1));
        registry.forget(path(1));
        CHECK(registry.acquire(path(1), bucket_layout()).error() == ENOENT);
    }

    TEST_CASE_FIXTURE(Fixture, "closing lets readers finish and the next one opens afresh") {
        take(1, Access::create);
        registry.close(path(1));
        CHECK(registry.open_count() == 0);
        take(1);
        CHECK(registry.open_count() == 1);
    }
}
