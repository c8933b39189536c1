// SPDX-License-Identifier: AGPL-3.0-or-later
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ostream>
#include <set>
#include <thread>
#include <type_traits>
#include <vector>

#include "crypto/slab.h"
#include "tests/unit/crypto/fixture.h"

using namespace lethe::crypto_test;

namespace {

using Wide = Secret<struct WideTag, 64>;

template <class T>
concept printable = requires(std::ostream& out, const T& t) {
    out << t;
};
template <class T>
concept comparable = requires(const T& t) {
    t == t;
};

static_assert(!std::is_copy_constructible_v<NodeKey> && !std::is_copy_assignable_v<NodeKey>);
static_assert(std::is_nothrow_move_constructible_v<NodeKey> && std::is_nothrow_move_assignable_v<NodeKey>);
static_assert(!comparable<NodeKey> && !printable<NodeKey>);
static_assert(!std::is_convertible_v<NodeKey, AccountKey> && !std::is_constructible_v<AccountKey, NodeKey>);
static_assert(!std::is_convertible_v<AccountId, BlindKey> && !std::is_constructible_v<BlindKey, AccountId>);

template <class S>
const std::uint8_t* slot_of(const S& secret) {
    return secret.with_bytes([](auto bytes) { return bytes.data(); });
}
bool all_zero(const std::uint8_t* p, std::size_t n) {
    return std::all_of(p, p + n, [](std::uint8_t b) { return b == 0; });
}
Wide filled() {
    return Wide::make([](auto out) { std::fill(out.begin(), out.end(), std::uint8_t{0xAA}); });
}

// Under these sanitizers mlock() does nothing and says that it worked: what a refusal leads to shows in other builds alone.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define LETHE_LOCKING_IS_REAL 1
#else
#define LETHE_LOCKING_IS_REAL 0
#endif

#if LETHE_LOCKING_IS_REAL
/// Runs f in a child that may lock no memory; its return value.
template <class F>
int without_locked_memory(F&& f) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const rlimit none{0, 0};
        // Root may lock whatever the limit says.
        if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0))
            _exit(99);
        _exit(f());
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    return WEXITSTATUS(status);
}
#endif

}  // namespace

TEST_SUITE("crypto/secret") {
    TEST_CASE("initialising again is harmless") {
        CHECK(initialise().has_value());
        CHECK(initialise().has_value());
    }

    TEST_CASE("a slot is zeroed when its secret ends") {
        const std::uint8_t* slot = nullptr;
        {
            const Wide secret = filled();
            slot = slot_of(secret);
            CHECK(slot[0] == 0xAA);
            CHECK(slot[63] == 0xAA);
        }
        CHECK(all_zero(slot, 64));
    }

    TEST_CASE("a slot is zeroed when another secret is moved over it") {
        Wide old = filled();
        const std::uint8_t* const slot = slot_of(old);
        Wide fresh = filled();
        const std::uint8_t* const fresh_slot = slot_of(fresh);
        old = std::move(fresh);
        CHECK(all_zero(slot, 64));
        CHECK(slot_of(old) == fresh_slot);
        CHECK(fresh_slot[0] == 0xAA);
    }

    TEST_CASE("moving hands the slot over and copies nothing") {
        Wide a = filled();
        const std::uint8_t* const slot = slot_of(a);
        const Wide b = std::move(a);
        CHECK(slot_of(b) == slot);
        CHECK(slot[0] == 0xAA);
    }

    TEST_CASE("a fresh slot is zero") {
        { const Wide secret = filled(); }
        bool zero = false;
        const Wide secret = Wide::make([&](auto out) { zero = all_zero(out.data(), out.size()); });
        CHECK(zero);
    }

    TEST_CASE("a child process can wipe every secret that it inherited, and its parent keeps them") {
        const Wide secret = filled();
        const std::uint8_t* const slot = slot_of(secret);
        const pid_t child = fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            wipe_inherited_secrets();
            _exit(all_zero(slot, 64) ? 0 : 1);
        }
        int status = 0;
        REQUIRE(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status));
        CHECK(WEXITSTATUS(status) == 0);
        CHECK(slot[0] == 0xAA);
    }

    TEST_CASE("taking bytes wipes where they came from") {
        std::array<std::uint8_t, 32> source;
        source.fill(7);
        const auto key = NodeKey::take(source);
        CHECK(all_zero(source.data(), source.size()));
        CHECK(key.with_bytes([](auto k) { return k[0] == 7 && k[31] == 7; }));
    }

    TEST_CASE("generated secrets differ, a duplicate is equal and has its own slot") {
        const auto a = NodeKey::generate(), b = NodeKey::generate();
        CHECK(hex_of(a) != hex_of(b));
        const auto copy = a.duplicate();
        CHECK(hex_of(copy) == hex_of(a));
        CHECK(slot_of(copy) != slot_of(a));
    }

    TEST_CASE("wiping leaves zeros") {
        std::array<std::uint8_t, 40> bytes;
        bytes.fill(0xEE);
        detail::wipe(bytes.data(), bytes.size());
        CHECK(all_zero(bytes.data(), bytes.size()));
    }
}

