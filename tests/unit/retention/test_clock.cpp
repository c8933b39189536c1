// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>
#include <time.h>

#include <thread>
#include <vector>

#include "retention/clock.h"

using namespace lethe::retention;

TEST_SUITE("retention/clock") {
    TEST_CASE("the system clock counts microseconds since the Unix epoch") {
        const SystemClock clock;
        timespec before{}, after{};
        ::clock_gettime(CLOCK_REALTIME, &before);
        const Time now = clock.now();
        ::clock_gettime(CLOCK_REALTIME, &after);
        CHECK(now >= Time{before.tv_sec} * 1'000'000 + before.tv_nsec / 1000);
        CHECK(now <= Time{after.tv_sec} * 1'000'000 + after.tv_nsec / 1000);
    }

    TEST_CASE("no thread sees it go back") {
        const SystemClock clock;
        std::vector<std::jthread> threads;
        std::atomic<int> steps_back = 0;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&] {
                Time last = 0;
                for (int i = 0; i < 20000; ++i) {
                    const Time now = clock.now();
                    if (now < last) ++steps_back;
                    last = now;
                }
            });
        threads.clear();
        CHECK(steps_back == 0);
    }
}