TEST_SUITE("crypto/slab") {
    TEST_CASE("slots are distinct, aligned, and the slab grows when they run out") {
        Slab slab;
        REQUIRE(slab.grow());
        CHECK(slab.free_slots() == Slab::first_region_slots);
        const std::size_t wanted = Slab::first_region_slots + 5;
        std::set<std::uint8_t*> taken;
        for (std::size_t i = 0; i < wanted; ++i) {
            std::uint8_t* const slot = slab.take();
            REQUIRE(slot != nullptr);
            CHECK(reinterpret_cast<std::uintptr_t>(slot) % Slab::slot_bytes == 0);
            CHECK(all_zero(slot, Slab::slot_bytes));
            std::fill_n(slot, Slab::slot_bytes, std::uint8_t{0x55});
            taken.insert(slot);
        }
        CHECK(taken.size() == wanted);
        CHECK(slab.free_slots() == Slab::region_slots - 5);
        for (std::uint8_t* slot : taken) slab.give_back(slot);
        CHECK(slab.free_slots() == Slab::first_region_slots + Slab::region_slots);
        for (std::uint8_t* slot : taken) CHECK(all_zero(slot, Slab::slot_bytes));
    }

#if LETHE_LOCKING_IS_REAL
    TEST_CASE("where no memory can be locked, initialising fails and names the setting") {
        const int outcome = without_locked_memory([] {
            Slab slab;
            const auto done = initialise(slab);
            if (done) return 1;
            if (slab.free_slots() != 0) return 2;
            const bool says_so = done.error().find("LimitMEMLOCK") != std::string::npos &&
                                 done.error().find("0 KiB") != std::string::npos;
            return says_so ? 0 : 3;
        });
        CHECK(outcome == 0);
    }

    TEST_CASE("a slab that cannot grow gives no slot rather than an unlocked one") {
        const int outcome = without_locked_memory([] {
            Slab slab;
            return slab.take() == nullptr ? 0 : 1;
        });
        CHECK(outcome == 0);
    }
#endif

    TEST_CASE("threads that take and return at once never share a slot") {
        Slab slab;
        std::array<bool, 4> clean{};
        {
            std::vector<std::jthread> threads;
            for (std::size_t t = 0; t < clean.size(); ++t)
                threads.emplace_back([&slab, &clean, t] {
                    bool ok = true;
                    for (int round = 0; round < 500; ++round) {
                        std::array<std::uint8_t*, 8> mine;
                        for (auto& slot : mine) {
                            slot = slab.take();
                            ok = ok && all_zero(slot, Slab::slot_bytes);
                            std::fill_n(slot, Slab::slot_bytes, static_cast<std::uint8_t>(t + 1));
                        }
                        for (auto* slot : mine) {
                            ok = ok && slot[0] == t + 1 && slot[63] == t + 1;
                            slab.give_back(slot);
                        }
                    }
                    clean[t] = ok;
                });
        }
        CHECK(clean == std::array{true, true, true, true});
    }
}
